//! A confidence interval on the log scale.

use crate::quantity::{Confidence, LogRatio};

/// An estimate on the log scale with its two-sided interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The estimate.
    pub estimate: LogRatio,
    /// The lower bound.
    pub low: LogRatio,
    /// The upper bound.
    pub high: LogRatio,
    /// The confidence level of the bounds.
    pub confidence: Confidence,
}

impl Interval {
    /// Upper bound minus lower bound, on the log scale.
    pub fn width(&self) -> f64 {
        self.high.0 - self.low.0
    }

    /// Whether the interval contains the value. The bounds belong to it.
    pub fn contains(&self, value: LogRatio) -> bool {
        self.low <= value && value <= self.high
    }
}
