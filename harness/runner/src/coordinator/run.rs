//! The run: boots, benches and rounds in the order of the schedule. Every event goes to the journal
//! as it happens. Guests and their agents are behind [`Fleet`].

mod stages;

use super::agent_session::GuestFleet;
use super::bench_run::{BenchContext, BenchRun};
use super::checkpoint::Checkpoint;
use super::early_end::EarlyEnd;
use super::fleet::{AgentError, AgentLink, Booted, Fleet};
use super::plan::Plan;
use super::progress::Progress;
use super::replication::Replication;
use super::run_log::RunLog;
use super::run_state::RunState;
use super::schedule::{BenchOrder, BootOrder, Extent, boot_order};
use crate::record::{
    BootRecord, EndRecord, Event, FailureRecord, JournalError, JournalWriter, SkipRecord,
};
use sevbench_guest::Interrupt;
use sevbench_protocol::{DIFFERENT_LISTS_HINT, Measure};
use sevbench_reports::Outcome;
use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

/// What connects a run to the rest of the process.
pub(crate) struct Wiring<'a> {
    pub journal: &'a mut JournalWriter,
    pub progress: &'a mut Progress,
    pub replication: &'a mut dyn Replication,
    pub interrupt: &'a Interrupt,
    /// When the coordinator started.
    pub start: Instant,
    /// Called once the journal has a round of this process.
    pub on_first_round: &'a mut dyn FnMut(),
}

/// Runs the part of the plan that the checkpoint leaves, to its end or until the user or an error
/// stops it.
///
/// # Errors
/// If the journal cannot be written. What it holds stays.
pub(crate) fn run_plan<'a>(
    plan: &'a Plan,
    fleet: &'a mut GuestFleet,
    wiring: Wiring<'a>,
    checkpoint: &Checkpoint,
) -> Result<Outcome, JournalError> {
    Run::new(plan, fleet, wiring, checkpoint).finish_plan()
}

