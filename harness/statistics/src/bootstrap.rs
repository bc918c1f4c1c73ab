//! Percentile bootstrap of the mean of boot means: exact for few replicates, seeded Monte Carlo for
//! many.
//!
//! Each resample draws n of the n replicates with replacement. A replicate is the mean of one boot,
//! so this is a cluster bootstrap. For few replicates it is too narrow, corrected or not. It is a
//! secondary figure beside Student's and Yuen's intervals.

mod exact;
mod kernel;
mod resampler;
mod stream;
#[cfg(target_arch = "x86_64")]
mod wide;

pub use resampler::Resampler;

use crate::interval::Interval;
use crate::quantity::{Confidence, LogRatio, StatisticsError};
use exact::ExactMeans;

/// Up to this many replicates, every multiset of draws is enumerated: C(19, 10) = 92,378 at ten.
pub const EXACT_REPLICATES_MAX: usize = 10;

/// Default number of Monte Carlo resamples. A bound of a 95 % interval then has a standard error of
/// 2.7 % of the standard error of the mean.
pub const DEFAULT_RESAMPLES: u32 = 10_000;

/// Absorbs the rounding of a probability, so that 2.5 % of 10,000 is the 250th value and not the
/// 251st.
const RANK_SLACK: f64 = 1e-12;

/// An interval, and how its resamples were made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BootstrapInterval {
    /// The mean of the replicates and its bounds.
    pub interval: Interval,
    /// How the distribution of the resampled mean was found.
    pub method: BootstrapMethod,
}

/// How the distribution of the resampled mean was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootstrapMethod {
    /// All C(2n−1, n) multisets of n draws, each with its probability. There is no Monte Carlo
    /// error.
    Exact {
        /// The number of multisets.
        multisets: u32,
    },
    /// Independent resamples from a seeded generator.
    MonteCarlo {
        /// The number of resamples.
        resamples: u32,
    },
}

/// The percentile bootstrap interval of the mean: the quantiles α/2 and 1 − α/2 of the means of n
/// draws with replacement from the n replicates.
///
/// It is exact up to [`EXACT_REPLICATES_MAX`] replicates, and ignores the seed. Above, it takes
/// [`DEFAULT_RESAMPLES`] Monte Carlo resamples. A quantile is the smallest mean whose cumulative
/// probability reaches the level. If a replicate is not finite, both bounds are NaN.
///
/// Efron, B. & Tibshirani, R. J. (1993): An Introduction to the Bootstrap, chapter 13. The
/// enumeration follows Fisher, N. I. & Hall, P. (1991): Bootstrap algorithms for small samples. J.
/// Statist. Plann. Inference 27, 157–169.
///
/// # Errors
/// If there are fewer than two replicates.
///
/// ```
/// use sevbench_statistics::{Confidence, LogRatio, Slowdown, bootstrap_interval};
/// let boots: Vec<LogRatio> = [1.063, 1.078, 1.071, 1.098, 1.059]
///     .into_iter()
///     .map(|ratio| Slowdown::new(ratio).map(LogRatio::of_slowdown))
///     .collect::<Result<_, _>>()?;
/// let bootstrap = bootstrap_interval(&boots, Confidence::P95, 1)?;
/// assert!((bootstrap.interval.low.exp().factor() - 1.062_990_991_5).abs() < 1e-9);
/// # Ok::<(), sevbench_statistics::StatisticsError>(())
/// ```
pub fn bootstrap_interval(
    replicates: &[LogRatio],
    confidence: Confidence,
    seed: u64,
) -> Result<BootstrapInterval, StatisticsError> {
    let means = ResampledMeans::of(replicates, DEFAULT_RESAMPLES, seed)?;
    Ok(percentile(means, replicates, confidence))
}

/// The percentile bootstrap interval of the mean from `resamples` Monte Carlo resamples (at least
/// one), for any number of replicates. Otherwise like [`bootstrap_interval`]. The same seed gives
/// the same bits on every machine.
///
/// # Errors
/// If there are fewer than two replicates.
pub fn monte_carlo_interval(
    replicates: &[LogRatio],
    confidence: Confidence,
    resamples: u32,
    seed: u64,
) -> Result<BootstrapInterval, StatisticsError> {
    Ok(percentile(ResampledMeans::drawn(replicates, resamples, seed)?, replicates, confidence))
}

