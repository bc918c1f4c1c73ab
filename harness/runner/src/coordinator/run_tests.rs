//! The run against scripted agents: what is asked, what is recorded, how failures are kept apart. Nothing sleeps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::super::fleet::{Booted, Exchange};
use super::super::{Arm, ProgressMode};
use super::*;
use crate::record::{
    Header, JOURNAL_SCHEMA, Journal, Phases, RoundSamples, Settings, read_journal,
};
use sevbench_guest::{Facts, MachineSettings};
use sevbench_protocol::Request;
use sevbench_protocol::{
    BenchAnswer, BenchRequest, Observation, Observed, Ready, SampleKind, Unit, WarmUpSeries,
};
use sevbench_reports::Role;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

/// What a scripted agent does instead of its work.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    None,
    /// The guest of this arm does not start in this boot.
    NoBoot(usize, u32),
    /// The agent of this arm dies at its nth request of a bench.
    Dies(usize, &'static str, usize),
    /// The same, and the guest is gone with it.
    GuestDies(usize, &'static str, usize),
    /// The bench is skipped in this arm.
    Skips(usize, &'static str),
    /// Verification fails in this arm.
    Wrong(usize, &'static str),
    /// The bench drives an outside program, in all arms below this one.
    Observes(usize, &'static str),
    /// Warm-ups show no steady state.
    Jumps,
    /// The user interrupts at the nth request of arm 0.
    Interrupts(usize),
}

struct ScriptedFleet {
    trouble: Trouble,
    boots: [u32; 2],
    log: Rc<RefCell<Vec<String>>>,
    running: Rc<Cell<i32>>,
}

struct ScriptedAgent {
    arm: usize,
    trouble: Trouble,
    bench: String,
    requests: usize,
    all_requests: usize,
    log: Rc<RefCell<Vec<String>>>,
    /// How many guests run.
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
            log: Rc::clone(&self.log),
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
        };
        Ok((Box::new(agent), booted))
    }
}

impl AgentLink for ScriptedAgent {
    fn ask(&mut self, request: &Request, expected: Duration) -> Result<Exchange, AgentError> {
        if let Request::Start { bench, .. } = request {
            self.bench.clone_from(bench);
            self.requests = 0;
        }
        assert_eq!(self.running.get(), 1, "one guest runs while it is asked");
        self.requests += 1;
        self.all_requests += 1;
        let bench = self.bench.as_str();
        self.log.borrow_mut().push(format!("{} {bench}", self.arm));
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
        let observes =
            matches!(self.trouble, Trouble::Observes(arms, id) if self.arm < arms && id == bench);
        let answer = match request {
            Request::Start { .. } if self.trouble_is(Trouble::Skips) => {
                BenchAnswer::Skipped { reason: "no disk".into(), hint: "add one".into() }
            }
            Request::Start { .. } => {
                let kind = if observes { SampleKind::Observed } else { SampleKind::Timed };
                BenchAnswer::Ready(Ready { kind, throughput: None, operations: 1 })
            }
            Request::Drive(BenchRequest::WarmUp { .. }) => {
                // An iteration takes 100 ns, and ten times as long in the last quarter where a bench is never steady.
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
                let observations = vec![Observation::rate("rate", 1.0, Unit::Iops)];
                let measured = Some(Duration::from_nanos(*duration_ns));
                BenchAnswer::Observed(Observed { observations, measured })
            }
            Request::Drive(BenchRequest::Finish) if self.trouble_is(Trouble::Wrong) => {
                BenchAnswer::Failed("panicked: a wrong byte".into())
            }
            Request::Drive(BenchRequest::Finish) => BenchAnswer::Finished,
        };
        Ok(Exchange {
            answer,
            guest_ns: 1,
            host_ns: 2,
            steal_ns: Some(10_000_000),
            clock_step_ns: -5,
            transport_retries: Some(1),
        })
    }

    fn restart(&mut self) -> Result<(), AgentError> {
        Ok(())
    }

    fn set_paused(&mut self, paused: bool) -> Result<(), AgentError> {
        let running = self.running.get();
        self.running.set(if paused { running - 1 } else { running + 1 });
        assert!((0..=1).contains(&self.running.get()), "guests run at the same time");
        Ok(())
    }

    fn defect(&mut self) -> Option<String> {
        let Trouble::GuestDies(arm, _, nth) = self.trouble else { return None };
        (arm == self.arm && nth == self.requests).then(|| "QEMU ended".into())
    }

    fn tend(&mut self) {}
}

impl ScriptedAgent {
    fn trouble_is(&self, kind: impl Fn(usize, &'static str) -> Trouble) -> bool {
        ["s/a", "s/b"].iter().any(|id| *id == self.bench && self.trouble == kind(self.arm, id))
    }
}

fn plan() -> Plan {
    let settings = Settings {
        margin_source: None,
        boots: 2,
        precision_percent: None,
        max_time_ns: None,
        rounds: 3,
        samples: 2,
        warm_up_ns: 1_000,
        measurement_ns: 6_000,
        observation_ns: 1_000,
        timeout_ns: 1,
        boot_timeout_ns: None,
        no_pause: false,
        confidence: 0.95,
        margin_percent: 3.0,
        margins: Vec::new(),
    };
    let machine = MachineSettings::default();
    let arms = vec![
        Arm::named("nosev", Role::Control, "loopback", &machine).unwrap(),
        Arm::named("aa", Role::Treatment, "loopback", &machine).unwrap(),
    ];
    let benches = vec!["s/a".into(), "s/b".into()];
    Plan {
        suite: "s",
        benches,
        observed: 0,
        arms,
        testbed: "loopback".into(),
        seed: 1,
        pauses_idle: true,
        settings,
    }
}

/// Wants so many boots of a bench in all, and counts how often it is asked.
struct ScriptedReplication {
    wanted: Result<Vec<(&'static str, u32)>, &'static str>,
    asked: u32,
}

impl Replication for ScriptedReplication {
    fn boots_wanted(&mut self, journal: &Path) -> Result<HashMap<String, u32>, String> {
        self.asked += 1;
        assert!(read_journal(journal).unwrap().tail.end.is_none());
        let wanted = self.wanted.clone().map_err(str::to_owned)?;
        Ok(wanted.into_iter().map(|(id, boots)| (id.to_owned(), boots)).collect())
    }
}

fn check(trouble: Trouble) -> (Outcome, Journal) {
    let mut replication = ScriptedReplication { wanted: Ok(vec![("s/a", 9)]), asked: 0 };
    let ran = check_plan(plan(), trouble, &mut replication);
    assert_eq!(replication.asked, 0, "the number of boots is fixed");
    ran
}

fn check_plan(
    plan: Plan,
    trouble: Trouble,
    replication: &mut ScriptedReplication,
) -> (Outcome, Journal) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    let mut journal = start_journal(&path, &plan);
    let outcome = go_on(&plan, trouble, replication, &mut journal, &Past::default());
    (outcome, read_journal(&path).unwrap())
}

fn start_journal(path: &Path, plan: &Plan) -> JournalWriter {
    let header = Header {
        schema: JOURNAL_SCHEMA.into(),
        id: "id".into(),
        suite: "s".into(),
        testbed: "loopback".into(),
        started: String::new(),
        seed: 1,
        sevbench_version: String::new(),
        executable_sha256: String::new(),
        host: BTreeMap::new(),
        arms: plan.arms.iter().map(Arm::record).collect(),
        benches: plan.benches.clone(),
        settings: plan.settings.clone(),
    };
    JournalWriter::create(path, &header).unwrap()
}

fn go_on(
    plan: &Plan,
    trouble: Trouble,
    replication: &mut ScriptedReplication,
    journal: &mut JournalWriter,
    past: &Past,
) -> Outcome {
    let mut fleet =
        ScriptedFleet { trouble, boots: [0; 2], log: Rc::default(), running: Rc::default() };
    let wiring = Wiring {
        journal,
        progress: &mut Progress::new(ProgressMode::Quiet),
        replication,
        interrupt: &Interrupt::new(),
        start: Instant::now(),
    };
    Run::new(plan, &mut fleet, wiring, past).all_boots().unwrap()
}

/// (boot, bench) of each recorded round.
fn rounds(journal: &Journal) -> Vec<(u32, &str)> {
    let round = |event: &'_ Event| match event {
        Event::Round(round) => Some((round.boot, round.bench.clone())),
        _ => None,
    };
    let mut rounds: Vec<_> = journal.events.iter().filter_map(round).collect();
    rounds.sort();
    rounds
        .into_iter()
        .map(|(boot, bench)| (boot, if bench == "s/a" { "s/a" } else { "s/b" }))
        .collect()
}

fn failures(journal: &Journal) -> Vec<(u32, Option<&str>, &str)> {
    journal
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Failed(failure) => {
                Some((failure.boot, failure.bench.as_deref(), failure.arm.as_str()))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn every_bench_has_every_round_of_every_boot_with_the_same_iterations() {
    let (outcome, journal) = check(Trouble::None);
    assert_eq!(outcome, Outcome::Complete);
    assert_eq!(rounds(&journal).len(), 2 * 2 * 3);
    for event in &journal.events {
        if let Event::Round(round) = event {
            // A sample is 6000 ns ÷ (3 rounds × 2 samples), an iteration 100 ns.
            assert_eq!((round.iterations, round.arms.len()), (10, 2));
            for arm in &round.arms {
                let outside = (arm.steal_ns, arm.clock_step_ns, arm.transport_retries);
                assert_eq!(outside, (Some(10_000_000), -5, Some(1)));
            }
        }
    }
    assert_eq!(journal.tail.end.unwrap().outcome, Outcome::Complete);
}

#[test]
fn a_guest_that_does_not_start_costs_its_boot_only() {
    let (outcome, journal) = check(Trouble::NoBoot(1, 2));
    assert_eq!(outcome, Outcome::Complete);
    assert_eq!(failures(&journal), [(2, None, "aa")]);
    assert!(rounds(&journal).iter().all(|(boot, _)| *boot == 1));
    assert_eq!(rounds(&journal).len(), 2 * 3);
}

#[test]
fn a_guest_that_never_started_ends_the_run_at_once() {
    let (outcome, journal) = check(Trouble::NoBoot(0, 1));
    assert_eq!((outcome, failures(&journal)), (Outcome::Stopped, vec![(1, None, "nosev")]));
}

#[test]
fn an_agent_that_dies_in_a_round_fails_that_bench_and_the_next_goes_on() {
    // Requests of a bench: start, warm-up, then the rounds: the fourth is the second round.
    let (_, journal) = check(Trouble::Dies(1, "s/a", 4));
    assert_eq!(failures(&journal), [(1, Some("s/a"), "aa"), (2, Some("s/a"), "aa")]);
    let of_a = rounds(&journal).iter().filter(|(_, bench)| *bench == "s/a").count();
    assert_eq!((of_a, rounds(&journal).len() - of_a), (2, 6));
}

#[test]
fn a_guest_that_dies_in_a_round_is_not_asked_again_in_that_boot() {
    let (outcome, journal) = check(Trouble::GuestDies(1, "s/a", 4));
    assert_eq!(outcome, Outcome::Complete);
    // A boot in which `s/a` is the first bench has no other; one in which it is the last has all of `s/b`.
    let lost = failures(&journal).iter().filter(|(_, bench, _)| bench.is_none()).count();
    assert_eq!(lost, 2, "the guest is reported once a boot");
    let of_b = rounds(&journal).iter().filter(|(_, bench)| *bench == "s/b").count();
    assert!(of_b == 0 || of_b == 3 || of_b == 6);
}

#[test]
fn a_skip_is_recorded_and_the_other_arm_is_dismissed() {
    let (_, journal) = check(Trouble::Skips(0, "s/b"));
    let skips = journal.events.iter().filter(|event| matches!(event, Event::Skipped(_))).count();
    assert_eq!((skips, failures(&journal).len(), rounds(&journal).len()), (2, 0, 6));
}

#[test]
fn a_verification_that_fails_is_a_failure() {
    let (_, journal) = check(Trouble::Wrong(0, "s/a"));
    assert_eq!(failures(&journal), [(1, Some("s/a"), "nosev"), (2, Some("s/a"), "nosev")]);
}

/// The lengths of the warm-up series of each arm and bench in a boot.
fn warm_ups(journal: &Journal) -> Vec<usize> {
    let series = journal.events.iter().filter_map(|event| match event {
        Event::WarmUp(series) => Some(series),
        _ => None,
    });
    series
        .map(|series| {
            assert_eq!(series.iterations.len(), series.elapsed_ns.len());
            series.iterations.len()
        })
        .collect()
}

#[test]
fn an_arm_warms_up_until_it_is_steady_or_four_times() {
    assert_eq!(warm_ups(&check(Trouble::None).1), [20; 2 * 2 * 2]);
    assert_eq!(warm_ups(&check(Trouble::Jumps).1), [80; 2 * 2 * 2]);
    assert_eq!(warm_ups(&check(Trouble::Observes(2, "s/b")).1), [20; 2 * 2], "programs have none");
}

#[test]
fn an_outside_program_is_observed_once_a_round_for_as_long_as_was_said() {
    let (_, journal) = check(Trouble::Observes(2, "s/b"));
    assert_eq!(failures(&journal), []);
    let rounds = journal.events.iter().filter_map(|event| match event {
        Event::Round(round) if round.bench == "s/b" => Some(round),
        _ => None,
    });
    for arm in rounds.clone().flat_map(|round| &round.arms) {
        assert!(matches!(&arm.samples, RoundSamples::Observations(lists) if lists.len() == 1));
        assert_eq!(arm.measured_ns, Some(1_000));
    }
    assert_eq!(rounds.map(|round| round.iterations).collect::<Vec<_>>(), [1; 6]);
}

#[test]
fn arms_that_measure_in_different_ways_are_not_compared() {
    let (_, journal) = check(Trouble::Observes(1, "s/b"));
    assert_eq!(failures(&journal).len(), 2);
    assert!(rounds(&journal).iter().all(|(_, bench)| *bench == "s/a"));
}

#[test]
fn an_interrupt_keeps_what_is_there() {
    let (outcome, journal) = check(Trouble::Interrupts(8));
    assert_eq!(outcome, Outcome::Interrupted);
    assert_eq!(journal.tail.end.as_ref().unwrap().outcome, Outcome::Interrupted);
    assert!(!rounds(&journal).is_empty() && failures(&journal).is_empty());
}

#[path = "run_stage_tests.rs"]
mod stages;
