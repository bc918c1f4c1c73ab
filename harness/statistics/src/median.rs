//! The median boot. Its interval holds for boots of any continuous distribution.

use super::distribution::{fair_coin_lower_tail, fair_coin_quantile};
use crate::interval::Interval;
use crate::quantity::{Confidence, LogRatio, StatisticsError};

/// The median of independent replicates (boot means), between the kth smallest and the kth largest
/// replicate: P(X₍ₖ₎ ≤ median ≤ X₍ₙ₊₁₋ₖ₎) = 1 − 2·P(B < k), where B counts the heads of n fair
/// coins. k is the largest with which this level is at least `confidence`. The interval has its
/// own level, which is that one: 97.9 % for ten replicates and a confidence of 95 %.
///
/// David, H. A. & Nagaraja, H. N. (2003): Order Statistics, section 7.1.
///
/// # Errors
/// If even the smallest and the largest replicate do not reach the confidence. 95 % needs six.
pub fn median_interval(
    replicates: &[LogRatio],
    confidence: Confidence,
) -> Result<Interval, StatisticsError> {
    let n = replicates.len();
    let beyond = (1.0 - confidence.level()) / 2.0;
    let missed = |k: u64| if k == 0 { 0.0 } else { fair_coin_lower_tail(n as u64, k - 1) };
    let k = match fair_coin_quantile(n as u64, beyond) {
        heads if missed(heads + 1) <= beyond => heads + 1,
        heads => heads,
    };
    if k == 0 || n == 0 {
        // 2⁻ⁿ ≤ (1 − confidence)/2
        let needed = (-beyond.log2()).ceil() as usize;
        return Err(StatisticsError::TooFew { found: n, needed });
    }
    let mut sorted: Vec<f64> = replicates.iter().map(|replicate| replicate.0).collect();
    sorted.sort_by(f64::total_cmp);
    Ok(Interval {
        estimate: LogRatio(f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2])),
        low: LogRatio(sorted[k as usize - 1]),
        high: LogRatio(sorted[n - k as usize]),
        confidence: Confidence::new(1.0 - 2.0 * missed(k))?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    fn numbers(n: usize) -> Vec<LogRatio> {
        // In an order of their own: 7 has no common factor with these lengths.
        (0..n).map(|i| LogRatio::new((i * 7 % n + 1) as f64)).collect()
    }

    /// The table of order statistics in Conover, Practical Nonparametric Statistics, and by hand:
    /// 1 − 2·(1 + 10)/1024 = 0.978516 for n = 10.
    #[test]
    fn order_statistics_and_levels_match_published_ones() {
        for (n, low, high, level) in [
            (6, 1.0, 6.0, 0.968_75),
            (8, 1.0, 8.0, 0.992_187_5),
            (9, 2.0, 8.0, 0.960_937_5),
            (10, 2.0, 9.0, 0.978_515_625),
            (15, 4.0, 12.0, 0.964_843_75),
            (20, 6.0, 15.0, 0.958_610_534_667_968_8),
            (30, 10.0, 21.0, 0.957_226_054_742_932_3),
        ] {
            let found = median_interval(&numbers(n), Confidence::P95).unwrap();
            assert_eq!((found.low.value(), found.high.value()), (low, high), "{n}");
            assert!((found.confidence.level() - level).abs() < 1e-12, "{n}: {found:?}");
            let middle = (n as f64 + 1.0) / 2.0;
            assert!((found.estimate.value() - middle).abs() < 1e-12, "{n}");
        }
    }

    #[test]
    fn too_few_replicates_have_no_interval() {
        for n in 0..6 {
            let error = StatisticsError::TooFew { found: n, needed: 6 };
            assert_eq!(median_interval(&numbers(n), Confidence::P95), Err(error));
        }
        let strict = Confidence::new(0.999).unwrap();
        let error = StatisticsError::TooFew { found: 10, needed: 11 };
        assert_eq!(median_interval(&numbers(10), strict), Err(error));
        assert!(median_interval(&numbers(11), strict).is_ok());
    }

    proptest! {
        #[test]
        fn interval_holds_the_median_at_its_level(
            values in proptest::collection::vec(-1.0_f64..1.0, 6..40),
        ) {
            let logs: Vec<LogRatio> = values.iter().copied().map(LogRatio::new).collect();
            let found = median_interval(&logs, Confidence::P90).unwrap();
            prop_assert!(found.contains(found.estimate));
            prop_assert!(found.confidence.level() >= 0.9);
        }
    }
}
