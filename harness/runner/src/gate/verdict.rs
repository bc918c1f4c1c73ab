//! The verdict on one estimate.

use super::margin::Margin;
use sevbench_reports::Verdict;
use sevbench_statistics::{Confidence, LogRatio, Pivot};

/// The share of runs that a gate may fail wrongly.
pub(crate) const ALPHA: f64 = 0.05;

/// Compares an estimate's 90 % interval with ±ln(1 + margin). This amounts to two one-sided tests
/// at 5 %. If values lie in bins, the interval must clear the margin by `blur` on either side.
pub fn judge(estimate: Option<&Pivot>, margin: Margin, blur: LogRatio) -> Verdict {
    let Some(interval) = estimate.map(|pivot| pivot.interval(Confidence::P90)) else {
        return Verdict::Inconclusive;
    };
    let (bound, blur) = (margin.log_ratio().value(), blur.value());
    let (low, high) = (interval.low.value() - blur, interval.high.value() + blur);
    if low > bound {
        Verdict::Regressed
    } else if high < -bound {
        Verdict::Improved
    } else if low > -bound && high < bound {
        Verdict::NoChange
    } else {
        Verdict::Inconclusive
    }
}

/// How much bins of this relative width may hide of a ratio, on the log scale; zero without bins.
pub(crate) fn blur(bin_width: Option<f64>) -> LogRatio {
    LogRatio::new(bin_width.unwrap_or(0.0).ln_1p())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn pivot(ratios: &[f64]) -> Option<Pivot> {
        let logs: Vec<LogRatio> = ratios.iter().map(|ratio| LogRatio::new(ratio.ln())).collect();
        Pivot::mean(&logs).ok()
    }

    fn verdict(ratios: [f64; 3]) -> Verdict {
        judge(pivot(&ratios).as_ref(), Margin::percent(3.0).unwrap(), LogRatio::ZERO)
    }

    #[test]
    fn verdict_follows_from_the_interval_and_the_margin() {
        assert_eq!(verdict([1.10, 1.11, 1.12]), Verdict::Regressed);
        assert_eq!(verdict([0.90, 0.91, 0.89]), Verdict::Improved);
        assert_eq!(verdict([1.00, 1.005, 0.995]), Verdict::NoChange);
        assert_eq!(verdict([1.00, 1.05, 1.03]), Verdict::Inconclusive);
    }

    /// A percentile that always lies in the same bin has no spread, but it is known only to a bin.
    #[test]
    fn differences_smaller_than_a_bin_are_inconclusive() {
        let judged = |ratio: f64| {
            judge(
                pivot(&[ratio; 3]).as_ref(),
                Margin::percent(3.0).unwrap(),
                blur(Some(1.0 / 64.0)),
            )
        };
        assert_eq!((judged(1.0), judged(1.05)), (Verdict::NoChange, Verdict::Regressed));
        assert_eq!((judged(1.031), judged(1.02)), (Verdict::Inconclusive, Verdict::Inconclusive));
        assert_eq!((judged(0.969), judged(0.94)), (Verdict::Inconclusive, Verdict::Improved));
    }

    #[test]
    fn estimates_without_an_interval_are_inconclusive() {
        assert_eq!(
            judge(None, Margin::percent(3.0).unwrap(), LogRatio::ZERO),
            Verdict::Inconclusive
        );
    }
}
