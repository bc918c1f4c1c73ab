//! Confidence intervals for the mean log ratio of independent replicates (boot means).

use super::{Confidence, LogRatio, StatisticsError};
use statrs::distribution::{Continuous, ContinuousCDF, StudentsT};

/// Newton steps that bring the library's quantile to full precision; it converges in two.
const NEWTON_STEPS: usize = 4;

/// The share that Yuen's interval trims at either end.
const TRIM: f64 = 0.2;

/// The power at which [`minimum_detectable`] is stated.
const POWER: f64 = 0.8;

/// An estimate on the log scale with its two-sided interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The estimate.
    pub estimate: LogRatio,
    /// The lower bound.
    pub low: LogRatio,
    /// The upper bound.
    pub high: LogRatio,
    /// The level that the bounds were made for.
    pub confidence: Confidence,
}

impl Interval {
    fn around(center: f64, half_width: f64, confidence: Confidence) -> Self {
        Self {
            estimate: LogRatio(center),
            low: LogRatio(center - half_width),
            high: LogRatio(center + half_width),
            confidence,
        }
    }

    /// Upper bound less lower bound, on the log scale.
    pub fn width(&self) -> f64 {
        self.high.0 - self.low.0
    }

    /// Whether the value lies inside, bounds included.
    pub fn contains(&self, value: LogRatio) -> bool {
        self.low <= value && value <= self.high
    }
}

/// Student's t interval: θ̂ ± t(1−α/2; G−1)·S/√G, with S² = Σ(d−θ̂)²/(G−1).
///
/// # Errors
/// If there are fewer than two replicates.
pub fn t_interval(
    replicates: &[LogRatio],
    confidence: Confidence,
) -> Result<Interval, StatisticsError> {
    let (mean, standard_error) = mean_and_error(replicates)?;
    let t = t_quantile(two_sided(confidence), replicates.len() as f64 - 1.0);
    Ok(Interval::around(mean, t * standard_error, confidence))
}

/// Yuen's interval on the 20 % trimmed mean: k = ⌊0.2 G⌋ values trimmed at either end, h = G − 2k,
/// SE = √(SSD_w / (h(h−1))) with the winsorised sum of squared deviations, h − 1 degrees of freedom.
///
/// Yuen, K. K. (1974): The two-sample trimmed t for unequal population variances. Biometrika 61, 165–170;
/// in its one-sample form, Tukey & McLaughlin (1963).
///
/// # Errors
/// If there are fewer than two replicates.
pub fn yuen_interval(
    replicates: &[LogRatio],
    confidence: Confidence,
) -> Result<Interval, StatisticsError> {
    needs_two(replicates)?;
    let mut sorted: Vec<f64> = replicates.iter().map(|r| r.0).collect();
    sorted.sort_by(f64::total_cmp);
    let trimmed = (TRIM * sorted.len() as f64).floor() as usize;
    let kept = sorted.len() - 2 * trimmed;
    let h = kept as f64;
    let center = sorted[trimmed..trimmed + kept].iter().sum::<f64>() / h;
    let (lowest, highest) = (sorted[trimmed], sorted[trimmed + kept - 1]);
    let winsorised: Vec<f64> = sorted.iter().map(|x| x.clamp(lowest, highest)).collect();
    let winsorised_mean = winsorised.iter().sum::<f64>() / winsorised.len() as f64;
    let ssd: f64 = winsorised.iter().map(|x| (x - winsorised_mean).powi(2)).sum();
    let standard_error = (ssd / (h * (h - 1.0))).sqrt();
    let t = t_quantile(two_sided(confidence), h - 1.0);
    Ok(Interval::around(center, t * standard_error, confidence))
}

/// The smallest log ratio that a two-sided t test at this level finds with a power of 80 %, given the
/// spread of the replicates: (t(1−α/2) + t(0.8))·S/√G.
///
/// # Errors
/// If there are fewer than two replicates.
pub fn minimum_detectable(
    replicates: &[LogRatio],
    confidence: Confidence,
) -> Result<LogRatio, StatisticsError> {
    let (_, standard_error) = mean_and_error(replicates)?;
    let freedom = replicates.len() as f64 - 1.0;
    let t = t_quantile(two_sided(confidence), freedom) + t_quantile(POWER, freedom);
    Ok(LogRatio(t * standard_error))
}

fn two_sided(confidence: Confidence) -> f64 {
    0.5 + confidence.level() / 2.0
}

fn needs_two(replicates: &[LogRatio]) -> Result<(), StatisticsError> {
    if replicates.len() < 2 {
        return Err(StatisticsError::TooFew { found: replicates.len(), needed: 2 });
    }
    Ok(())
}

fn mean_and_error(replicates: &[LogRatio]) -> Result<(f64, f64), StatisticsError> {
    needs_two(replicates)?;
    let n = replicates.len() as f64;
    let mean = replicates.iter().map(|r| r.0).sum::<f64>() / n;
    let ssd: f64 = replicates.iter().map(|r| (r.0 - mean).powi(2)).sum();
    Ok((mean, (ssd / (n - 1.0) / n).sqrt()))
}

/// The quantile of Student's t at `p`, for at least one degree of freedom.
fn t_quantile(p: f64, freedom: f64) -> f64 {
    let Ok(distribution) = StudentsT::new(0.0, 1.0, freedom) else { return f64::NAN };
    let mut t = distribution.inverse_cdf(p);
    for _ in 0..NEWTON_STEPS {
        let step = (distribution.cdf(t) - p) / distribution.pdf(t);
        if !step.is_finite() {
            break;
        }
        t -= step;
    }
    t
}

#[cfg(test)]
#[path = "interval_tests.rs"]
mod tests;
