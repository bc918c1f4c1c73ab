//! Pure: a comparison and a policy give a verdict. Nothing is measured or printed here.

use crate::statistics::{Interval, LogRatio, StatisticsError};
use std::fmt;
use thiserror::Error;

/// The slowdown that is still called no change: 3 % by default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin(f64);

/// A margin that is none.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
#[error("a margin is a percentage above 0 and up to 1000, not {0}")]
pub struct MarginError(f64);

impl Margin {
    /// A margin of so many per cent.
    ///
    /// # Errors
    /// If it is not above 0 and up to 1000.
    pub fn percent(percent: f64) -> Result<Self, MarginError> {
        let sound = percent > 0.0 && percent <= 1000.0;
        if sound { Ok(Self(percent / 100.0)) } else { Err(MarginError(percent)) }
    }

    /// As a fraction: 0.03.
    pub const fn fraction(self) -> f64 {
        self.0
    }
}

/// What a comparison comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The slowdown is beyond the margin.
    Regressed,
    /// The speed-up is beyond the margin.
    Improved,
    /// The slowdown lies inside the margin.
    NoChange,
    /// The data do not decide.
    Inconclusive,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Regressed => "regressed",
            Self::Improved => "improved",
            Self::NoChange => "no change",
            Self::Inconclusive => "inconclusive",
        })
    }
}

/// Judges a 90 % interval (two one-sided tests at 5 %) of ln(slowdown) against ±ln(1 + margin).
pub fn judge(interval_90: Result<Interval, StatisticsError>, margin: Margin) -> Verdict {
    let Ok(interval) = interval_90 else { return Verdict::Inconclusive };
    let bound = LogRatio::new((1.0 + margin.fraction()).ln());
    let mirror = LogRatio::new(-bound.value());
    if interval.low > bound {
        Verdict::Regressed
    } else if interval.high < mirror {
        Verdict::Improved
    } else if interval.low > mirror && interval.high < bound {
        Verdict::NoChange
    } else {
        Verdict::Inconclusive
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use crate::statistics::{Confidence, t_interval};

    fn verdict(ratios: [f64; 3]) -> Verdict {
        let logs = ratios.map(|ratio| LogRatio::of_costs(ratio, 1.0).unwrap());
        judge(t_interval(&logs, Confidence::P90), Margin::percent(3.0).unwrap())
    }

    #[test]
    fn each_verdict_has_its_interval() {
        assert_eq!(verdict([1.10, 1.11, 1.12]), Verdict::Regressed);
        assert_eq!(verdict([0.90, 0.91, 0.89]), Verdict::Improved);
        assert_eq!(verdict([1.00, 1.005, 0.995]), Verdict::NoChange);
        assert_eq!(verdict([1.00, 1.05, 1.03]), Verdict::Inconclusive);
    }

    #[test]
    fn no_interval_is_inconclusive() {
        let single = t_interval(&[LogRatio::new(0.5)], Confidence::P90);
        assert_eq!(judge(single, Margin::percent(3.0).unwrap()), Verdict::Inconclusive);
    }

    #[test]
    fn a_margin_is_a_percentage() {
        assert!(Margin::percent(0.0).is_err() && Margin::percent(f64::NAN).is_err());
        assert!(Margin::percent(-1.0).is_err() && Margin::percent(1001.0).is_err());
    }
}
