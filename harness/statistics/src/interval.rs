//! Confidence intervals on the log scale, and shortcuts for the two most common.

use super::{Confidence, LogRatio, Pivot, StatisticsError};

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

/// Student's t interval for the mean of the replicates: see [`Pivot::mean`].
///
/// # Errors
/// If there are fewer than two replicates.
pub fn t_interval(
    replicates: &[LogRatio],
    confidence: Confidence,
) -> Result<Interval, StatisticsError> {
    Ok(Pivot::mean(replicates)?.interval(confidence))
}

/// Yuen's interval for the trimmed mean of the replicates: see [`Pivot::trimmed_mean`].
///
/// # Errors
/// If there are fewer than two replicates.
pub fn yuen_interval(
    replicates: &[LogRatio],
    confidence: Confidence,
) -> Result<Interval, StatisticsError> {
    Ok(Pivot::trimmed_mean(replicates)?.interval(confidence))
}

#[cfg(test)]
#[path = "interval_tests.rs"]
mod tests;
