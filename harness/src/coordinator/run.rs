//! The run: boots, benches and rounds in the order of the schedule; every event goes to the journal as it happens.
//! What a guest is, and how its agent is reached, is behind [`Fleet`] and [`AgentLink`].

use super::bench_run::{BenchRun, Stop};
use super::schedule::{BootOrder, Extent, boot_order};
use super::{Plan, Progress};
use crate::bench::{Answer, Measure};
use crate::protocol::Request;
use crate::record::{
    BootRecord, EndRecord, Event, FailureRecord, JournalError, JournalWriter, Phases,
};
use sevbench_guest::{Facts, Interrupt, LaunchRecord};
use sevbench_reports::Outcome;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Makes guests with an agent in each.
pub(super) trait Fleet {
    /// Starts the guest of an arm, by its index in the plan, for one boot. Dropping the link ends the boot.
    fn boot(&mut self, boot: u32, arm: usize) -> Result<(Box<dyn AgentLink>, Booted), AgentError>;
}

/// One agent.
pub(super) trait AgentLink {
    /// Asks, and waits for the answer as long as `expected` and the limit of every request together.
    fn ask(&mut self, request: &Request, expected: Duration) -> Result<Exchange, AgentError>;
    /// Replaces an agent that failed by a fresh one in the same guest.
    fn restart(&mut self) -> Result<(), AgentError>;
    /// Stops the guest while another measures, or lets it go on.
    fn set_paused(&mut self, paused: bool) -> Result<(), AgentError>;
    /// Why the guest itself is of no more use, where that is so.
    fn defect(&mut self) -> Option<String>;
    /// Keeps an idle connection alive; does not wait.
    fn tend(&mut self);
}

/// A request that was answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Exchange {
    pub answer: Answer,
    /// How long the agent took, by the guest's clock.
    pub guest_ns: u64,
    /// How long the coordinator waited, by the host's clock.
    pub host_ns: u64,
}

/// What is known of a guest once its agent has said hello.
#[derive(Clone, Debug)]
pub(super) struct Booted {
    pub phases: Phases,
    pub uploaded: bool,
    pub host_key: String,
    pub agent_resident_bytes: u64,
    pub launch: Option<LaunchRecord>,
    pub facts: Facts,
}

/// Why an agent gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AgentError {
    /// It, its guest or the connection failed, for this reason.
    Failed(String),
    /// The user wants to end.
    Interrupted,
}

impl AgentError {
    pub(super) const fn failed(reason: String) -> Self {
        Self::Failed(reason)
    }

    pub(super) const fn interrupted() -> Self {
        Self::Interrupted
    }
}

/// Everything that a run acts on.
pub(crate) struct Run<'a> {
    pub(super) plan: &'a Plan,
    pub(super) fleet: &'a mut dyn Fleet,
    pub(super) journal: &'a mut JournalWriter,
    pub(super) progress: &'a mut Progress,
    pub(super) interrupt: &'a Interrupt,
    pub(super) start: Instant,
    /// What is asked for in a round, by bench; the same in every boot and arm.
    pub(super) measures: HashMap<usize, Measure>,
    pub(super) links: Vec<Option<Box<dyn AgentLink>>>,
}

/// Runs the plan to its end, or until the user or the disk ends it. `start` is the coordinator's own.
///
/// # Errors
/// If the journal cannot be written; what is in it stays.
pub(crate) fn run_plan(
    plan: &Plan,
    fleet: &mut super::GuestFleet,
    journal: &mut JournalWriter,
    progress: &mut Progress,
    interrupt: &Interrupt,
    start: Instant,
) -> Result<Outcome, JournalError> {
    Run {
        plan,
        fleet,
        journal,
        progress,
        interrupt,
        start,
        measures: HashMap::new(),
        links: Vec::new(),
    }
    .all_boots()
}

impl Run<'_> {
    pub(super) fn all_boots(mut self) -> Result<Outcome, JournalError> {
        let extent = Extent {
            arms: self.plan.arms.len(),
            benches: self.plan.benches.len(),
            rounds: self.plan.settings.rounds,
        };
        let mut outcome = Outcome::Complete;
        for boot in 1..=self.plan.settings.boots {
            let order = boot_order(self.plan.seed, boot, extent);
            match self.one_boot(boot, &order) {
                Ok(()) => {}
                Err(Stop::Interrupted) => {
                    outcome = Outcome::Interrupted;
                    break;
                }
                Err(Stop::NeverStarted) => {
                    outcome = Outcome::Stopped;
                    break;
                }
                Err(Stop::Journal(error)) => {
                    self.links.clear();
                    return Err(error);
                }
            }
        }
        self.links.clear();
        self.journal.append(&Event::End(EndRecord { outcome }))?;
        self.journal.sync()?;
        Ok(outcome)
    }

    fn one_boot(&mut self, boot: u32, order: &BootOrder) -> Result<(), Stop> {
        self.progress.boot(boot);
        self.links.clear();
        self.links.resize_with(self.plan.arms.len(), || None);
        let start = Instant::now();
        for arm in &order.boot_arms {
            self.boot_arm(boot, *arm)?;
        }
        self.progress.booted(start.elapsed());
        for bench in &order.benches {
            self.stop_if_interrupted()?;
            // The control is arm 0; alone it compares with nothing.
            if self.links[0].is_some() && self.links[1..].iter().any(Option::is_some) {
                BenchRun::new(self, boot, bench).run()?;
            }
            self.progress.bench_done();
            self.links.iter_mut().flatten().for_each(|link| link.tend());
        }
        self.links.clear();
        Ok(self.journal.sync()?)
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
                Ok(self.journal.append(&Event::Boot(Box::new(BootRecord {
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
                if boot == 1 { Err(Stop::NeverStarted) } else { Ok(()) }
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
        self.progress.warn(&format!("failed: {what} in {name}, boot {boot}: {reason}"));
        let record = FailureRecord { boot, bench: bench.map(str::to_owned), arm: name, reason };
        Ok(self.journal.append(&Event::Failed(record))?)
    }

    pub(super) fn stop_if_interrupted(&self) -> Result<(), Stop> {
        if self.interrupt.is_set() { Err(Stop::Interrupted) } else { Ok(()) }
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
