//! The run: boots, benches and rounds in the order of the schedule; every event goes to the journal as it happens.
//! What a guest is, and how its agent is reached, is behind [`Fleet`].

use super::bench_run::{BenchRun, Stop};
use super::fleet::{AgentError, AgentLink, Fleet};
use super::past::Past;
use super::plan::STAGES_MAX;
use super::progress::Place;
use super::replication::{Boots, Pace};
use super::schedule::{Extent, boot_order};
use super::{Plan, Progress, Replication};
use crate::record::{BootRecord, EndRecord, Event, FailureRecord, JournalError, JournalWriter};
use sevbench_guest::Interrupt;
use sevbench_protocol::Measure;
use sevbench_reports::Outcome;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// What a run writes to, shows itself on, asks and obeys.
pub(crate) struct Wiring<'a> {
    pub journal: &'a mut JournalWriter,
    pub progress: &'a mut Progress,
    pub replication: &'a mut dyn Replication,
    pub interrupt: &'a Interrupt,
    /// The start of the coordinator.
    pub start: Instant,
}

/// Everything that a run acts on.
pub(crate) struct Run<'a> {
    pub(super) plan: &'a Plan,
    pub(super) fleet: &'a mut dyn Fleet,
    pub(super) wiring: Wiring<'a>,
    /// What is asked for in a round, by bench; the same in every boot and arm.
    pub(super) measures: HashMap<usize, Measure>,
    pub(super) links: Vec<Option<Box<dyn AgentLink>>>,
    pub(super) boots: Boots,
    pub(super) pace: Pace,
    /// The boot block that runs or ran last, and the first of this process.
    pub(super) boot: u32,
    pub(super) first_boot: u32,
    /// The last one that the benches want, for all that is known.
    last_boot: u32,
    pub(super) is_extended: bool,
    /// When the run, or this part of it, began.
    began: Instant,
    /// After so long from then no boot block starts.
    pub(super) time_max: Option<Duration>,
}

/// Runs what the past has left of the plan to its end, or until the user or the disk ends it.
///
/// # Errors
/// If the journal cannot be written; what is in it stays.
pub(crate) fn run_plan<'a>(
    plan: &'a Plan,
    fleet: &'a mut super::GuestFleet,
    wiring: Wiring<'a>,
    past: &Past,
) -> Result<Outcome, JournalError> {
    Run::new(plan, fleet, wiring, past).all_boots()
}

