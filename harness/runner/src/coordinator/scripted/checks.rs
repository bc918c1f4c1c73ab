//! Runs a plan of two benches against scripted agents, and reads what it recorded.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::{ScriptedFleet, ScriptedReplication, Trouble};
use crate::coordinator::arm::Arm;
use crate::coordinator::checkpoint::Checkpoint;
use crate::coordinator::plan::Plan;
use crate::coordinator::progress::{Progress, ProgressMode};
use crate::coordinator::run::{Run, Wiring};
use crate::coordinator::selection::{OwnList, Selection};
use crate::record::{Event, Header, Journal, JournalError, JournalWriter, Settings, read_journal};
use sevbench_guest::{Interrupt, MachineSettings};
use sevbench_reports::{Outcome, Role};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

/// Two boots of three rounds of two benches, without a second stage.
pub(in crate::coordinator) fn plan() -> Plan {
    let settings = Settings {
        boots: 2,
        rounds: 3,
        samples: 2,
        warm_up_ns: 1_000,
        measurement_ns: 6_000,
        observation_ns: 1_000,
        ..Settings::smallest()
    };
    let machine = MachineSettings::default();
    let arms = vec![
        Arm::named("nosev", Role::Control, "loopback", &machine, Path::new("")).unwrap(),
        Arm::named("aa", Role::Treatment, "loopback", &machine, Path::new("")).unwrap(),
    ];
    let benches = vec!["s/a".into(), "s/b".into()];
    Plan {
        suite: "s".into(),
        benches,
        list: OwnList::new(["s/a", "s/b"], Selection::default()),
        observed: HashSet::new(),
        files: BTreeMap::new(),
        files_of: HashMap::new(),
        arms,
        testbed: "loopback".into(),
        seed: 1,
        pauses_idle: true,
        settings,
    }
}

/// Runs the plan with this trouble.
pub(in crate::coordinator) fn check(trouble: Trouble) -> (Outcome, Journal) {
    let mut replication = ScriptedReplication { wanted: Ok(vec![("s/a", 9)]), asked: 0 };
    let ran = check_plan(plan(), trouble, &mut replication);
    assert_eq!(replication.asked, 0, "the number of boots was fixed");
    ran
}

pub(in crate::coordinator) fn check_plan(
    plan: Plan,
    trouble: Trouble,
    replication: &mut ScriptedReplication,
) -> (Outcome, Journal) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    let mut journal = start_journal(&path, &plan);
    let outcome = continue_plan(&plan, trouble, replication, &mut journal, &Checkpoint::default());
    (outcome, read_journal(&path).unwrap())
}

pub(in crate::coordinator) fn start_journal(path: &Path, plan: &Plan) -> JournalWriter {
    let header = Header {
        arms: plan.arms.iter().map(Arm::record).collect(),
        benches: plan.benches.clone(),
        settings: plan.settings.clone(),
        ..Header::smallest()
    };
    JournalWriter::create(path, &header).unwrap()
}

pub(in crate::coordinator) fn continue_plan(
    plan: &Plan,
    trouble: Trouble,
    replication: &mut ScriptedReplication,
    journal: &mut JournalWriter,
    checkpoint: &Checkpoint,
) -> Outcome {
    try_plan(plan, trouble, replication, journal, checkpoint).unwrap()
}

/// As [`continue_plan`], where the journal may fail.
pub(in crate::coordinator) fn try_plan(
    plan: &Plan,
    trouble: Trouble,
    replication: &mut ScriptedReplication,
    journal: &mut JournalWriter,
    checkpoint: &Checkpoint,
) -> Result<Outcome, JournalError> {
    let mut fleet = ScriptedFleet { trouble, boots: [0; 2], running: Rc::default() };
    let wiring = Wiring {
        journal,
        progress: &mut Progress::new(ProgressMode::Quiet),
        replication,
        interrupt: &Interrupt::new(),
        start: Instant::now(),
        on_first_round: &mut || (),
    };
    Run::new(plan, &mut fleet, wiring, checkpoint).finish_plan()
}

/// (boot, bench) of each recorded round.
pub(in crate::coordinator) fn rounds(journal: &Journal) -> Vec<(u32, &str)> {
    let rounds = journal.events.iter().filter_map(|event| match event {
        Event::Round(round) => Some((round.boot, round.bench.as_str())),
        _ => None,
    });
    let mut rounds: Vec<_> = rounds.collect();
    rounds.sort_unstable();
    rounds
}

pub(in crate::coordinator) fn failures(journal: &Journal) -> Vec<(u32, Option<&str>, &str)> {
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
