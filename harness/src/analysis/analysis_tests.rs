//! The analysis on small journals whose results are known.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::bench::{Observation, SampleKind, Throughput, Unit};
use crate::record::{
    ArmRound, EndRecord, FailureRecord, Header, JOURNAL_SCHEMA, MeasuredRecord, RoundRecord,
    RoundSamples, Settings, SetupRecord,
};
use sevbench_reports::Comparison;
use std::collections::BTreeMap;

/// A journal and a summary of the first version of either form: they must stay readable, and the same to the bit.
#[test]
fn the_golden_journal_gives_the_golden_summary() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/golden");
    let journal = crate::record::read_journal(&golden.join("journal-1.ndjson")).unwrap();
    let expected = std::fs::read_to_string(golden.join("summary-1.json")).unwrap();
    let found = serde_json::to_string_pretty(&analyze(&journal).unwrap()).unwrap();
    assert_eq!(found + "\n", expected);
    let read = sevbench_reports::read_summary(&golden.join("summary-1.json")).unwrap();
    assert_eq!(read, analyze(&journal).unwrap());
}

const FIVE: [f64; 5] = [1.063, 1.078, 1.071, 1.098, 1.059];

fn arm(name: &str, role: &str) -> ArmRecord {
    let (name, role, address) = (name.into(), role.into(), "loopback".into());
    let (claimed, spin_factor, declares) = (None, None, Vec::new());
    ArmRecord { name, role, address, claimed, spin_factor, rebooted: true, declares }
}

fn journal(events: Vec<Event>) -> Journal {
    let settings = Settings {
        boots: 5,
        rounds: 2,
        samples: 1,
        warm_up_ns: 1,
        measurement_ns: 1,
        observation_ns: 1,
        timeout_ns: 1,
        boot_timeout_ns: None,
        confidence: 0.95,
        margin_percent: 3.0,
    };
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
        arms: vec![arm("nosev", "control"), arm("aa", "treatment")],
        benches: vec!["s/a".into()],
        settings,
    };
    let end = Some(EndRecord { outcome: Outcome::Complete });
    Journal { header, events, end, torn_line: None }
}

fn setups(boot: u32, throughput: Option<Throughput>) -> Vec<Event> {
    let setup = |name: &str| {
        let (bench, arm) = ("s/a".into(), name.into());
        Event::Setup(SetupRecord {
            boot,
            bench,
            arm,
            kind: SampleKind::Timed,
            throughput,
            operations: 2,
        })
    };
    vec![setup("nosev"), setup("aa")]
}

fn round(boot: u32, round: u32, control: RoundSamples, treated: RoundSamples) -> Event {
    let arm_round = |arm: &str, samples| ArmRound {
        arm: arm.into(),
        samples,
        measured_ns: None,
        guest_ns: None,
        host_ns: None,
    };
    let (control, treated) = (arm_round("nosev", control), arm_round("aa", treated));
    let arms = vec![treated, control];
    Event::Round(RoundRecord { boot, bench: "s/a".into(), round, at_ns: 1, iterations: 10, arms })
}

/// Five boots of two rounds whose log ratios have the reference ratios as their boot means.
fn five_boots(throughput: Option<Throughput>) -> Vec<Event> {
    let mut events = Vec::new();
    for (boot, ratio) in (1..).zip(FIVE) {
        events.extend(setups(boot, throughput));
        for (number, spread) in [(1, 1.5), (2, 1.0 / 1.5)] {
            let treated = (1e12 * ratio * spread).round() as u64;
            let samples = |ns| RoundSamples::ElapsedNs(vec![ns]);
            events.push(round(boot, number, samples(1_000_000_000_000), samples(treated)));
        }
    }
    events
}

fn only(events: Vec<Event>) -> Comparison {
    let mut comparisons = analyze(&journal(events)).unwrap().comparisons;
    assert_eq!(comparisons.len(), 1);
    comparisons.remove(0)
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 1e-9, "{found} for {expected}");
}

#[test]
fn the_reference_ratios_give_the_reference_interval() {
    let comparison = only(five_boots(None));
    near(comparison.slowdown.estimate, 1.073_712_376_8);
    near(comparison.slowdown.low.unwrap(), 1.054_866_944_2);
    near(comparison.slowdown.high.unwrap(), 1.092_894_487_1);
    assert_eq!((comparison.slowdown.boots, comparison.slowdown.rounds), (5, 10));
    assert_eq!((comparison.verdict.as_str(), comparison.unit.as_str()), ("regressed", "ns"));
    // 10¹² ns for 10 iterations of 2 operations.
    near(comparison.control.mean, 5e10);
}

#[test]
fn a_rate_is_shown_as_one_and_compared_as_a_cost() {
    let comparison = only(five_boots(Some(Throughput::Bytes(500))));
    near(comparison.slowdown.estimate, 1.073_712_376_8);
    near(comparison.control.mean, 5.0);
    assert_eq!(comparison.unit, "B/s");
}

