//! Tests of the registry: ids, digests, what a body may and may not do.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::{ByteSize, Observation, Throughput, Unit};

fn empty(b: &mut Bencher<'_>) {
    b.iter(|| ());
}

fn sized(b: &mut Bencher<'_>, size: &ByteSize) {
    b.throughput(Throughput::Bytes(size.bytes())).iter(|| ());
}

const SIZES: [ByteSize; 2] = [ByteSize::kib(4), ByteSize::mib(1)];
const LARGE: [ByteSize; 1] = [ByteSize::gib(1)];
const BENCHES: &[&dyn BenchEntry] =
    &[&Bench::new("empty", empty), &Bench::with("sized", sized).over(&SIZES).sweep(&LARGE)];

#[test]
fn ids_join_suite_name_and_parameter_in_the_order_of_the_list() {
    let suite = Suite::new("s", BENCHES).unwrap();
    let ids: Vec<_> = suite.cases().iter().map(|case| (case.id(), case.is_sweep())).collect();
    assert_eq!(
        ids,
        [
            ("s/empty", false),
            ("s/sized/4KiB", false),
            ("s/sized/1MiB", false),
            ("s/sized/1GiB", true)
        ]
    );
}

#[test]
fn empty_lists_duplicates_and_odd_names_are_errors() {
    let error = |entries: &[&dyn BenchEntry]| Suite::new("s", entries).err().unwrap();
    assert_eq!(error(&[]), SuiteError::Empty("s".into()));
    assert_eq!(error(&[&Bench::with("sized", sized)]), SuiteError::Empty("s".into()));
    let twice: &[&dyn BenchEntry] = &[&Bench::new("a", empty), &Bench::new("a", empty)];
    assert_eq!(error(twice), SuiteError::DuplicateId("s/a".into()));
    assert_eq!(error(&[&Bench::new("a b", empty)]), SuiteError::UnusableId("s/a b".into()));
    assert_eq!(error(&[&Bench::new("", empty)]), SuiteError::UnusableId("s/".into()));
}

#[test]
fn the_digest_depends_on_the_ids() {
    let digest = |entries: &[&dyn BenchEntry]| Suite::new("s", entries).unwrap().digest();
    assert_eq!(digest(BENCHES), digest(BENCHES));
    assert_ne!(digest(BENCHES), digest(&BENCHES[..1]));
}

#[test]
fn a_body_that_does_not_measure_fails() {
    let suite = Suite::new("s", &[&Bench::new("idle", |_| ())]).unwrap();
    assert!(
        matches!(run_once(&suite.cases()[0]), BenchAnswer::Failed(message) if message.contains("iter"))
    );
}

#[test]
fn a_body_that_skips_says_why() {
    let suite = Suite::new("s", &[&Bench::new("skips", |b| b.skip("no disk", "add one"))]).unwrap();
    let answer = run_once(&suite.cases()[0]);
    assert_eq!(answer, BenchAnswer::Skipped { reason: "no disk".into(), hint: "add one".into() });
}

#[test]
#[should_panic(expected = "only once")]
fn a_body_may_not_measure_twice() {
    let twice = |b: &mut Bencher<'_>| {
        b.iter(|| ());
        b.iter(|| ());
    };
    run_once(&Suite::new("s", &[&Bench::new("twice", twice)]).unwrap().cases()[0]);
}

fn program(b: &mut Bencher<'_>) {
    b.observe(|duration| {
        assert!(!duration.is_zero());
        Ok(vec![Observation::rate("rate", 1.0, Unit::Iops)])
    });
}

#[test]
fn an_outside_program_runs_once_as_a_test_and_must_be_said_to_be_one() {
    let once = |bench: Bench| run_once(&Suite::new("s", &[&bench]).unwrap().cases()[0]);
    assert_eq!(once(Bench::new("program", program).observed()), BenchAnswer::Finished);
    let failed = |bench, hint: &str| matches!(once(bench), BenchAnswer::Failed(message) if message.contains(hint));
    assert!(failed(Bench::new("program", program), "add `.observed()`"));
    assert!(failed(Bench::new("empty", empty).observed(), "take `.observed()`"));
}

#[test]
fn an_outside_program_must_report_positive_figures() {
    let nothing = |b: &mut Bencher<'_>| b.observe(|_| Ok(Vec::<Observation>::new()));
    let zero =
        |b: &mut Bencher<'_>| b.observe(|_| Ok(vec![Observation::rate("r", 0.0, Unit::Iops)]));
    for (body, word) in [(nothing as fn(&mut Bencher<'_>), "no observation"), (zero, "positive")] {
        let suite = Suite::new("s", &[&Bench::new("program", body).observed()]).unwrap();
        let answer = run_once(&suite.cases()[0]);
        assert!(matches!(answer, BenchAnswer::Failed(message) if message.contains(word)));
    }
}