impl<'a> Run<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        fleet: &'a mut dyn Fleet,
        wiring: Wiring<'a>,
        past: &Past,
    ) -> Self {
        let settings = &plan.settings;
        let mut boots = Boots::new(past.done_of(plan), settings.boots);
        let mut time_max = settings.max_time_ns.map(Duration::from_nanos);
        if let Some(extended) = &past.extended {
            for (bench, id) in plan.benches.iter().enumerate() {
                boots.want(bench, extended.benches.get(id).copied().unwrap_or(0));
            }
            let first_stage = Duration::from_nanos(extended.first_stage_ns);
            time_max.get_or_insert(first_stage * (STAGES_MAX - 1));
        }
        Self {
            plan,
            fleet,
            wiring,
            measures: past.measures_of(plan),
            links: Vec::new(),
            boots,
            pace: Pace::default(),
            boot: past.last_boot,
            first_boot: past.last_boot.saturating_add(1),
            last_boot: past.last_boot,
            is_extended: settings.precision_percent.is_none() || past.extended.is_some(),
            began: Instant::now(),
            time_max,
        }
    }

    pub(super) fn all_boots(mut self) -> Result<Outcome, JournalError> {
        let ended = self.boot_blocks();
        self.links.clear();
        let outcome = match ended {
            Ok(()) => Outcome::Complete,
            Err(Stop::Interrupted) => Outcome::Interrupted,
            Err(Stop::NeverStarted) => Outcome::Stopped,
            Err(Stop::Journal(error)) => return Err(error),
        };
        // One that came to its end all the same was cut off.
        let lacking = match outcome {
            Outcome::Complete => self.lacking(),
            _ => BTreeMap::new(),
        };
        let end = EndRecord { outcome, lacking };
        self.wiring.journal.append(&Event::End(end))?;
        self.wiring.journal.sync()?;
        Ok(outcome)
    }

    fn boot_blocks(&mut self) -> Result<(), Stop> {
        loop {
            if self.boots.most_left() == 0 && !self.is_extended {
                self.extend()?;
            }
            if self.boots.most_left() == 0 {
                return Ok(());
            }
            if self.boot >= self.first_boot && self.is_over_time() {
                self.tell_what_is_cut_off();
                return Ok(());
            }
            self.boot += 1;
            self.one_boot()?;
        }
    }

    /// How long it has run.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Shows that a round begins.
    pub(super) fn show_round(&mut self, bench: &str, round: u32) {
        let (boot, boots, rounds) = (self.boot, self.last_boot, self.plan.settings.rounds);
        let left = self.time_left(boots - boot);
        self.wiring.progress.round(Place { boot, boots, bench, round, rounds }, left);
    }

    fn one_boot(&mut self) -> Result<(), Stop> {
        let extent = Extent {
            arms: self.plan.arms.len(),
            benches: self.plan.benches.len(),
            rounds: self.plan.settings.rounds,
        };
        let boot = self.boot;
        let mut order = boot_order(self.plan.seed, boot, extent);
        self.boots.keep_wanting(&mut order);
        self.last_boot = boot.saturating_add(self.boots.most_left() - 1);
        self.wiring.progress.boot(boot, self.last_boot);
        self.links.clear();
        self.links.resize_with(self.plan.arms.len(), || None);
        let start = Instant::now();
        for arm in &order.boot_arms {
            self.boot_arm(boot, *arm)?;
        }
        self.pace.add_boot(start.elapsed());
        for bench in &order.benches {
            self.stop_if_interrupted()?;
            let start = Instant::now();
            // The control is arm 0; alone it compares with nothing.
            if self.links[0].is_some() && self.links[1..].iter().any(Option::is_some) {
                BenchRun::new(self, boot, bench).run()?;
                self.pace.add_bench(bench.bench, start.elapsed());
            }
            self.boots.note_done(bench.bench);
            self.wiring.progress.advance(self.boots.progress());
            self.links.iter_mut().flatten().for_each(|link| link.tend());
        }
        self.links.clear();
        Ok(self.wiring.journal.sync()?)
    }

    fn boot_arm(&mut self, boot: u32, arm: usize) -> Result<(), Stop> {
        self.stop_if_interrupted()?;
        let booted = self.fleet.boot(boot, arm).and_then(|(mut link, booted)| {
            if self.plan.pauses_idle {
                link.set_paused(true)?;
            }
            Ok((link, booted))
        });
        match booted {
            Ok((link, booted)) => {
                self.links[arm] = Some(link);
                Ok(self.wiring.journal.append(&Event::Boot(Box::new(BootRecord {
                    boot,
                    arm: self.plan.arms[arm].name.clone(),
                    phases: booted.phases,
                    uploaded: booted.uploaded,
                    host_key: booted.host_key,
                    agent_resident_bytes: booted.agent_resident_bytes,
                    launch: booted.launch,
                    facts: booted.facts,
                })))?)
            }
            Err(AgentError::Interrupted) => Err(Stop::Interrupted),
            Err(AgentError::Failed(reason)) => {
                self.note_failure(boot, None, arm, reason)?;
                // What did not work the first time will not work the next: a wrong key, no such host.
                if boot == self.first_boot { Err(Stop::NeverStarted) } else { Ok(()) }
            }
        }
    }

    /// Records a failure of a bench, or of a whole arm in this boot, and tells the user at once.
    pub(super) fn note_failure(
        &mut self,
        boot: u32,
        bench: Option<&str>,
        arm: usize,
        reason: String,
    ) -> Result<(), Stop> {
        let name = self.plan.arms[arm].name.clone();
        let what = bench.unwrap_or("the guest");
        self.wiring.progress.warn(&format!("failed: {what} in {name}, boot {boot}: {reason}"));
        let record = FailureRecord { boot, bench: bench.map(str::to_owned), arm: name, reason };
        Ok(self.wiring.journal.append(&Event::Failed(record))?)
    }

    pub(super) fn stop_if_interrupted(&self) -> Result<(), Stop> {
        if self.wiring.interrupt.is_set() { Err(Stop::Interrupted) } else { Ok(()) }
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
