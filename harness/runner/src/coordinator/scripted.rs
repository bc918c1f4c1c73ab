//! Scripted guests and agents for the tests of a run. Nothing sleeps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

pub(super) mod checks;

use super::fleet::{AgentError, AgentLink, Booted, Fleet};
use super::replication::Replication;
use crate::record::{Phases, read_journal};
use sevbench_guest::Facts;
use sevbench_protocol::{
    BenchAnswer, BenchRequest, Conditions, Observation, Observed, ObservedValue, Ready, Reply,
    Request, SampleKind, Unit, WarmUpSeries,
};
use std::cell::Cell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// What goes wrong in a scripted run.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Trouble {
    None,
    /// The guest of this arm does not start in this boot.
    NoBoot(usize, u32),
    /// The agent of this arm dies at its nth request of a bench.
    Dies(usize, &'static str, usize),
    /// The same, and the guest dies too.
    GuestDies(usize, &'static str, usize),
    /// The list of this arm has another bench.
    ListsMore(usize, &'static str),
    /// The bench is skipped in this arm.
    Skips(usize, &'static str),
    /// Verification fails in this arm.
    Wrong(usize, &'static str),
    /// The bench drives an external program in all arms below this one.
    Observes(usize, &'static str),
    /// The bench drives an external program, whose figures do not fit into a line of the journal.
    Overflows(&'static str),
    /// Warm-ups never reach a steady state.
    Jumps,
    /// The user interrupts at the nth request of arm 0.
    Interrupts(usize),
}

struct ScriptedFleet {
    trouble: Trouble,
    boots: [u32; 2],
    running: Rc<Cell<i32>>,
}

struct ScriptedAgent {
    arm: usize,
    trouble: Trouble,
    bench: String,
    requests: usize,
    all_requests: usize,
    /// The number of guests that run now.
    running: Rc<Cell<i32>>,
}

impl Fleet for ScriptedFleet {
    fn boot(&mut self, _: u32, arm: usize) -> Result<(Box<dyn AgentLink>, Booted), AgentError> {
        self.boots[arm] += 1;
        if self.trouble == Trouble::NoBoot(arm, self.boots[arm]) {
            return Err(AgentError::failed("no such host".into()));
        }
        let agent = ScriptedAgent {
            arm,
            trouble: self.trouble,
            bench: String::new(),
            requests: 0,
            all_requests: 0,
            running: Rc::clone(&self.running),
        };
        self.running.set(self.running.get() + 1);
        let booted = Booted {
            phases: Phases::default(),
            uploaded: true,
            host_key: "SHA256:x".into(),
            agent_resident_bytes: 1,
            launch: None,
            facts: Facts::default(),
            benches: self.benches(arm),
        };
        Ok((Box::new(agent), booted))
    }
}

impl ScriptedFleet {
    fn benches(&self, arm: usize) -> Vec<String> {
        let more = match self.trouble {
            Trouble::ListsMore(of_arm, id) if of_arm == arm => Some(id),
            _ => None,
        };
        ["s/a", "s/b"].into_iter().chain(more).map(str::to_owned).collect()
    }
}

impl AgentLink for ScriptedAgent {
    fn ask(&mut self, request: &Request, expected: Duration) -> Result<Reply, AgentError> {
        if let Request::Start { bench, .. } = request {
            self.bench.clone_from(bench);
            self.requests = 0;
        }
        assert_eq!(self.running.get(), 1, "only the guest that is asked runs");
        self.requests += 1;
        self.all_requests += 1;
        let bench = self.bench.as_str();
        match self.trouble {
            Trouble::Dies(arm, id, nth) | Trouble::GuestDies(arm, id, nth)
                if arm == self.arm && id == bench && nth == self.requests =>
            {
                if matches!(self.trouble, Trouble::GuestDies(..)) {
                    self.running.set(0);
                }
                return Err(AgentError::failed("the agent ended (killed by SIGKILL)".into()));
            }
            Trouble::Interrupts(nth) if self.arm == 0 && nth == self.all_requests => {
                return Err(AgentError::interrupted());
            }
            _ => {}
        }
        let conditions = Conditions {
            guest_ns: Some(1),
            host_ns: Some(2),
            steal_ns: Some(10_000_000),
            clock_step_ns: -5,
            transport_retries: Some(1),
            stopped: false,
        };
        Ok(Reply { answer: self.answer(request, expected), conditions })
    }

    fn restart(&mut self) -> Result<(), AgentError> {
        Ok(())
    }

    fn set_paused(&mut self, paused: bool) -> Result<(), AgentError> {
        let running = self.running.get();
        self.running.set(if paused { running - 1 } else { running + 1 });
        assert!((0..=1).contains(&self.running.get()), "two guests ran at the same time");
        Ok(())
    }

    fn defect(&mut self) -> Option<String> {
        let Trouble::GuestDies(arm, _, nth) = self.trouble else { return None };
        (arm == self.arm && nth == self.requests).then(|| "QEMU ended".into())
    }
}

impl ScriptedAgent {
    fn answer(&self, request: &Request, expected: Duration) -> BenchAnswer {
        let observes = match self.trouble {
            Trouble::Observes(arms, id) => self.arm < arms && id == self.bench,
            Trouble::Overflows(id) => id == self.bench,
            _ => false,
        };
        match request {
            Request::Start { .. } if self.trouble_is(Trouble::Skips) => {
                BenchAnswer::Skipped { reason: "no disk".into(), hint: "add one".into() }
            }
            Request::Start { .. } => {
                let kind = if observes { SampleKind::Observed } else { SampleKind::Timed };
                BenchAnswer::Ready(Ready { kind, throughput: None, operations: 1 })
            }
            Request::Drive(BenchRequest::WarmUp { .. }) => {
                // An iteration takes 100 ns. In a bench that is never steady, the last quarter
                // takes ten times as long.
                let is_late = |batch: u64| self.trouble == Trouble::Jumps && batch >= 15;
                let batch_ns = |batch: u64| if is_late(batch) { 10_000 } else { 1_000 } + batch % 3;
                let elapsed_ns = (0..20).map(batch_ns).collect();
                let iterations = if observes { Vec::new() } else { vec![10; 20] };
                let elapsed_ns = if observes { Vec::new() } else { elapsed_ns };
                BenchAnswer::Warm(WarmUpSeries { iterations, elapsed_ns })
            }
            Request::Drive(BenchRequest::Measure(measure)) => {
                BenchAnswer::Samples(vec![measure.iterations * 100; measure.samples as usize])
            }
            Request::Drive(BenchRequest::Observe { duration_ns }) => {
                assert_eq!(
                    expected,
                    Duration::from_nanos(2 * duration_ns) + Duration::from_secs(60)
                );
                let observations = match self.trouble {
                    Trouble::Overflows(_) => vec![wide_distribution()],
                    _ => vec![Observation::rate("rate", 1.0, Unit::Iops)],
                };
                let measured = Duration::from_nanos(*duration_ns);
                BenchAnswer::Observed(Observed::from(observations).measured_for(measured))
            }
            Request::Drive(BenchRequest::Finish) if self.trouble_is(Trouble::Wrong) => {
                BenchAnswer::Failed("panicked: a wrong byte".into())
            }
            Request::Drive(BenchRequest::Finish) => BenchAnswer::Finished,
        }
    }

    fn trouble_is(&self, kind: impl Fn(usize, &'static str) -> Trouble) -> bool {
        ["s/a", "s/b"].iter().any(|id| *id == self.bench && self.trouble == kind(self.arm, id))
    }
}

/// In JSON, two of these are longer than a line may be.
fn wide_distribution() -> Observation {
    let counts = (1_000_000..4_000_000).map(|ns| (ns, 1)).collect();
    let value = ObservedValue::Distribution { significant_digits: 3, bin_width: None, counts };
    Observation { name: "latency".into(), value }
}

/// Wants a fixed number of boots, and counts how often it is asked.
pub(super) struct ScriptedReplication {
    pub wanted: Result<Vec<(&'static str, u32)>, &'static str>,
    pub asked: u32,
}

impl Replication for ScriptedReplication {
    fn boots_wanted(&mut self, journal: &Path) -> Result<HashMap<String, u32>, String> {
        self.asked += 1;
        assert!(read_journal(journal).unwrap().tail.end.is_none());
        let wanted = self.wanted.clone().map_err(str::to_owned)?;
        Ok(wanted.into_iter().map(|(id, boots)| (id.to_owned(), boots)).collect())
    }
}
