//! Tests by signs, which hold for any continuous distribution.

use super::distribution::{binomial, fair_coin_lower_tail};
use crate::quantity::LogRatio;

/// p of the one-sided sign test that the median of independent replicates is at most `bound`:
/// P(B ≥ the number of replicates above it), where B counts the heads of n fair coins. Without
/// replicates it is 1.
///
/// Dixon, W. J. & Mood, A. M. (1946): The statistical sign test. Journal of the American
/// Statistical Association 41, 557–566.
pub fn sign_test_above(replicates: &[LogRatio], bound: LogRatio) -> f64 {
    let not_above = replicates.iter().filter(|replicate| replicate.0 <= bound.0).count();
    // As many tails as heads are as likely, so the upper tail is a lower one.
    fair_coin_lower_tail(replicates.len() as u64, not_above as u64).min(1.0)
}

/// p of the two-sided test that each of `first + second` events was as likely to be one as the
/// other: twice the smaller tail of fair coins, at most 1.
pub fn even_split_p(first: u64, second: u64) -> f64 {
    (2.0 * fair_coin_lower_tail(first + second, first.min(second))).min(1.0)
}

/// The power of [`sign_test_above`] at level `alpha`: the probability that enough of `boots`
/// replicates are above the bound if each is with the probability `above`.
pub fn sign_test_power(boots: u32, above: f64, alpha: f64) -> f64 {
    let n = u64::from(boots);
    // How many may fail to be above it.
    let rejects = |not_above: &u64| fair_coin_lower_tail(n, *not_above) <= alpha;
    (0..=n).take_while(rejects).map(|not_above| binomial(n, not_above, 1.0 - above)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 1/1024, 11/1024 and 56/1024 for ten replicates.
    #[test]
    fn sign_test_matches_binomial_tails() {
        let replicates: Vec<LogRatio> = (1..=10).map(|i| LogRatio::new(f64::from(i))).collect();
        let p = |bound: f64| sign_test_above(&replicates, LogRatio::new(bound));
        for (bound, expected) in [(0.5, 1.0), (1.5, 11.0), (2.0, 56.0), (10.0, 1024.0)] {
            assert!((p(bound) - expected / 1024.0).abs() < 1e-12, "{bound}");
        }
        assert!((sign_test_above(&[], LogRatio::ZERO) - 1.0).abs() < 1e-12);
    }

    /// By hand: 2·(1 + 8)/256 for 1 and 7 events.
    #[test]
    fn even_split_is_tested_on_both_sides() {
        for (first, second, expected) in
            [(0, 0, 1.0), (3, 3, 1.0), (1, 7, 18.0 / 256.0), (8, 0, 2.0 / 256.0)]
        {
            assert!((even_split_p(first, second) - expected).abs() < 1e-12, "{first} {second}");
        }
    }

    /// Ten normal boots with their median one standard deviation above the bound: by hand, all ten
    /// or nine of ten, with Φ(1) = 0.841345.
    #[test]
    fn power_is_that_of_the_binomial_distribution() {
        let above: f64 = 0.841_344_746;
        let expected = above.powi(10) + 10.0 * above.powi(9) * (1.0 - above);
        assert!((sign_test_power(10, above, 0.05) - expected).abs() < 1e-9);
        assert!(sign_test_power(4, above, 0.05) < 1e-12, "1/16 is above 5 %");
        assert!((sign_test_power(10, 0.5, 0.05) - 11.0 / 1024.0).abs() < 1e-12);
    }
}