#[test]
fn a_single_boot_is_conditional_and_uses_its_rounds() {
    let events: Vec<Event> = five_boots(None).into_iter().take(4).collect();
    let comparison = only(events);
    assert_eq!((comparison.slowdown.boots, comparison.slowdown.rounds), (1, 2));
    assert!(comparison.flags.contains(&"conditional on this boot".into()));
    assert!(comparison.slowdown.low.is_some());
}

#[test]
fn a_single_round_has_no_interval() {
    let events: Vec<Event> = five_boots(None).into_iter().take(3).collect();
    let comparison = only(events);
    assert_eq!((comparison.slowdown.low, comparison.verdict.as_str()), (None, "inconclusive"));
}

#[test]
fn a_boot_in_which_the_bench_failed_does_not_count() {
    let mut events = five_boots(None);
    let (bench, arm) = (Some("s/a".into()), "aa".into());
    events.push(Event::Failed(FailureRecord { boot: 3, bench, arm, reason: "wrong byte".into() }));
    let summary = analyze(&journal(events)).unwrap();
    assert_eq!(summary.comparisons[0].slowdown.boots, 4);
    assert_eq!(summary.failed[0].reason, "wrong byte");
}

#[test]
fn observations_become_metrics_of_their_own() {
    let mut histogram = hdrhistogram::Histogram::<u64>::new(3).unwrap();
    (1..=2_000).for_each(|ns| histogram.record(ns * 100).unwrap());
    let sample = |rate| {
        vec![
            Observation::rate("bandwidth", rate, Unit::BytesPerSecond),
            Observation::histogram("latency", &histogram),
        ]
    };
    let mut events = Vec::new();
    for boot in 1..=3 {
        events.extend(setups(boot, None));
        let (control, treated) = (vec![sample(2e9)], vec![sample(1e9)]);
        events.push(round(
            boot,
            1,
            RoundSamples::Observations(control),
            RoundSamples::Observations(treated),
        ));
    }
    let comparisons = analyze(&journal(events)).unwrap().comparisons;
    let ids: Vec<&str> = comparisons.iter().map(|comparison| comparison.bench.as_str()).collect();
    assert_eq!(ids, ["s/a/bandwidth", "s/a/latency-mean", "s/a/latency-p50", "s/a/latency-p99"]);
    near(comparisons[0].slowdown.estimate, 2.0);
    near(comparisons[0].treated.mean, 1e9);
    near(comparisons[1].slowdown.estimate, 1.0);
    assert!((comparisons[3].control.mean / 198_000.0 - 1.0).abs() < 2e-3);
}

#[test]
fn a_metric_behind_a_percentile_that_some_rounds_lack_is_one_series() {
    let sample = |count: u64| {
        let mut histogram = hdrhistogram::Histogram::<u64>::new(3).unwrap();
        histogram.record_n(100, count).unwrap();
        let latency = Observation::histogram("latency", &histogram);
        vec![vec![latency, Observation::rate("bandwidth", 1e9, Unit::BytesPerSecond)]]
    };
    let mut events = Vec::new();
    for (boot, count) in [(1, 999), (2, 1_000), (3, 10_000)] {
        events.extend(setups(boot, None));
        let samples = || RoundSamples::Observations(sample(count));
        events.push(round(boot, 1, samples(), samples()));
    }
    let comparisons = analyze(&journal(events)).unwrap().comparisons;
    let found: Vec<(&str, u32)> =
        comparisons.iter().map(|c| (c.bench.as_str(), c.slowdown.boots)).collect();
    let expected = [
        ("s/a/latency-mean", 3),
        ("s/a/latency-p50", 3),
        ("s/a/latency-p99", 2),
        ("s/a/latency-p99.9", 1),
        ("s/a/bandwidth", 3),
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_outside_programs_measured_counts_as_duty() {
    let samples = || {
        let rate = Observation::rate("rate", 1.0, Unit::Iops);
        RoundSamples::Observations(vec![vec![rate]])
    };
    let mut observed = round(1, 1, samples(), samples());
    if let Event::Round(round) = &mut observed {
        round.arms[0].measured_ns = Some(300);
        round.arms[1].measured_ns = Some(400);
    }
    let mut events = setups(1, None);
    let measured = MeasuredRecord { boot: 1, bench: "s/a".into(), wall_ns: 1_000 };
    events.extend([observed, Event::Measured(measured)]);
    let duty = analyze(&journal(events)).unwrap().run.duty.unwrap();
    assert_eq!((duty.timed_ns, duty.wall_ns), (700, 1_000));
}

#[test]
fn a_journal_without_an_end_is_truncated() {
    let mut cut = journal(five_boots(None));
    cut.end = None;
    assert_eq!(analyze(&cut).unwrap().run.outcome, Outcome::Truncated);
}