fn percentile(
    mut means: ResampledMeans,
    replicates: &[LogRatio],
    confidence: Confidence,
) -> BootstrapInterval {
    let tail = tail(confidence);
    means.interval(replicates, confidence, [tail, 1.0 - tail])
}

/// α/2.
fn tail(confidence: Confidence) -> f64 {
    0.5 - confidence.level() / 2.0
}

/// The bootstrap distribution of the mean of some replicates.
pub struct ResampledMeans(Means);

enum Means {
    Exact(ExactMeans),
    Drawn(Vec<LogRatio>),
}

impl ResampledMeans {
    /// The exact distribution up to [`EXACT_REPLICATES_MAX`] replicates; above, `resamples` drawn
    /// means.
    ///
    /// # Errors
    /// If there are fewer than two replicates.
    pub fn of(replicates: &[LogRatio], resamples: u32, seed: u64) -> Result<Self, StatisticsError> {
        if replicates.len() > EXACT_REPLICATES_MAX {
            return Self::drawn(replicates, resamples, seed);
        }
        needs_two(replicates)?;
        Ok(Self(Means::Exact(ExactMeans::new(replicates))))
    }

    fn drawn(replicates: &[LogRatio], resamples: u32, seed: u64) -> Result<Self, StatisticsError> {
        let mut means = vec![LogRatio(0.0); resamples.max(1) as usize];
        Resampler::new(replicates, seed)?.fill(0, &mut means);
        Ok(Self(Means::Drawn(means)))
    }

    fn method(&self) -> BootstrapMethod {
        match &self.0 {
            Means::Exact(means) => BootstrapMethod::Exact { multisets: means.multisets() },
            Means::Drawn(means) => BootstrapMethod::MonteCarlo { resamples: means.len() as u32 },
        }
    }

    /// The interval between the quantiles at two levels, the lower one first.
    pub fn interval(
        &mut self,
        replicates: &[LogRatio],
        confidence: Confidence,
        levels: [f64; 2],
    ) -> BootstrapInterval {
        let finite = replicates.iter().all(|r| r.0.is_finite());
        let [low, high] = match &mut self.0 {
            _ if !finite => [f64::NAN; 2],
            Means::Exact(means) => means.quantiles(levels),
            Means::Drawn(means) => levels.map(|level| {
                let rank = rank(level, means.len() as f64) as usize;
                means.select_nth_unstable_by(rank.saturating_sub(1), |a, b| a.0.total_cmp(&b.0)).1.0
            }),
        };
        let estimate = LogRatio(mean(replicates));
        let interval = Interval { estimate, low: LogRatio(low), high: LogRatio(high), confidence };
        BootstrapInterval { interval, method: self.method() }
    }

    /// The probability of a mean below the value, plus half the probability of the value itself.
    pub fn share_below(&self, value: f64, tolerance: f64) -> f64 {
        match &self.0 {
            Means::Exact(means) => means.share_below(value, tolerance),
            Means::Drawn(means) => {
                let counts = means.iter().map(|mean| below(mean.0 - value, tolerance));
                counts.sum::<f64>() / means.len() as f64
            }
        }
    }
}

/// 1 if the difference is below zero, ½ if it is zero up to rounding, otherwise 0.
fn below(difference: f64, tolerance: f64) -> f64 {
    if difference.abs() <= tolerance { 0.5 } else { f64::from(u8::from(difference < 0.0)) }
}

/// The rank of the quantile among `total` equally likely values: the first rank, counted from one,
/// that reaches the level.
fn rank(level: f64, total: f64) -> f64 {
    (level * total * (1.0 - RANK_SLACK)).ceil().clamp(1.0, total)
}

/// The mean of at least one replicate. If all are equal, it is exactly their value.
fn mean(replicates: &[LogRatio]) -> f64 {
    let first = replicates[0].0;
    first + replicates.iter().map(|r| r.0 - first).sum::<f64>() / replicates.len() as f64
}

fn needs_two(replicates: &[LogRatio]) -> Result<(), StatisticsError> {
    if replicates.len() < 2 {
        return Err(StatisticsError::TooFew { found: replicates.len(), needed: 2 });
    }
    Ok(())
}

#[cfg(test)]
#[path = "bootstrap_tests.rs"]
mod tests;
