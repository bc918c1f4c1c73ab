//! Tests of the number of boots: the second stage, the time limit, and resumed runs.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::coordinator::checkpoint::Checkpoint;
use crate::coordinator::plan::Plan;
use crate::coordinator::scripted::checks::{
    check, check_plan, continue_plan, failures, plan, rounds, start_journal,
};
use crate::coordinator::scripted::{ScriptedReplication, Trouble};
use crate::record::{Event, Journal, JournalWriter, ResumedRecord, read_journal};
use sevbench_reports::Outcome;
use std::collections::{BTreeMap, HashMap};

/// Runs a plan whose first stage has two boots, with these boots wanted after it.
fn check_stages(
    max_time_ns: Option<u64>,
    trouble: Trouble,
    wanted: Result<Vec<(&'static str, u32)>, &'static str>,
) -> (Outcome, Journal) {
    let mut plan = plan();
    plan.settings.precision_percent = Some(2.0);
    plan.settings.max_time_ns = max_time_ns;
    let mut replication = ScriptedReplication { wanted, asked: 0 };
    let ran = check_plan(plan, trouble, &mut replication);
    assert!(replication.asked <= 1, "the number of boots was decided twice");
    ran
}

/// The boots in which a bench has rounds.
fn boots_of(journal: &Journal, bench: &str) -> Vec<u32> {
    let mut boots: Vec<u32> =
        rounds(journal).iter().filter(|(_, id)| *id == bench).map(|(boot, _)| *boot).collect();
    boots.dedup();
    boots
}

const HOUR_NS: Option<u64> = Some(3_600_000_000_000);

#[test]
fn second_stage_runs_only_the_benches_that_need_boots() {
    let (outcome, journal) = check_stages(HOUR_NS, Trouble::None, Ok(vec![("s/b", 5), ("s/a", 1)]));
    assert_eq!(outcome, Outcome::Complete);
    assert_eq!(boots_of(&journal, "s/a"), [1, 2]);
    assert_eq!(boots_of(&journal, "s/b"), [1, 2, 3, 4, 5]);
    let extended = journal.events.iter().filter_map(|event| match event {
        Event::Extended(extended) => Some(extended),
        _ => None,
    });
    let extended: Vec<_> = extended.collect();
    assert_eq!((extended.len(), extended[0].after_boot), (1, 2));
    assert_eq!(extended[0].benches, BTreeMap::from([("s/b".to_owned(), 5)]));
    assert_eq!(Some(extended[0].max_time_ns), HOUR_NS);
}

#[test]
fn run_ends_after_its_first_stage_if_no_bench_needs_more() {
    for wanted in [Ok(vec![]), Ok(vec![("s/a", 2)]), Err("the journal is gone")] {
        let (outcome, journal) = check_stages(HOUR_NS, Trouble::None, wanted);
        assert_eq!((outcome, rounds(&journal).len()), (Outcome::Complete, 2 * 2 * 3));
    }
}

#[test]
fn no_boot_block_starts_after_the_time_limit() {
    let (outcome, journal) = check_stages(Some(1), Trouble::None, Ok(vec![("s/a", 5)]));
    assert_eq!(outcome, Outcome::Complete);
    assert_eq!((boots_of(&journal, "s/a"), boots_of(&journal, "s/b")), (vec![1], vec![1]));
    let lacking = journal.tail.end.unwrap().lacking;
    assert_eq!(
        lacking,
        BTreeMap::from(["s/a", "s/b"].map(|id| (id.into(), 1))),
        "the record says which boots are missing"
    );
}

#[test]
fn few_of_the_benches_that_lack_boots_are_named() {
    let missing: Vec<_> = (1..=7).map(|left| (format!("s/{left}"), left)).collect();
    assert_eq!(super::missing_boots(&missing[..2]), "s/1 1, s/2 2");
    let named = "s/1 1, s/2 2, s/3 3, s/4 4, s/5 5";
    assert_eq!(super::missing_boots(&missing[..6]), format!("{named} and 1 more bench"));
    assert_eq!(super::missing_boots(&missing), format!("{named} and 2 more benches"));
}

#[test]
fn default_time_limit_is_three_times_the_first_stage() {
    let (outcome, journal) = check_stages(None, Trouble::None, Ok(vec![("s/a", u32::MAX)]));
    assert_eq!((outcome, boots_of(&journal, "s/b")), (Outcome::Complete, vec![1, 2]));
    let limits = journal.events.iter().find_map(|event| match event {
        Event::Extended(extended) => Some((extended.first_stage_ns, extended.max_time_ns)),
        _ => None,
    });
    let (first_stage_ns, max_time_ns) = limits.unwrap();
    assert_eq!(max_time_ns, 3 * first_stage_ns);
}

#[test]
fn interrupt_ends_the_second_stage() {
    // Requests of arm 0 in a boot of both benches: 2 × (start, warm-up, 3 rounds, finish).
    let (outcome, journal) = check_stages(HOUR_NS, Trouble::Interrupts(6), Ok(vec![("s/a", 9)]));
    assert_eq!((outcome, boots_of(&journal, "s/a").len() < 9), (Outcome::Interrupted, true));
}

#[test]
fn bench_that_always_fails_still_ends() {
    let (_, journal) = check_stages(HOUR_NS, Trouble::Wrong(0, "s/a"), Ok(vec![("s/a", 4)]));
    assert_eq!(failures(&journal).len(), 4);
}

/// Interrupts a plan at the nth request to arm 0, and resumes it.
fn check_resumed(plan: &Plan, nth: usize, replication: &mut ScriptedReplication) -> Journal {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    let mut journal = start_journal(&path, plan);
    let interrupts = Trouble::Interrupts(nth);
    let first = continue_plan(plan, interrupts, replication, &mut journal, &Checkpoint::default());
    assert_eq!(first, Outcome::Interrupted);
    drop(journal);
    let before = read_journal(&path).unwrap();
    let checkpoint = Checkpoint::of(&before);
    let mut journal = JournalWriter::open(&path).unwrap();
    journal.append(&Event::Resumed(ResumedRecord { at: String::new() })).unwrap();
    let second = continue_plan(plan, Trouble::None, replication, &mut journal, &checkpoint);
    assert_eq!(second, Outcome::Complete);
    let after = read_journal(&path).unwrap();
    assert_eq!(after.events[..before.events.len()], before.events, "resuming lost events");
    assert_eq!(after.tail.end.as_ref().unwrap().outcome, Outcome::Complete);
    after
}

/// The boots in which all rounds of a bench ran.
fn measured(journal: &Journal, bench: &str) -> Vec<u32> {
    let boots = journal.events.iter().filter_map(|event| match event {
        Event::Measured(record) if record.bench == bench => Some(record.boot),
        _ => None,
    });
    boots.collect()
}

#[test]
fn resumed_run_completes_every_boot_of_every_bench() {
    // A bench sends six requests to an arm in a boot. An agent lives for one boot of two benches.
    for nth in 1..=12 {
        let mut replication = ScriptedReplication { wanted: Ok(vec![]), asked: 0 };
        let journal = check_resumed(&plan(), nth, &mut replication);
        let (a, b) = (measured(&journal, "s/a"), measured(&journal, "s/b"));
        assert_eq!((a.len(), b.len()), (2, 2), "interrupted at {nth}: {a:?} {b:?}");
        let calibrations =
            journal.events.iter().filter(|event| matches!(event, Event::Calibration(_)));
        assert_eq!(calibrations.count(), 2, "a bench was calibrated twice");
        // At its last request, the first boot is fully measured.
        let last = if nth == 12 { 2 } else { 3 };
        assert_eq!(a.iter().chain(&b).max(), Some(&last), "interrupted at {nth}");
    }
}

#[test]
fn resumed_run_plans_its_second_stage_once() {
    let mut plan = plan();
    plan.settings.precision_percent = Some(2.0);
    plan.settings.max_time_ns = HOUR_NS;
    let mut replication = ScriptedReplication { wanted: Ok(vec![("s/a", 4)]), asked: 0 };
    let journal = check_resumed(&plan, 3, &mut replication);
    assert_eq!((measured(&journal, "s/a").len(), measured(&journal, "s/b").len()), (4, 2));
    assert_eq!(replication.asked, 1);
    let checkpoint = Checkpoint::of(&journal);
    assert_eq!(checkpoint.extended.unwrap().benches, BTreeMap::from([("s/a".to_owned(), 4)]));
    assert_eq!(checkpoint.done, HashMap::from([("s/a".to_owned(), 4), ("s/b".to_owned(), 2)]));
}

#[test]
fn checkpoint_counts_boots_of_a_skipped_bench() {
    let (_, journal) = check(Trouble::Skips(0, "s/b"));
    let checkpoint = Checkpoint::of(&journal);
    assert_eq!(checkpoint.done, HashMap::from([("s/a".to_owned(), 2), ("s/b".to_owned(), 2)]));
    assert_eq!(checkpoint.last_boot, 2);
}
