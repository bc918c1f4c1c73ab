//! The verdict on one line.

use super::margin::Margin;
use sevbench_reports::{Estimand, VERDICT_BOOTS_MIN, Verdict};
use sevbench_statistics::{
    Confidence, Interval, LogRatio, Pivot, median_interval, sign_test_above,
};

/// The share of runs that a gate may fail wrongly.
pub(crate) const ALPHA: f64 = 0.05;

/// What is known about a slowdown, or about its change.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Its boots; of two arms or records, those of the one that has fewer.
    pub boots: u32,
    /// The estimate of its mean; `None` without an interval.
    pub mean: Option<&'a Pivot>,
    /// The log ratios of its boots. Empty if its mean is not that of ratios of boots; it then has
    /// no median boot.
    pub ratios: &'a [LogRatio],
    /// How much bins hide of it.
    pub blur: LogRatio,
}

/// A verdict, and what it is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What it is about. A verdict about both holds for the mean and for the median boot.
    pub estimand: Estimand,
    /// p of the one-sided test that this is at most the margin; `None` without one.
    pub p_regressed: Option<f64>,
    /// Whether it is inconclusive since the median boot is beyond the margin, and the mean is not.
    pub is_median_beyond: bool,
}

impl Evidence<'_> {
    /// Compares 90 % intervals with ±ln(1 + margin). For the mean, this amounts to two one-sided
    /// tests at 5 %. If values lie in bins, an interval must clear the margin by `blur` on either
    /// side. Fewer than three boots decide nothing.
    ///
    /// With [`Estimand::Both`] the mean is judged, and then the median boot. If they agree, the
    /// verdict is about both. A mean that is within the margin, or faster, decides nothing if the
    /// median boot is beyond it.
    pub fn judge(&self, estimand: Estimand, margin: Margin) -> Judgement {
        let bound = margin.log_ratio();
        let of_mean = || self.verdict(self.mean.map(|mean| mean.interval(Confidence::P90)), bound);
        let of_median = || self.verdict(median_interval(self.ratios, Confidence::P90).ok(), bound);
        let (verdict, estimand, is_median_beyond) = match estimand {
            Estimand::Mean => (of_mean(), Estimand::Mean, false),
            Estimand::Typical => (of_median(), Estimand::Typical, false),
            Estimand::Both => match (of_mean(), of_median()) {
                (mean, median) if mean == median => (mean, Estimand::Both, false),
                (Verdict::NoChange | Verdict::Improved, Verdict::Regressed) => {
                    (Verdict::Inconclusive, Estimand::Both, true)
                }
                (mean, _) => (mean, Estimand::Mean, false),
            },
        };
        let p_regressed = match estimand {
            Estimand::Typical => {
                (!self.ratios.is_empty()).then(|| sign_test_above(self.ratios, bound + self.blur))
            }
            Estimand::Mean | Estimand::Both => {
                self.mean.map(|mean| mean.p_above(bound + self.blur))
            }
        };
        Judgement { verdict, estimand, p_regressed, is_median_beyond }
    }

    fn verdict(&self, interval: Option<Interval>, bound: LogRatio) -> Verdict {
        let Some(interval) = interval.filter(|_| self.boots >= VERDICT_BOOTS_MIN) else {
            return Verdict::Inconclusive;
        };
        let (bound, blur) = (bound.value(), self.blur.value());
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
}

