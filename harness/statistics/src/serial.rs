//! Whether values depend on those before them.

use super::distribution::beta_lower_tail;

/// The fewest values that say anything about their order.
const VALUES_MIN: usize = 10;

/// p of the test that values are independent of each other, against values that are alike if they
/// are close in time: a drift, or a state that lasts. Free of their distribution. `None` for fewer
/// than ten values.
///
/// The statistic is the rank version of von Neumann's ratio, RVN = Σ(Rᵢ − Rᵢ₊₁)² ÷ Σ(Rᵢ − R̄)². It
/// is small if neighbours are alike. RVN/4 is taken to follow a beta distribution with the exact
/// variance. Equal values have their mean rank.
///
/// Bartels, R. (1982): The rank version of von Neumann's ratio test for randomness. Journal of the
/// American Statistical Association 77, 40–46.
pub fn serial_dependence_p(values: &[f64]) -> Option<f64> {
    let n = values.len();
    if n < VALUES_MIN {
        return None;
    }
    let ranks = ranks(values);
    let mean = (n as f64 + 1.0) / 2.0;
    let spread: f64 = ranks.iter().map(|rank| (rank - mean).powi(2)).sum();
    if spread <= 0.0 {
        return Some(1.0);
    }
    let steps: f64 = ranks.windows(2).map(|pair| (pair[0] - pair[1]).powi(2)).sum();
    let n = n as f64;
    let shape = 5.0 * n * (n + 1.0) * (n - 1.0).powi(2)
        / (2.0 * (n - 2.0) * (5.0 * n * n - 2.0 * n - 9.0))
        - 0.5;
    Some(beta_lower_tail(steps / spread / 4.0, shape))
}

/// Ranks from 1; equal values share their mean.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for tied in order.chunk_by(|a, b| values[*a].total_cmp(&values[*b]).is_eq()) {
        let rank = first as f64 + (tied.len() as f64 + 1.0) / 2.0;
        tied.iter().for_each(|index| ranks[*index] = rank);
        first += tied.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use rand::seq::SliceRandom;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const ORDERS: usize = 40_000;

    /// The share of random orders of n values with a p of at most `level`.
    fn rejected(n: usize, level: f64) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut values: Vec<f64> = (0..n).map(|i| (i * i) as f64).collect();
        let is_rejected = |()| {
            values.shuffle(&mut rng);
            serial_dependence_p(&values).unwrap() <= level
        };
        let count = std::iter::repeat_n((), ORDERS).map(is_rejected).filter(|is| *is).count();
        count as f64 / ORDERS as f64
    }

    #[test]
    fn level_holds_for_values_in_random_order() {
        for n in [10, 15, 30] {
            for level in [0.05, 0.01, 0.001] {
                let share = rejected(n, level);
                let error = 4.0 * (level / ORDERS as f64).sqrt();
                assert!(share <= level + error, "{n} values at {level}: {share}");
                assert!(share >= level / 2.0 - error, "{n} values at {level}: {share}");
            }
        }
    }

    /// How often values of standard deviation 1 that drift by `drift` in all, or depend on the one
    /// before with this correlation, have a p below 1 %.
    fn seen(n: usize, drift: f64, correlation: f64) -> f64 {
        const SAMPLES: u32 = 4_000;
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let mut normal = || {
            let [u, v]: [f64; 2] = [rng.random(), rng.random()];
            (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
        };
        let seen = (0..SAMPLES).filter(|_| {
            let mut state = normal();
            let values: Vec<f64> = (0..n)
                .map(|i| {
                    let fresh = (1.0 - correlation * correlation).sqrt() * normal();
                    state = correlation * state + fresh;
                    state + drift * i as f64 / (n - 1) as f64
                })
                .collect();
            serial_dependence_p(&values).unwrap() < 0.01
        });
        seen.count() as f64 / f64::from(SAMPLES)
    }

    #[test]
    fn dependence_is_seen_in_four_of_five_samples() {
        for (n, drift, correlation) in [(10, 7.0, 0.0), (30, 4.0, 0.0), (30, 0.0, 0.7)] {
            let share = seen(n, drift, correlation);
            assert!(share >= 0.8, "{n} {drift} {correlation}: {share}");
        }
    }

    #[test]
    fn drift_and_lasting_states_are_seen() {
        let drift: Vec<f64> = (0..10).map(f64::from).collect();
        assert!(serial_dependence_p(&drift).unwrap() < 1e-4);
        let states = [1.0, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 5.0, 5.1, 4.9, 5.05, 4.95, 5.02, 4.98];
        assert!(serial_dependence_p(&states).unwrap() < 0.05);
        let alternating: Vec<f64> = (0..20).map(|i| f64::from(i % 2)).collect();
        assert!(serial_dependence_p(&alternating).unwrap() > 0.99);
    }

    #[test]
    fn too_few_or_equal_values_show_nothing() {
        assert_eq!(serial_dependence_p(&[1.0; 9]), None);
        assert_eq!(serial_dependence_p(&[1.0; 12]), Some(1.0));
    }

    #[test]
    fn equal_values_share_their_rank() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
    }
}
