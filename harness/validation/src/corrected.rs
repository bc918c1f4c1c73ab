//! Corrected bootstrap intervals, BCa and ABC. They do not make up for few boots.

use sevbench_statistics::{
    BootstrapInterval, Confidence, DEFAULT_RESAMPLES, LogRatio, ResampledMeans, StatisticsError,
};
use statrs::distribution::{ContinuousCDF, Normal};

/// Values this close to the estimate are ties, as a share of the largest deviation from it.
const TIE: f64 = 1e-9;

/// The step of the numerical derivatives, times the number of values; as in the published `abcnon`.
const DERIVATIVE_STEP: f64 = 0.001;

/// The bias-corrected and accelerated bootstrap interval of the mean. The bounds are the quantiles
/// of the resampled means at Φ(z₀ + (z₀ + z)/(1 − a(z₀ + z))) for z = Φ⁻¹(α/2) and Φ⁻¹(1 − α/2).
/// z₀ = Φ⁻¹(share of means below the estimate, with ties counted by half). a = Σd³/(6(Σd²)^1.5) is
/// the jackknife's acceleration, with d = x − x̄.
///
/// Resamples are made as in [`sevbench_statistics::bootstrap_interval`]. **It does not make up for
/// few boots:** for normal data, a nominal 95 % interval covers 84 % at five boots, 89 % at eight
/// and 91 % at twelve, just like the percentile interval. Student's t covers 95 %. It exists for
/// the coverage table and is not reported.
///
/// Efron, B. (1987): Better bootstrap confidence intervals. J. Amer. Statist. Assoc. 82, 171–185.
///
/// # Errors
/// If there are fewer than two replicates.
pub fn bca_interval(
    replicates: &[LogRatio],
    confidence: Confidence,
    seed: u64,
) -> Result<BootstrapInterval, StatisticsError> {
    let mut means = ResampledMeans::of(replicates, DEFAULT_RESAMPLES, seed)?;
    let normal = Normal::standard();
    let center = mean(replicates)?;
    let deviations = || replicates.iter().map(|r| r.value() - center);
    let squares: f64 = deviations().map(|d| d * d).sum();
    let cubes: f64 = deviations().map(|d| d * d * d).sum();
    let acceleration = if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 };
    let tolerance = TIE * deviations().fold(0.0, |most: f64, d| most.max(d.abs()));
    let bias = normal.inverse_cdf(means.share_below(center, tolerance));
    let tail = 0.5 - confidence.level() / 2.0;
    let levels = [tail, 1.0 - tail].map(|level| {
        let z = bias + normal.inverse_cdf(level);
        normal.cdf(bias + z / (1.0 - acceleration * z))
    });
    Ok(means.interval(replicates, confidence, levels))
}

/// A statistic with its approximate bootstrap interval, in the statistic's own unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AbcInterval {
    /// The statistic of the data.
    pub estimate: f64,
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

/// The nonparametric approximate bootstrap confidence (ABC) interval of a smooth statistic of
/// `count` values.
///
/// The statistic is a function of the weights of the values. They sum to one and are 1/`count` for
/// the data themselves. Ṫᵢ and T̈ᵢ are its derivatives in the direction of each value. With
/// σ = √ΣṪ²/n, a = ΣṪ³/(6n³σ³), δ = Ṫ/(n²σ), b = ΣT̈/(2n²), the curvature c_q along δ,
/// γ = b/σ − c_q and z₀ = Φ⁻¹(2Φ(a)Φ(−γ)), a bound is the statistic at the weights
/// 1/n + δ·w/(1 − aw)², where w = z₀ + Φ⁻¹(level). It needs no resamples and approximates BCa. **It
/// does not make up for few boots either.** If the statistic does not vary, the bounds are the
/// estimate.
///
/// DiCiccio, T. & Efron, B. (1992): More accurate confidence intervals in exponential families.
/// Biometrika 79, 231–245; Efron, B. & Tibshirani, R. J. (1993): An Introduction to the Bootstrap,
/// section 14.4 and `abcnon`.
///
/// # Errors
/// If there are fewer than two values.
pub fn abc_interval(
    count: usize,
    statistic: impl Fn(&[f64]) -> f64,
    confidence: Confidence,
) -> Result<AbcInterval, StatisticsError> {
    if count < 2 {
        return Err(StatisticsError::TooFew { found: count, needed: 2 });
    }
    let n = count as f64;
    let step = DERIVATIVE_STEP / n;
    let mut weights = vec![1.0 / n; count];
    let estimate = statistic(&weights);
    let mut slopes = Vec::with_capacity(count);
    let mut bend = 0.0;
    for index in 0..count {
        let mut towards = |step: f64| {
            weights.fill((1.0 - step) / n);
            weights[index] += step;
            statistic(&weights)
        };
        let (more, less) = (towards(step), towards(-step));
        slopes.push((more - less) / (2.0 * step));
        bend += (more - 2.0 * estimate + less) / (step * step);
    }
    let error = slopes.iter().map(|s| s * s).sum::<f64>().sqrt() / n;
    if error == 0.0 {
        return Ok(AbcInterval { estimate, low: estimate, high: estimate });
    }
    let mut along = |length: f64| {
        for (weight, slope) in weights.iter_mut().zip(&slopes) {
            *weight = 1.0 / n + length * slope / (n * n * error);
        }
        statistic(&weights)
    };
    let normal = Normal::standard();
    let acceleration =
        slopes.iter().map(|s| s.powi(3)).sum::<f64>() / (6.0 * n.powi(3) * error.powi(3));
    let curvature = (along(step) - 2.0 * estimate + along(-step)) / (2.0 * error * step * step);
    let total = bend / (2.0 * n * n) / error - curvature;
    let bias = normal.inverse_cdf(2.0 * normal.cdf(acceleration) * normal.cdf(-total));
    let tail = 0.5 - confidence.level() / 2.0;
    let [low, high] = [tail, 1.0 - tail].map(|level| {
        let w = bias + normal.inverse_cdf(level);
        along(w / (1.0 - acceleration * w).powi(2))
    });
    Ok(AbcInterval { estimate, low, high })
}

/// The mean of at least two replicates. If all are equal, it is exactly their value.
fn mean(replicates: &[LogRatio]) -> Result<f64, StatisticsError> {
    match LogRatio::mean(replicates) {
        Some(mean) if replicates.len() > 1 => Ok(mean.value()),
        _ => Err(StatisticsError::TooFew { found: replicates.len(), needed: 2 }),
    }
}

#[cfg(test)]
#[path = "corrected_tests.rs"]
mod tests;
