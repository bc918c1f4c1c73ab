//! Reference values of the corrected bootstrap intervals.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use sevbench_statistics::Slowdown;

const RATIOS: [f64; 8] = [1.063, 1.078, 1.071, 1.098, 1.059, 1.082, 1.065, 1.240];

fn logs(ratios: &[f64]) -> Vec<LogRatio> {
    ratios.iter().map(|ratio| LogRatio::of_slowdown(Slowdown::new(*ratio).unwrap())).collect()
}

#[track_caller]
fn check(bootstrap: BootstrapInterval, expected: [f64; 2], relative: f64) {
    let interval = bootstrap.interval;
    for (found, expected) in [interval.low, interval.high].into_iter().zip(expected) {
        let found = found.value().exp();
        assert!((found / expected - 1.0).abs() < relative, "{found} for {expected}");
    }
}

/// From a plain enumeration with SciPy 1.17's normal distribution.
#[test]
fn bca_interval_matches_enumeration() {
    let five = bca_interval(&logs(&RATIOS[..5]), Confidence::P95, 1).unwrap();
    check(five, [1.064_376_903_587_617_4, 1.088_536_636_207_062], 1e-12);
    let eight = bca_interval(&logs(&RATIOS), Confidence::P95, 1).unwrap();
    check(eight, [1.070_428_039_838_495_8, 1.159_362_457_433_713_7], 1e-12);
}

/// The spatial data of Efron & Tibshirani (1993), table 14.1.
#[test]
fn abc_interval_matches_published_example() {
    let data = [
        48.0, 36.0, 20.0, 29.0, 42.0, 42.0, 20.0, 42.0, 22.0, 41.0, 45.0, 14.0, 6.0, 0.0, 33.0,
        28.0, 34.0, 4.0, 32.0, 24.0, 47.0, 41.0, 24.0, 26.0, 30.0, 41.0,
    ];
    let variance = |weights: &[f64]| {
        let pairs = || weights.iter().zip(&data);
        let mean: f64 = pairs().map(|(w, x)| w * x).sum();
        pairs().map(|(w, x)| w * (x - mean) * (x - mean)).sum()
    };
    let found = abc_interval(data.len(), variance, Confidence::P90).unwrap();
    for (found, expected) in
        [(found.estimate, 171.534_0), (found.low, 116.705_3), (found.high, 260.882_7)]
    {
        assert!((found / expected - 1.0_f64).abs() < 2e-6, "{found} for {expected}");
    }
}

#[test]
fn abc_interval_of_a_constant_is_the_constant() {
    let found = abc_interval(5, |_| 3.0, Confidence::P95).unwrap();
    assert_eq!(found, AbcInterval { estimate: 3.0, low: 3.0, high: 3.0 });
}

#[test]
fn degenerate_data_give_points_nan_or_errors() {
    let one = [LogRatio::new(0.1)];
    let error = Err(StatisticsError::TooFew { found: 1, needed: 2 });
    assert_eq!(bca_interval(&one, Confidence::P95, 1), error);
    assert!(abc_interval(1, |_| 1.0, Confidence::P95).is_err());
    for count in [2, 3, 7, 10, 11, 40] {
        let mut replicates = vec![LogRatio::new(0.1); count];
        let found = bca_interval(&replicates, Confidence::P95, 1).unwrap().interval;
        let bounds = [found.low, found.estimate, found.high].map(LogRatio::value);
        assert_eq!(bounds, [0.1; 3], "{count}");
        replicates[1] = LogRatio::new(f64::NAN);
        let found = bca_interval(&replicates, Confidence::P95, 1).unwrap().interval;
        assert!(found.low.value().is_nan() && found.high.value().is_nan());
    }
}
