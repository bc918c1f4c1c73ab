//! The ratio of arithmetic means, as papers print it, with Fieller's interval for pairs.

use super::distribution::t_quantile;
use crate::quantity::{Confidence, Cost, Slowdown, StatisticsError};

/// A ratio with its interval. It is not on the log scale, and need not be symmetric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatioInterval {
    /// Mean treatment cost ÷ mean control cost.
    pub estimate: Slowdown,
    /// Lower and upper bound. None if the interval is unbounded, because the control's mean may be
    /// 0.
    pub bounds: Option<(f64, f64)>,
    /// The confidence level of the bounds.
    pub confidence: Confidence,
}

/// Fieller's interval for the ratio of the means of pairs (control x, treatment y).
///
/// v is a sample (co)variance ÷ n, and t = t(1−α/2; n−1). With A = x̄² − t²v_x, B = x̄ȳ − t²c_xy
/// and C = ȳ² − t²v_y, the bounds are (B ± √(B² − AC))/A. If A ≤ 0 there are none.
///
/// These differences cancel where the values hardly vary. The same bounds come from the relative
/// deviations u = (x − x̄)/x̄ and w = (y − ȳ)/ȳ − u, without cancellation: with a = 1 − t²v_u, they
/// are ȳ/x̄ · (1 + (−t²c_uw ± √(t²v_w·a + t⁴c_uw²))/a).
///
/// Fieller, E. C. (1954): Some problems in interval estimation. Journal of the Royal Statistical
/// Society B 16, 175–185.
///
/// # Errors
/// If there are fewer than two pairs.
pub fn fieller_interval(
    pairs: &[(Cost, Cost)],
    confidence: Confidence,
) -> Result<RatioInterval, StatisticsError> {
    if pairs.len() < 2 {
        return Err(StatisticsError::TooFew { found: pairs.len(), needed: 2 });
    }
    let n = pairs.len() as f64;
    let mean = |side: fn(&(Cost, Cost)) -> f64| pairs.iter().map(side).sum::<f64>() / n;
    let (x, y) = (mean(|pair| pair.0.value()), mean(|pair| pair.1.value()));
    let deviations = pairs.iter().map(|(control, treated)| {
        let u = (control.value() - x) / x;
        (u, (treated.value() - y) / y - u)
    });
    let t_squared = t_quantile(0.5 + confidence.level() / 2.0, n - 1.0).powi(2);
    let of_mean = |sum: f64| t_squared * sum / (n - 1.0) / n;
    let u_squared = of_mean(deviations.clone().map(|(u, _)| u * u).sum());
    let w_squared = of_mean(deviations.clone().map(|(_, w)| w * w).sum());
    let u_w = of_mean(deviations.map(|(u, w)| u * w).sum());
    let a = 1.0 - u_squared;
    let ratio = y / x;
    let bounds = (a > 0.0).then(|| {
        let root = (w_squared * a + u_w * u_w).sqrt();
        (ratio * (1.0 + (-u_w - root) / a), ratio * (1.0 + (-u_w + root) / a))
    });
    Ok(RatioInterval { estimate: Slowdown::new(ratio)?, bounds, confidence })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    fn pairs(x: &[f64], y: &[f64]) -> Vec<(Cost, Cost)> {
        x.iter().zip(y).map(|(x, y)| (Cost::new(*x).unwrap(), Cost::new(*y).unwrap())).collect()
    }

    #[test]
    fn fieller_interval_matches_reference_values() {
        let x = [10.12, 10.31, 9.98, 10.55, 10.05, 10.22, 10.40, 10.09];
        let y = [10.76, 11.11, 10.69, 11.58, 10.64, 11.06, 11.08, 12.51];
        let found = fieller_interval(&pairs(&x, &y), Confidence::P95).unwrap();
        let (low, high) = found.bounds.unwrap();
        for (found, expected) in [
            (found.estimate.factor(), 1.094_346_549_2),
            (low, 1.044_814_536_7),
            (high, 1.144_072_332_3),
        ] {
            assert!((found / expected - 1.0).abs() < 1e-9, "{found} for {expected}");
        }
    }

    #[test]
    fn fieller_has_no_bounds_if_the_control_may_be_zero() {
        let found = fieller_interval(&pairs(&[1.0, 100.0], &[1.0, 1.0]), Confidence::P95).unwrap();
        assert_eq!(found.bounds, None);
        let error = StatisticsError::TooFew { found: 1, needed: 2 };
        assert_eq!(fieller_interval(&pairs(&[1.0], &[1.0]), Confidence::P95), Err(error));
    }

    #[test]
    fn constant_costs_have_bounds_at_the_ratio() {
        let found = fieller_interval(&pairs(&[3.3; 10], &[3.7; 10]), Confidence::P95).unwrap();
        let (low, high) = found.bounds.unwrap();
        assert!((low * 3.3 / 3.7 - 1.0).abs() < 1e-15 && (high * 3.3 / 3.7 - 1.0).abs() < 1e-15);
    }

    /// The width is proportional to the spread, down to a coefficient of variation of 1e-8.
    #[test]
    fn small_spreads_keep_their_widths() {
        let shape = [0.3, -1.1, 0.7, 1.4, -0.2, -0.9, 0.5, -0.7];
        let relative_width = |spread: f64| {
            let x = shape.map(|d| 1.0 + spread * d);
            let y = shape.map(|d| 2.0 * (1.0 + spread * (d * d - 0.7)));
            let (low, high) =
                fieller_interval(&pairs(&x, &y), Confidence::P95).unwrap().bounds.unwrap();
            (high - low) / spread
        };
        let expected = relative_width(1e-4);
        for spread in [1e-6, 1e-8] {
            let found = relative_width(spread);
            assert!((found / expected - 1.0).abs() < 1e-3, "{spread}: {found} for {expected}");
        }
    }

    proptest! {
        #[test]
        fn bounds_contain_the_estimate_and_scale_with_the_unit(
            costs in proptest::collection::vec((0.9_f64..1.1, 0.9_f64..1.3), 3..20),
        ) {
            let (x, y): (Vec<f64>, Vec<f64>) = costs.into_iter().unzip();
            let found = fieller_interval(&pairs(&x, &y), Confidence::P95).unwrap();
            let (low, high) = found.bounds.unwrap();
            prop_assert!(low <= found.estimate.factor() && found.estimate.factor() <= high);
            let scaled: Vec<f64> = y.iter().map(|y| y * 3.0).collect();
            let (low_3, high_3) =
                fieller_interval(&pairs(&x, &scaled), Confidence::P95).unwrap().bounds.unwrap();
            prop_assert!((low_3 / low - 3.0).abs() < 1e-9 && (high_3 / high - 3.0).abs() < 1e-9);
        }
    }
}