/// A run in progress.
pub(super) struct Run<'a> {
    plan: &'a Plan,
    fleet: &'a mut dyn Fleet,
    replication: &'a mut dyn Replication,
    log: RunLog<'a>,
    interrupt: &'a Interrupt,
    state: RunState,
    /// What a round asks for, by bench; the same in every boot and arm.
    measures: Vec<Option<Measure>>,
    /// The agents of the current boot block, by arm.
    agents: Vec<Option<Box<dyn AgentLink>>>,
    /// Whether the number of boots is final.
    is_extended: bool,
    /// By arm, the benches of its list that ours lacks, as far as they are recorded.
    unlisted: HashSet<(usize, String)>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        fleet: &'a mut dyn Fleet,
        wiring: Wiring<'a>,
        checkpoint: &Checkpoint,
    ) -> Self {
        let Wiring { journal, progress, replication, interrupt, start, on_first_round } = wiring;
        let is_single_stage = plan.settings.precision_percent.is_none();
        Self {
            plan,
            fleet,
            replication,
            log: RunLog { journal, progress, start, on_first_round: Some(on_first_round) },
            interrupt,
            state: RunState::new(plan, checkpoint),
            measures: checkpoint.measures_of(plan),
            agents: Vec::new(),
            is_extended: is_single_stage || checkpoint.extended.is_some(),
            unlisted: HashSet::new(),
        }
    }

    /// Runs all boot blocks that are left and records how the run ended.
    pub(super) fn finish_plan(mut self) -> Result<Outcome, JournalError> {
        let ended = self.run_boots();
        self.agents.clear();
        let outcome = match ended {
            Ok(()) => Outcome::Complete,
            Err(EarlyEnd::Interrupted) => Outcome::Interrupted,
            Err(EarlyEnd::NeverStarted) => Outcome::Stopped,
            Err(EarlyEnd::BootsLost) => Outcome::BootsLost,
            Err(EarlyEnd::Journal(error)) => return Err(error),
        };
        // A complete run that lacks boots was stopped by the time limit.
        let lacking = match outcome {
            Outcome::Complete | Outcome::BootsLost => self.lacking(),
            _ => BTreeMap::new(),
        };
        self.log.journal.append(&Event::End(EndRecord { outcome, lacking }))?;
        self.log.journal.sync()?;
        Ok(outcome)
    }

    fn run_boots(&mut self) -> Result<(), EarlyEnd> {
        loop {
            if self.state.boots.most_left() == 0 && !self.is_extended {
                self.extend()?;
            }
            if self.state.boots.most_left() == 0 {
                return Ok(());
            }
            if self.state.is_over_time() {
                self.note_cut_off();
                return Ok(());
            }
            self.run_boot()?;
        }
    }

    /// Runs one boot block: boots every arm, then runs every bench that wants this boot.
    fn run_boot(&mut self) -> Result<(), EarlyEnd> {
        self.state.next_boot();
        let order = self.boot_order();
        self.log.progress.boot(self.state.boot, self.state.last_boot);
        self.boot_arms(&order.boot_arms)?;
        for bench in &order.benches {
            EarlyEnd::check(self.interrupt)?;
            self.run_bench(bench)?;
            // The boot is made up for if an arm lost its guest.
            if self.agents.iter().all(Option::is_some) {
                self.state.boots.note_done(bench.bench);
            }
            self.log.progress.advance(self.state.boots.progress());
        }
        let is_whole = self.agents.iter().all(Option::is_some);
        self.agents.clear();
        self.log.journal.sync()?;
        if self.state.note_boot(is_whole) { Ok(()) } else { Err(EarlyEnd::BootsLost) }
    }

    /// The order of the current boot block, without the benches that want no more boots.
    fn boot_order(&self) -> BootOrder {
        let settings = &self.plan.settings;
        let rounds: Vec<u32> = self.plan.benches.iter().map(|id| settings.rounds(id)).collect();
        let extent = Extent { arms: self.plan.arms.len(), rounds: &rounds };
        let mut order = boot_order(self.plan.seed, self.state.boot, extent);
        self.state.boots.keep_wanting(&mut order);
        order
    }

    fn boot_arms(&mut self, arms: &[usize]) -> Result<(), EarlyEnd> {
        self.agents.clear();
        self.agents.resize_with(self.plan.arms.len(), || None);
        let start = Instant::now();
        for arm in arms {
            self.boot_arm(*arm)?;
        }
        self.state.pace.add_boot(start.elapsed());
        Ok(())
    }

    fn boot_arm(&mut self, arm: usize) -> Result<(), EarlyEnd> {
        EarlyEnd::check(self.interrupt)?;
        let booted = self.fleet.boot(self.state.boot, arm).and_then(|(mut agent, booted)| {
            if self.plan.pauses_idle {
                agent.set_paused(true)?;
            }
            Ok((agent, booted))
        });
        match booted {
            Ok((agent, booted)) => {
                self.agents[arm] = Some(agent);
                self.record_boot(arm, booted)
            }
            Err(AgentError::Interrupted) => Err(EarlyEnd::Interrupted),
            Err(AgentError::Failed(reason)) => {
                let (boot, arm) = (self.state.boot, self.plan.arms[arm].name.clone());
                self.log.append_failure(FailureRecord { boot, bench: None, arm, reason })?;
                // A wrong key or host name fails the first time and would fail every time.
                if self.state.is_first_boot() { Err(EarlyEnd::NeverStarted) } else { Ok(()) }
            }
        }
    }

    fn record_boot(&mut self, arm: usize, booted: Booted) -> Result<(), EarlyEnd> {
        self.record_unlisted(arm, &booted.benches)?;
        self.log.append(&Event::Boot(Box::new(BootRecord {
            boot: self.state.boot,
            arm: self.plan.arms[arm].name.clone(),
            phases: booted.phases,
            uploaded: booted.uploaded,
            host_key: booted.host_key,
            agent_resident_bytes: booted.agent_resident_bytes,
            launch: booted.launch,
            facts: booted.facts,
        })))
    }

    /// Records once that a bench is in an arm's list, but not in ours.
    fn record_unlisted(&mut self, arm: usize, benches: &[String]) -> Result<(), EarlyEnd> {
        let plan = self.plan;
        for bench in benches.iter().filter(|id| plan.list.lacks(id)) {
            if self.unlisted.insert((arm, bench.clone())) {
                self.log.append(&Event::Skipped(SkipRecord {
                    boot: self.state.boot,
                    bench: bench.clone(),
                    arm: plan.arms[arm].name.clone(),
                    reason: "the list of benches that the coordinator makes lacks it".into(),
                    hint: DIFFERENT_LISTS_HINT.into(),
                }))?;
            }
        }
        Ok(())
    }

    /// Runs a bench if the control, which is arm 0, and at least one treatment are up.
    fn run_bench(&mut self, order: &BenchOrder) -> Result<(), EarlyEnd> {
        if self.agents[0].is_none() || self.agents[1..].iter().all(Option::is_none) {
            return Ok(());
        }
        let start = Instant::now();
        let bench = BenchRun::new(BenchContext {
            plan: self.plan,
            state: &self.state,
            order,
            agents: &mut self.agents,
            measure: &mut self.measures[order.bench],
            log: &mut self.log,
            interrupt: self.interrupt,
        });
        bench.run()?;
        self.state.pace.add_bench(order.bench, start.elapsed());
        Ok(())
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
