//! Figures, distributions and percentiles that external programs report.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::super::test_journal::{
    BIN_WIDTH, analyze, binned_analysis, journal, near, round, setups,
};
use super::{Counts, accumulate, pool};
use crate::record::RoundSamples;
use sevbench_protocol::{Observation, Unit};
use sevbench_reports::Verdict;

#[test]
fn each_observation_is_a_metric() {
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
    let comparisons = analyze(&journal(events)).comparisons;
    let ids: Vec<String> =
        comparisons.iter().map(|comparison| comparison.measurand.to_string()).collect();
    assert_eq!(ids, ["s/a/bandwidth", "s/a/latency-mean", "s/a/latency-p50", "s/a/latency-p99"]);
    near(comparisons[0].slowdown.estimate, 2.0);
    near(comparisons[0].treated.mean, 1e9);
    near(comparisons[1].slowdown.estimate, 1.0);
    assert!((comparisons[3].control.mean / 198_000.0 - 1.0).abs() < 2e-3);
}

#[test]
fn missing_percentiles_do_not_split_later_metrics() {
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
    let comparisons = analyze(&journal(events)).comparisons;
    let found: Vec<(String, u32)> =
        comparisons.iter().map(|c| (c.measurand.to_string(), c.slowdown.boots)).collect();
    let expected = [
        ("s/a/latency-mean", 3),
        ("s/a/latency-p50", 3),
        // The 999 values of one boot are too few for a p99, but those of all boots suffice.
        ("s/a/latency-p99", 3),
        ("s/a/latency-p99.9", 1),
        ("s/a/bandwidth", 3),
    ]
    .map(|(id, boots)| (id.to_owned(), boots));
    assert_eq!(found, expected);
    let methods = |id: &str| {
        let of_id = comparisons.iter().find(|comparison| comparison.measurand.to_string() == id);
        of_id.unwrap().slowdown.method.clone()
    };
    assert_eq!(methods("s/a/latency-p99"), "delete-one-boot jackknife");
    assert_eq!(methods("s/a/latency-p50"), "t on log ratios");
}

#[test]
fn arms_with_different_units_are_not_compared() {
    let mut events = setups(1, None);
    let sample = |unit| RoundSamples::Observations(vec![vec![Observation::rate("x", 2.0, unit)]]);
    events.push(round(1, 1, sample(Unit::Iops), sample(Unit::BytesPerSecond)));
    assert_eq!(analyze(&journal(events)).comparisons, []);
}

/// Each arm's median lies in the same bin in every boot. It has no spread, but is known only to a
/// bin.
#[test]
fn verdicts_on_binned_percentiles_allow_for_the_bin_width() {
    let judged = |treated_ns: u64, bin_width: Option<f64>| {
        let all = binned_analysis(treated_ns, bin_width).summary.comparisons;
        let median =
            all.into_iter().find(|one| one.measurand.to_string() == "s/a/latency-p50").unwrap();
        let detectable = median.minimum_detectable.unwrap();
        assert!(detectable >= median.resolution.unwrap() * 0.999, "{detectable}");
        (median.verdict, median.resolution.unwrap(), median.p_value.unwrap())
    };
    let [fine, binned] = [None, Some(BIN_WIDTH)].map(|width| judged(103_300, width));
    assert_eq!((fine.0, fine.1), (Verdict::Regressed, 1e-3));
    assert_eq!((binned.0, binned.1), (Verdict::Inconclusive, BIN_WIDTH));
    assert_eq!(judged(101_000, Some(BIN_WIDTH)).2, 1.0, "one bin apart is no difference");
    assert_eq!(judged(105_000, Some(BIN_WIDTH)).0, Verdict::Regressed);
}

/// Arms that report another distribution in the same place are not pooled with it.
#[test]
fn distributions_of_different_names_are_not_pooled() {
    let sample = |name: &str, width: Option<f64>| {
        let mut histogram = hdrhistogram::Histogram::<u64>::new(3).unwrap();
        histogram.record_n(100, 2_000).unwrap();
        let latency = match width {
            Some(width) => Observation::binned_histogram(name, &histogram, width),
            None => Observation::histogram(name, &histogram),
        };
        RoundSamples::Observations(vec![vec![latency]])
    };
    let summary = |treated: &str, width: Option<f64>| {
        let mut events = Vec::new();
        for boot in 1..=3 {
            events.extend(setups(boot, None));
            events.push(round(boot, 1, sample("read", None), sample(treated, width)));
        }
        analyze(&journal(events))
    };
    let other = summary("write", None);
    assert_eq!(other.comparisons, []);
    let defect = "s/a: its arms report different figures in the same place: write and read";
    assert_eq!(other.run.defects, [defect]);
    // The coarser of both arms' bins count.
    let binned = summary("read", Some(BIN_WIDTH)).comparisons;
    assert_eq!(binned[1].resolution, Some(BIN_WIDTH));
}

/// A long record has the values of a distribution once for each round.
#[test]
fn pooled_rounds_take_the_space_of_their_distinct_values() {
    let mut pooled = Counts::new();
    for round in 0..1_000 {
        let counts = (round % 3..50).map(|value_ns| (value_ns, 2)).collect();
        pool(&mut pooled, &counts);
    }
    assert!(pooled.capacity() <= 200, "{}", pooled.capacity());
    accumulate(&mut pooled);
    // The rounds start at 0, 1 and 2 in turn.
    assert_eq!(pooled[..3], [(0, 668), (1, 668 + 1_334), (2, 668 + 1_334 + 2_000)]);
    assert_eq!((pooled.len(), pooled[49]), (50, (49, 668 + 1_334 + 48 * 2_000)));
}
