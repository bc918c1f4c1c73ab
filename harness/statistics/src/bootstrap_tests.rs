//! Reference values and properties of the bootstrap intervals.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::boot_interval::t_interval;
use crate::quantity::Slowdown;
use proptest::prelude::*;

const RATIOS: [f64; 8] = [1.063, 1.078, 1.071, 1.098, 1.059, 1.082, 1.065, 1.240];

fn logs(ratios: &[f64]) -> Vec<LogRatio> {
    ratios.iter().map(|ratio| LogRatio::of_slowdown(Slowdown::new(*ratio).unwrap())).collect()
}

fn raw(values: &[f64]) -> Vec<LogRatio> {
    values.iter().copied().map(LogRatio).collect()
}

fn bounds(bootstrap: BootstrapInterval) -> [f64; 2] {
    [bootstrap.interval.low.0, bootstrap.interval.high.0]
}

#[track_caller]
fn check(bootstrap: BootstrapInterval, expected: [f64; 2], relative: f64) {
    let found = bounds(bootstrap).map(f64::exp);
    for (found, expected) in found.into_iter().zip(expected) {
        assert!((found / expected - 1.0).abs() < relative, "{found} for {expected}");
    }
}

#[test]
fn exact_percentile_interval_matches_reference_values() {
    let five = bootstrap_interval(&logs(&RATIOS[..5]), Confidence::P95, 1).unwrap();
    check(five, [1.062_990_991_5, 1.086_905_556_9], 1e-10);
    assert_eq!(five.method, BootstrapMethod::Exact { multisets: 126 });
    let eight = bootstrap_interval(&logs(&RATIOS), Confidence::P95, 1).unwrap();
    check(eight, [1.067_469_422_8, 1.135_791_347_2], 1e-10);
    assert_eq!(eight.method, BootstrapMethod::Exact { multisets: 6_435 });
}

/// The distribution by definition: all sequences of draws are equally likely.
#[test]
fn exact_quantiles_match_all_sequences_of_draws() {
    let values = [0.3, -0.2, 0.9, 0.05, -0.4];
    let mut means: Vec<f64> = (0..5_usize.pow(5))
        .map(|code| (0..5).map(|draw| values[code / 5_usize.pow(draw) % 5]).sum::<f64>() / 5.0)
        .collect();
    means.sort_by(f64::total_cmp);
    for level in [0.5, 0.8, 0.9, 0.95, 0.99] {
        let confidence = Confidence::new(level).unwrap();
        let [low, high] = bounds(bootstrap_interval(&raw(&values), confidence, 1).unwrap());
        let at = |p: f64| means[(p * means.len() as f64).ceil() as usize - 1];
        assert!((low - at(0.5 - level / 2.0)).abs() < 1e-12, "{low}");
        assert!((high - at(0.5 + level / 2.0)).abs() < 1e-12, "{high}");
    }
}

#[test]
fn number_of_replicates_decides_the_method() {
    let eleven: Vec<f64> = (0..11).map(f64::from).collect();
    let found = |n: usize| bootstrap_interval(&raw(&eleven[..n]), Confidence::P95, 1).unwrap();
    assert_eq!(found(10).method, BootstrapMethod::Exact { multisets: 92_378 });
    assert_eq!(found(11).method, BootstrapMethod::MonteCarlo { resamples: DEFAULT_RESAMPLES });
}

#[test]
fn monte_carlo_agrees_with_the_exact_distribution() {
    let replicates = logs(&RATIOS);
    let exact = bounds(bootstrap_interval(&replicates, Confidence::P95, 1).unwrap());
    let many = monte_carlo_interval(&replicates, Confidence::P95, 200_000, 7).unwrap();
    // Four standard errors of a quantile of that many resamples, with a normal density.
    let spread = (exact[1] - exact[0]) / 3.92;
    let tolerance = 4.0 * spread * 0.027 / 20_f64.sqrt();
    for (exact, drawn) in exact.into_iter().zip(bounds(many)) {
        assert!((exact - drawn).abs() < tolerance, "{drawn} for {exact} ± {tolerance}");
    }
    let exact = ResampledMeans::of(&replicates, 1, 1).unwrap();
    let drawn = ResampledMeans::drawn(&replicates, 200_000, 7).unwrap();
    for value in [0.07, 0.08, 0.09, 0.1, 0.12] {
        let (exact, drawn) = (exact.share_below(value, 0.0), drawn.share_below(value, 0.0));
        assert!((exact - drawn).abs() < 4.0 * 0.001_12, "{drawn} for {exact} below {value}");
    }
}

