//! The intervals of the slowdown over boots: Student's t, and Yuen's on a trimmed mean.

use crate::interval::Interval;
use crate::pivot::Pivot;
use crate::quantity::{Confidence, LogRatio, StatisticsError};

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
#[path = "boot_interval_tests.rs"]
mod tests;
