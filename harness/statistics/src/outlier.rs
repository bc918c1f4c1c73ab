//! Tukey's fences: labels for values far from the middle half. They are labels only: see
//! [`tukey_labels`].

use crate::quantity::LogRatio;
use std::fmt;

/// Distance from a quartile to its inner fence, in interquartile ranges.
const INNER_FENCE: f64 = 1.5;

/// Distance from a quartile to its outer fence, in interquartile ranges.
pub(super) const OUTER_FENCE: f64 = 3.0;

/// How far a value lies outside Tukey's fences, and on which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutlierLabel {
    /// Below Q1 − 3·IQR.
    LowSevere,
    /// Below Q1 − 1.5·IQR, down to Q1 − 3·IQR.
    LowMild,
    /// Above Q3 + 1.5·IQR, up to Q3 + 3·IQR.
    HighMild,
    /// Above Q3 + 3·IQR.
    HighSevere,
}

impl fmt::Display for OutlierLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::LowSevere => "low severe",
            Self::LowMild => "low mild",
            Self::HighMild => "high mild",
            Self::HighSevere => "high severe",
        })
    }
}

/// Labels each value outside Tukey's fences, in the order of the values; `None` for values inside
/// or on them.
///
/// Q1 and Q3 are the quartiles, and IQR = Q3 − Q1. The inner fences are Q1 − 1.5·IQR and
/// Q3 + 1.5·IQR, the outer ones Q1 − 3·IQR and Q3 + 3·IQR. Quartiles are interpolated linearly
/// between order statistics (type 7 of Hyndman & Fan 1996, as in R, NumPy and criterion). If at
/// least half of the values are equal, the fences coincide and every other value is severe. Fewer
/// than four values are never labelled.
///
/// A label informs the reader and changes no estimate. Deleting values for being outliers ruins an
/// interval's coverage, most where there is most data: after it, a nominal 95 % t interval covers
/// 92 % for 30 normal values and 64 % for 30 lognormal ones. The interval that is robust against
/// outliers is [`yuen_interval`](super::yuen_interval).
///
/// Tukey, J. W. (1977): Exploratory Data Analysis, chapter 2.
pub fn tukey_labels(residuals: &[LogRatio]) -> Vec<Option<OutlierLabel>> {
    let mut sorted: Vec<f64> = residuals.iter().map(|residual| residual.0).collect();
    sorted.sort_by(f64::total_cmp);
    let (first, third) = (quantile(&sorted, 0.25), quantile(&sorted, 0.75));
    let range = third - first;
    let label = |residual: &LogRatio| match residual.0 {
        x if x < first - OUTER_FENCE * range => Some(OutlierLabel::LowSevere),
        x if x > third + OUTER_FENCE * range => Some(OutlierLabel::HighSevere),
        x if x < first - INNER_FENCE * range => Some(OutlierLabel::LowMild),
        x if x > third + INNER_FENCE * range => Some(OutlierLabel::HighMild),
        _ => None,
    };
    residuals.iter().map(label).collect()
}

/// The quantile of ascending values by linear interpolation (type 7); NaN if there are none.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let rank = share * last as f64;
    let below = rank.floor() as usize;
    let above = sorted[last.min(below + 1)];
    sorted[below] + (rank - rank.floor()) * (above - sorted[below])
}

#[cfg(test)]
#[path = "outlier_tests.rs"]
mod tests;
