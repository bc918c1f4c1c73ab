//! What outside programs observed: figures, distributions, percentiles.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;

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
    let ids: Vec<String> =
        comparisons.iter().map(|comparison| comparison.measurand.to_string()).collect();
    assert_eq!(ids, ["s/a/bandwidth", "s/a/latency-mean", "s/a/latency-p50", "s/a/latency-p99"]);
    near(comparisons[0].slowdown.estimate, 2.0);
    near(comparisons[0].treated.mean, 1e9);
    near(comparisons[1].slowdown.estimate, 1.0);
    assert!((comparisons[3].control.mean / 198_000.0 - 1.0).abs() < 2e-3);
}

/// fio's bins, at most.
const BIN: f64 = 1.0 / 64.0;

/// Five boots in which each arm's latencies are all the same, in bins of this relative width.
fn of_bins(treated_ns: u64, bin_width: Option<f64>) -> Analysis {
    let sample = |ns: u64| {
        let mut histogram = hdrhistogram::Histogram::<u64>::new(3).unwrap();
        histogram.record_n(ns, 2_000).unwrap();
        let latency = match bin_width {
            Some(width) => Observation::binned_histogram("latency", &histogram, width),
            None => Observation::histogram("latency", &histogram),
        };
        RoundSamples::Observations(vec![vec![latency]])
    };
    let mut events = Vec::new();
    for boot in 1..=5 {
        events.extend(setups(boot, None));
        events.push(round(boot, 1, sample(100_000), sample(treated_ns)));
    }
    whole(&journal(events), 1).unwrap()
}

/// Both medians fell into the same two bins in every boot: no spread, and still no more than the bins show.
#[test]
fn percentiles_of_bins_are_judged_by_what_the_bins_hide() {
    let judged = |treated_ns: u64, bin_width: Option<f64>| {
        let all = of_bins(treated_ns, bin_width).summary.comparisons;
        let median =
            all.into_iter().find(|one| one.measurand.to_string() == "s/a/latency-p50").unwrap();
        let detectable = median.minimum_detectable.unwrap();
        assert!(detectable >= median.resolution.unwrap() * 0.999, "{detectable}");
        (median.verdict, median.resolution.unwrap(), median.p_value.unwrap())
    };
    let [fine, binned] = [None, Some(BIN)].map(|width| judged(103_300, width));
    assert_eq!((fine.0, fine.1), (Verdict::Regressed, 1e-3));
    assert_eq!((binned.0, binned.1), (Verdict::Inconclusive, BIN));
    assert_eq!(judged(101_000, Some(BIN)).2, 1.0, "one bin apart is no difference");
    assert_eq!(judged(105_000, Some(BIN)).0, Verdict::Regressed);
}

/// What bins hide in two runs is more than 3 %: nothing could be found to be within that of a baseline.
#[test]
fn a_baseline_whose_bins_hide_the_margin_is_refused() {
    let refused = |bin_width: Option<f64>, percent: f64| {
        let (benches, treatments) = (["s/a".to_owned()], ["aa".to_owned()]);
        let margins = Margins::of(percent, []).unwrap();
        let baseline = of_bins(100_000, bin_width);
        refuse_baseline(&baseline, "main", &benches, &treatments, &margins)
    };
    let text = refused(Some(BIN), 3.0).unwrap().to_string();
    assert!(text.contains("± 3.1 % only (with what bins hide in both runs)"), "{text}");
    assert_eq!((refused(Some(BIN), 4.0), refused(None, 3.0)), (None, None));
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
    let found: Vec<(String, u32)> =
        comparisons.iter().map(|c| (c.measurand.to_string(), c.slowdown.boots)).collect();
    let expected = [
        ("s/a/latency-mean", 3),
        ("s/a/latency-p50", 3),
        // 999 values of one boot are too few for a percentile of its own, all of them are not.
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