#[test]
fn monte_carlo_depends_only_on_its_seed() {
    let replicates: Vec<LogRatio> =
        raw(&(0..30).map(|i| f64::from(i * i % 17)).collect::<Vec<_>>());
    let of = |seed| monte_carlo_interval(&replicates, Confidence::P95, 999, seed).unwrap();
    assert_eq!(of(3), of(3));
    assert_ne!(of(3), of(4));
}

#[test]
fn one_replicate_gives_no_interval() {
    let error = Err(StatisticsError::TooFew { found: 1, needed: 2 });
    let one = raw(&[0.1]);
    assert_eq!(bootstrap_interval(&one, Confidence::P95, 1), error);
    assert_eq!(monte_carlo_interval(&one, Confidence::P95, 10, 1), error);
    assert!(Resampler::new(&one, 1).is_err());
}

#[test]
fn equal_replicates_give_a_point_interval() {
    for count in [2, 3, 7, 10, 11, 40, 300] {
        let replicates = raw(&vec![0.1; count]);
        let found = bootstrap_interval(&replicates, Confidence::P95, 1).unwrap().interval;
        assert_eq!([found.low.0, found.estimate.0, found.high.0], [0.1; 3], "{count}");
    }
}

#[test]
fn non_finite_replicates_give_nan_bounds() {
    for count in [2, 10, 11, 300] {
        for wild in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut replicates = raw(&vec![0.1; count]);
            replicates[1] = LogRatio(wild);
            let found = bounds(bootstrap_interval(&replicates, Confidence::P95, 1).unwrap());
            assert!(found.iter().all(|bound| bound.is_nan()), "{found:?}");
        }
    }
}

#[test]
fn extreme_level_reaches_the_extreme_means() {
    let replicates = logs(&RATIOS);
    let confidence = Confidence::new(1.0 - 1e-15).unwrap();
    let found = bounds(bootstrap_interval(&replicates, confidence, 1).unwrap());
    assert!((found[0] - 1.059_f64.ln()).abs() < 1e-15 && (found[1] - 1.240_f64.ln()).abs() < 1e-15);
}

proptest! {
    #[test]
    fn exact_intervals_do_not_depend_on_the_order(
        values in proptest::collection::vec(-1.0_f64..1.0, 2..8), turn in 0..8_usize,
    ) {
        let mut turned = raw(&values);
        turned.rotate_left(turn % values.len());
        turned.swap(0, values.len() - 1);
        let found = bootstrap_interval(&turned, Confidence::P95, 1).unwrap();
        let expected = bootstrap_interval(&raw(&values), Confidence::P95, 1).unwrap();
        prop_assert_eq!(bounds(found).map(f64::to_bits), bounds(expected).map(f64::to_bits));
    }

    #[test]
    fn intervals_shift_scale_and_mirror_with_the_values(
        values in proptest::collection::vec(-1.0_f64..1.0, 2..20),
        shift in -3.0_f64..3.0,
        factor in 0.1_f64..10.0,
    ) {
        let of = |values: Vec<f64>| {
            bounds(bootstrap_interval(&raw(&values), Confidence::P95, 1).unwrap())
        };
        let plain = of(values.clone());
        let moved = of(values.iter().map(|x| x * factor + shift).collect());
        let exact = values.len() <= EXACT_REPLICATES_MAX;
        // The Monte Carlo method rounds to a part of the range.
        let tolerance = if exact { 1e-12 } else { 2e-7 } * factor.max(1.0) * 3.0;
        for (plain, moved) in plain.into_iter().zip(moved) {
            prop_assert!((plain * factor + shift - moved).abs() < tolerance);
        }
        if exact {
            let mirrored = of(values.iter().map(|x| -x).collect());
            // Both quantiles are reached from below, so a step of the distribution may lie between.
            let width = plain[1] - plain[0];
            prop_assert!((plain[0] + mirrored[1]).abs() <= 0.5 * width + 1e-12);
        }
    }

    #[test]
    fn symmetric_values_have_intervals_around_the_estimate_narrower_than_t(
        half in proptest::collection::vec(0.001_f64..1.0, 1..8),
    ) {
        let values: Vec<f64> = half.iter().flat_map(|x| [*x, -x]).collect();
        let found = bootstrap_interval(&raw(&values), Confidence::P95, 1).unwrap().interval;
        prop_assert!(found.contains(found.estimate));
        let t = t_interval(&raw(&values), Confidence::P95).unwrap();
        let bootstrap = bootstrap_interval(&raw(&values), Confidence::P95, 1).unwrap();
        prop_assert!(bootstrap.interval.width() <= t.width());
    }
}
