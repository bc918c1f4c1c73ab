//! How many boots there are: a second stage, the limit in time, and a run that goes on.

use super::*;
use crate::record::ResumedRecord;

/// The plan with a first stage of two boots, and what the replication then says.
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
    assert!(replication.asked <= 1, "the number of boots is decided once");
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
fn a_bench_gets_the_boots_that_it_needs_and_the_others_run_no_more() {
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
fn a_run_without_a_bench_that_needs_more_ends_with_its_first_stage() {
    for wanted in [Ok(vec![]), Ok(vec![("s/a", 2)]), Err("the journal is gone")] {
        let (outcome, journal) = check_stages(HOUR_NS, Trouble::None, wanted);
        assert_eq!((outcome, rounds(&journal).len()), (Outcome::Complete, 2 * 2 * 3));
    }
}

#[test]
fn no_boot_block_starts_after_the_time_is_over() {
    let (outcome, journal) = check_stages(Some(1), Trouble::None, Ok(vec![("s/a", 5)]));
    assert_eq!(outcome, Outcome::Complete);
    assert_eq!((boots_of(&journal, "s/a"), boots_of(&journal, "s/b")), (vec![1], vec![1]));
    let lacking = journal.tail.end.unwrap().lacking;
    assert_eq!(
        lacking,
        BTreeMap::from(["s/a", "s/b"].map(|id| (id.into(), 1))),
        "why there are no more"
    );
}

#[test]
fn a_bench_that_never_settles_ends_after_three_times_the_first_stage() {
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
fn an_interrupt_ends_the_second_stage_too() {
    // Requests of arm 0 in a boot of both benches: 2 × (start, warm-up, 3 rounds, finish).
    let (outcome, journal) = check_stages(HOUR_NS, Trouble::Interrupts(6), Ok(vec![("s/a", 9)]));
    assert_eq!((outcome, boots_of(&journal, "s/a").len() < 9), (Outcome::Interrupted, true));
}

#[test]
fn a_bench_that_fails_in_every_boot_ends_too() {
    let (_, journal) = check_stages(HOUR_NS, Trouble::Wrong(0, "s/a"), Ok(vec![("s/a", 4)]));
    assert_eq!(failures(&journal).len(), 4);
}

/// Interrupts a plan at the nth request of arm 0 of its first process, and goes on with it.
fn check_resumed(plan: &Plan, nth: usize, replication: &mut ScriptedReplication) -> Journal {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    let mut journal = start_journal(&path, plan);
    let interrupts = Trouble::Interrupts(nth);
    let first = go_on(plan, interrupts, replication, &mut journal, &Past::default());
    assert_eq!(first, Outcome::Interrupted);
    drop(journal);
    let before = read_journal(&path).unwrap();
    let past = Past::of(&before);
    let mut journal = JournalWriter::open(&path).unwrap();
    journal.append(&Event::Resumed(ResumedRecord { at: String::new() })).unwrap();
    let second = go_on(plan, Trouble::None, replication, &mut journal, &past);
    assert_eq!(second, Outcome::Complete);
    let after = read_journal(&path).unwrap();
    assert_eq!(after.events[..before.events.len()], before.events, "nothing is lost");
    assert_eq!(after.tail.end.as_ref().unwrap().outcome, Outcome::Complete);
    after
}

/// The boots in which all rounds of a bench took place.
fn measured(journal: &Journal, bench: &str) -> Vec<u32> {
    let boots = journal.events.iter().filter_map(|event| match event {
        Event::Measured(record) if record.bench == bench => Some(record.boot),
        _ => None,
    });
    boots.collect()
}

#[test]
fn a_run_that_goes_on_has_every_boot_of_every_bench_in_the_end() {
    // A bench makes six requests to an arm in a boot, and an agent lives for a boot of two benches.
    for nth in 1..=12 {
        let mut replication = ScriptedReplication { wanted: Ok(vec![]), asked: 0 };
        let journal = check_resumed(&plan(), nth, &mut replication);
        let (a, b) = (measured(&journal, "s/a"), measured(&journal, "s/b"));
        assert_eq!((a.len(), b.len()), (2, 2), "interrupted at {nth}: {a:?} {b:?}");
        let calibrations =
            journal.events.iter().filter(|event| matches!(event, Event::Calibration(_)));
        assert_eq!(calibrations.count(), 2, "the iterations stay");
        // At the last request of the first boot all of it is measured.
        let last = if nth == 12 { 2 } else { 3 };
        assert_eq!(a.iter().chain(&b).max(), Some(&last), "interrupted at {nth}");
    }
}

#[test]
fn a_run_that_goes_on_decides_on_a_second_stage_once() {
    let mut plan = plan();
    plan.settings.precision_percent = Some(2.0);
    plan.settings.max_time_ns = HOUR_NS;
    let mut replication = ScriptedReplication { wanted: Ok(vec![("s/a", 4)]), asked: 0 };
    let journal = check_resumed(&plan, 3, &mut replication);
    assert_eq!((measured(&journal, "s/a").len(), measured(&journal, "s/b").len()), (4, 2));
    assert_eq!(replication.asked, 1);
    let past = Past::of(&journal);
    assert_eq!(past.extended.unwrap().benches, BTreeMap::from([("s/a".to_owned(), 4)]));
    assert_eq!(past.done, HashMap::from([("s/a".to_owned(), 4), ("s/b".to_owned(), 2)]));
}

#[test]
fn a_bench_that_cannot_run_is_not_tried_again() {
    let (_, journal) = check(Trouble::Skips(0, "s/b"));
    let past = Past::of(&journal);
    assert_eq!(past.done, HashMap::from([("s/a".to_owned(), 2), ("s/b".to_owned(), 2)]));
    assert_eq!(past.last_boot, 2);
}
