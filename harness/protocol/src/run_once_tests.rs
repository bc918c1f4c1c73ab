//! Tests of what a body may do, and of how its mistakes are reported.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::bench::Bench;
use crate::bencher::Bencher;
use crate::observation::{Observation, Unit};
use crate::suite::Suite;

fn answer_of(bench: Bench) -> BenchAnswer {
    run_once(&Suite::new("s", &[&bench]).unwrap().cases()[0])
}

#[track_caller]
fn check_failure(bench: Bench, words: &str) {
    let answer = answer_of(bench);
    assert!(
        matches!(&answer, BenchAnswer::Failed(message) if message.contains(words)),
        "no `{words}` in {answer:?}"
    );
}

fn empty(b: &mut Bencher<'_>) {
    b.iter(|| ());
}

fn program(b: &mut Bencher<'_>) {
    b.observe(|duration| {
        assert!(!duration.is_zero());
        Ok(vec![Observation::rate("rate", 1.0, Unit::Iops)])
    });
}

#[test]
fn body_must_measure() {
    check_failure(Bench::new("idle", |_| ()), "call Bencher::iter");
}

#[test]
fn skip_passes_on_reason_and_hint() {
    let answer = answer_of(Bench::new("skips", |b| b.skip("no disk", "add one")));
    assert_eq!(answer, BenchAnswer::Skipped { reason: "no disk".into(), hint: "add one".into() });
}

#[test]
#[should_panic(expected = "only once")]
fn body_may_not_measure_twice() {
    answer_of(Bench::new("twice", |b| {
        b.iter(|| ());
        b.iter(|| ());
    }));
}

#[test]
fn list_and_body_must_agree_on_external_programs() {
    assert_eq!(answer_of(Bench::new("program", program).observed()), BenchAnswer::Finished);
    check_failure(Bench::new("program", program), "add `.observed()`");
    check_failure(Bench::new("empty", empty).observed(), "remove `.observed()`");
}

#[test]
fn external_program_must_report_positive_figures() {
    let nothing = |b: &mut Bencher<'_>| b.observe(|_| Ok(Vec::<Observation>::new()));
    check_failure(Bench::new("program", nothing).observed(), "no observation");
    let zero =
        |b: &mut Bencher<'_>| b.observe(|_| Ok(vec![Observation::rate("r", 0.0, Unit::Iops)]));
    check_failure(Bench::new("program", zero).observed(), "positive");
}
