//! Compares the search with searches that do not prune, and checks the changes that it must find.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const NONE: [usize; 0] = [];

fn costs(values: &[f64]) -> Vec<Cost> {
    values.iter().map(|value| Cost::new(*value).unwrap()).collect()
}

/// Standard normal by Box and Muller.
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// Each segment is (length, mean, standard deviation).
fn series(seed: u64, segments: &[(usize, f64, f64)]) -> Vec<Cost> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f64> = segments
        .iter()
        .flat_map(|(len, mean, deviation)| std::iter::repeat_n((mean, deviation), *len))
        .map(|(mean, deviation)| mean + deviation * normal(&mut random))
        .collect();
    costs(&values)
}

/// C of scaled values, computed in two passes.
fn plain_cost(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    segment_cost(n, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n)
}

/// The cost of a partition; infinite if a segment is too short.
fn objective(values: &[f64], starts: &[usize], penalty: f64) -> f64 {
    let edges: Vec<usize> =
        std::iter::once(0).chain(starts.iter().copied()).chain([values.len()]).collect();
    let cost: f64 = edges
        .windows(2)
        .map(|edge| {
            let segment = &values[edge[0]..edge[1]];
            if segment.len() < 2 { f64::INFINITY } else { plain_cost(segment) }
        })
        .sum();
    cost + penalty * starts.len() as f64
}

/// Optimal partitioning (Jackson et al. 2005): tries every start for every end, without pruning.
fn least_objective(values: &[f64], penalty: f64) -> f64 {
    let mut least = vec![f64::INFINITY; values.len() + 1];
    least[0] = -penalty;
    for end in 2..=values.len() {
        least[end] = (0..=end - 2)
            .map(|start| least[start] + plain_cost(&values[start..end]) + penalty)
            .fold(f64::INFINITY, f64::min);
    }
    least[values.len()]
}

#[test]
fn changes_of_mean_and_variance_are_located() {
    let penalty = changepoint_penalty(200);
    let drop = series(1, &[(60, 2.0, 0.02), (140, 1.0, 0.01)]);
    assert_eq!(changepoints(&drop, penalty), [60]);
    let steps = series(2, &[(50, 1.0, 0.01), (50, 1.1, 0.01), (50, 1.0, 0.01), (50, 1.2, 0.01)]);
    assert_eq!(changepoints(&steps, penalty), [50, 100, 150]);
    let noisier = changepoints(&series(3, &[(100, 1.0, 0.005), (100, 1.0, 0.05)]), penalty);
    assert!(noisier.len() == 1 && noisier[0].abs_diff(100) <= 2, "{noisier:?}");
}

/// The severe penalty finds no change in any of 400 series.
#[test]
fn noise_has_no_changepoints() {
    for seed in 0..400 {
        let found = changepoints(&series(seed, &[(120, 1.0, 0.02)]), changepoint_penalty(120));
        assert_eq!(found, NONE, "seed {seed}");
    }
}

#[test]
fn equal_values_and_coarse_clock_steps_are_not_changes() {
    let penalty = changepoint_penalty(100);
    assert_eq!(changepoints(&costs(&[7.0; 100]), penalty), NONE);
    let coarse: Vec<f64> =
        (0..100).map(|i| if i / 10 % 3 == 0 { 10_001.0 } else { 10_000.0 }).collect();
    assert_eq!(changepoints(&costs(&coarse), penalty), NONE);
    let doubled: Vec<f64> = (0..100).map(|i| if i < 40 { 2e-9 } else { 1e-9 }).collect();
    assert_eq!(changepoints(&costs(&doubled), penalty), [40]);
}

#[test]
fn short_series_and_extreme_values_do_not_panic() {
    for len in 0..4 {
        assert_eq!(changepoints(&costs(&vec![1.0; len]), changepoint_penalty(len)), NONE);
    }
    let extreme = costs(&[f64::MIN_POSITIVE, f64::MIN_POSITIVE, f64::MAX, f64::MAX, 1.0]);
    assert!(changepoints(&extreme, 1.0).len() <= 1);
    assert_eq!(changepoints(&costs(&[1.0, 2.0, 1.0, 2.0]), f64::NAN), NONE);
}

fn noisy_steps() -> impl Strategy<Value = Vec<f64>> {
    let segment = (1_usize..12, 0.5_f64..3.0, prop_oneof![Just(0.0), 0.001_f64..0.3]);
    let noise = proptest::collection::vec(-1.0_f64..1.0, 60);
    (proptest::collection::vec(segment, 1..6), noise).prop_map(|(segments, noise)| {
        let levels =
            segments.iter().flat_map(|(len, mean, width)| std::iter::repeat_n((mean, width), *len));
        levels.zip(noise).map(|((mean, width), noise)| mean + width * noise).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn pelt_finds_the_optimal_partition(values in noisy_steps(), penalty in 0.0_f64..30.0) {
        prop_assume!(values.len() >= 2);
        let series = costs(&values);
        let scaled = scaled_to_median(&series);
        let found = objective(&scaled, &changepoints(&series, penalty), penalty);
        let least = least_objective(&scaled, penalty);
        prop_assert!((found - least).abs() < 1e-9 * (1.0 + least.abs()), "{} for {}", found, least);
    }

    /// Checks the search without pruning against every possible partition.
    #[test]
    fn optimal_partitioning_matches_exhaustive_search(
        values in proptest::collection::vec(0.5_f64..2.0, 2..11),
        penalty in 0.0_f64..10.0,
    ) {
        let inner = values.len() - 1;
        let least = (0..1_usize << inner)
            .map(|set| (1..=inner).filter(|i| set >> (i - 1) & 1 == 1).collect::<Vec<_>>())
            .map(|starts| objective(&values, &starts, penalty))
            .fold(f64::INFINITY, f64::min);
        prop_assert!(
            (least - least_objective(&values, penalty)).abs() < 1e-9 * (1.0 + least.abs())
        );
    }

    #[test]
    fn changepoints_do_not_depend_on_the_unit(values in noisy_steps(), shift in -20_i32..20) {
        let penalty = changepoint_penalty(values.len());
        let scaled: Vec<f64> = values.iter().map(|value| value * 2_f64.powi(shift)).collect();
        prop_assert_eq!(
            changepoints(&costs(&values), penalty),
            changepoints(&costs(&scaled), penalty)
        );
    }
}