/// How much bins of this relative width may hide of a ratio, on the log scale; zero without bins.
pub(crate) fn blur(bin_width: Option<f64>) -> LogRatio {
    LogRatio::new(bin_width.unwrap_or(0.0).ln_1p())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn judged(ratios: &[f64], estimand: Estimand, bins: Option<f64>) -> Judgement {
        let logs: Vec<LogRatio> = ratios.iter().map(|ratio| LogRatio::new(ratio.ln())).collect();
        let mean = Pivot::mean(&logs).ok();
        let evidence = Evidence {
            boots: ratios.len() as u32,
            mean: mean.as_ref(),
            ratios: &logs,
            blur: blur(bins),
        };
        evidence.judge(estimand, Margin::percent(3.0).unwrap())
    }

    #[test]
    fn verdict_follows_from_the_interval_and_the_margin() {
        let verdict = |ratios: [f64; 3]| judged(&ratios, Estimand::Mean, None).verdict;
        assert_eq!(verdict([1.10, 1.11, 1.12]), Verdict::Regressed);
        assert_eq!(verdict([0.90, 0.91, 0.89]), Verdict::Improved);
        assert_eq!(verdict([1.00, 1.005, 0.995]), Verdict::NoChange);
        assert_eq!(verdict([1.00, 1.05, 1.03]), Verdict::Inconclusive);
    }

    /// A percentile that always lies in the same bin has no spread, but it is known only to a bin.
    #[test]
    fn differences_smaller_than_a_bin_are_inconclusive() {
        let verdict = |ratio: f64| judged(&[ratio; 3], Estimand::Mean, Some(1.0 / 64.0)).verdict;
        assert_eq!((verdict(1.0), verdict(1.05)), (Verdict::NoChange, Verdict::Regressed));
        assert_eq!((verdict(1.031), verdict(1.02)), (Verdict::Inconclusive, Verdict::Inconclusive));
        assert_eq!((verdict(0.969), verdict(0.94)), (Verdict::Inconclusive, Verdict::Improved));
    }

    #[test]
    fn fewer_than_three_boots_decide_nothing() {
        for ratios in [&[][..], &[1.5], &[1.5, 1.5]] {
            for estimand in Estimand::ALL {
                let verdict = judged(ratios, *estimand, None).verdict;
                assert_eq!(verdict, Verdict::Inconclusive, "{ratios:?}");
            }
        }
    }

    #[test]
    fn verdict_about_both_holds_for_each() {
        let alike = [1.0, 1.001, 0.999, 1.002, 0.998, 1.003, 0.997, 1.004, 0.996, 1.0];
        let both = judged(&alike, Estimand::Both, None);
        assert_eq!((both.verdict, both.estimand), (Verdict::NoChange, Estimand::Both));

        // With a tenth boot at 0.78, only the median boot is shown to be within the margin.
        let tail = |slow: f64| [&alike[..9], &[slow]].concat();
        let mean_open = judged(&tail(0.78), Estimand::Both, None);
        let found = (mean_open.verdict, mean_open.estimand);
        assert_eq!(found, (Verdict::Inconclusive, Estimand::Mean));
        let typical = judged(&tail(0.78), Estimand::Typical, None);
        assert_eq!(typical.verdict, Verdict::NoChange);

        // The mean is within the margin because of eight boots; the median boot is 3.5 % slower.
        let mut slower: Vec<f64> = alike.iter().map(|ratio| ratio * 1.035).collect();
        slower.extend(&slower.clone());
        slower.extend([0.97; 8]);
        let mean = judged(&slower, Estimand::Mean, None).verdict;
        let typical = judged(&slower, Estimand::Typical, None).verdict;
        let both = judged(&slower, Estimand::Both, None);
        assert_eq!((mean, typical), (Verdict::NoChange, Verdict::Regressed));
        assert_eq!((both.verdict, both.estimand), (Verdict::Inconclusive, Estimand::Both));
        assert!(both.is_median_beyond);
        // The other way round, a few slow boots of the control make the mean faster.
        let faster = judged(&tail(0.05), Estimand::Both, None);
        assert_ne!(faster.estimand, Estimand::Both);
        assert!(!faster.is_median_beyond);
    }

    #[test]
    fn median_boot_is_tested_by_its_signs() {
        let ratios = [1.05, 1.06, 1.04, 1.07, 1.05, 1.08];
        let p = |estimand| judged(&ratios, estimand, None).p_regressed.unwrap();
        assert!((p(Estimand::Typical) - 1.0 / 64.0).abs() < 1e-12);
        assert!(p(Estimand::Mean) < 0.01);
        assert_eq!(judged(&[], Estimand::Typical, None).p_regressed, None);
    }
}
