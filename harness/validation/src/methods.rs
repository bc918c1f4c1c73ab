//! The methods that sevbench uses, and for comparison those that it rejects since they fail. The
//! rejected ones are implemented only here.

use crate::corrected::bca_interval;
use crate::generators::{Boots, LATENCIES, Noise, ROUNDS, Source, longest_latencies};
use sevbench_statistics::{
    Confidence, Cost, EXACT_REPLICATES_MAX, Interval, LogRatio, Pivot, bootstrap_interval,
    fieller_interval, monte_carlo_interval, t_interval, yuen_interval,
};
use std::fmt;

/// Resamples of a bootstrap that cannot be exact. A bound then errs by a twentieth of a standard
/// error.
const RESAMPLES: u32 = 2_000;
/// Resamples of the pool of all latencies, whose interval needs less precision.
const POOLED_RESAMPLES: u32 = 500;
/// How many latencies of a round are longer than its p99.
const P99: usize = LATENCIES / 100;
/// The longest latencies of a round: enough for the p99 of all boots.
const LONGEST: usize = 60;
/// The distance of Tukey's fences from the quartiles, in interquartile ranges.
const FENCE: f64 = 1.5;

/// Methods for independent pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PairsMethod {
    T,
    Yuen,
    Fieller,
    Percentile,
    Bca,
    /// Resamples each arm on its own and takes the ratio of the means.
    UnpairedPercentile,
    /// Deletes values outside Tukey's fences, then takes the t interval of the rest.
    TukeyDelete,
}

impl fmt::Display for PairsMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::T => "t on log ratios",
            Self::Yuen => "Yuen trimmed t",
            Self::Fieller => "Fieller paired",
            Self::Percentile => "percentile bootstrap",
            Self::Bca => "BCa bootstrap",
            Self::UnpairedPercentile => "unpaired percentile",
            Self::TukeyDelete => "Tukey fences then t",
        })
    }
}

impl PairsMethod {
    /// Whether the 95 % interval of one experiment covers the value that the method estimates.
    pub fn covers(self, noise: Noise, n: usize, source: &mut Source) -> bool {
        let pairs = noise.pairs(n, source);
        let ratios: Vec<LogRatio> = pairs.iter().map(|(x, y)| LogRatio::of_costs(*y, *x)).collect();
        let truth = noise.truth();
        let level = Confidence::P95;
        match self {
            Self::T => holds(t_interval(&ratios, level), truth.mean),
            Self::Yuen => holds(yuen_interval(&ratios, level), truth.trimmed),
            Self::Fieller => {
                let found = fieller_interval(&pairs, level).expect("there are pairs");
                found.bounds.is_none_or(|(low, high)| low <= truth.ratio && truth.ratio <= high)
            }
            Self::Percentile => percentile(&ratios, source.seed()).contains(truth.mean),
            Self::Bca => {
                holds(bca_interval(&ratios, level, source.seed()).map(|b| b.interval), truth.mean)
            }
            Self::UnpairedPercentile => between(unpaired_percentile(&pairs, source), truth.ratio),
            Self::TukeyDelete => holds(t_interval(&inside_fences(&ratios), level), truth.mean),
        }
    }
}

/// Methods for rounds in boots. The truth is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BootsMethod {
    T,
    Percentile,
    /// The t interval over all rounds, as if they were independent.
    NaiveT,
}

impl fmt::Display for BootsMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::T => "t on boot means",
            Self::Percentile => "cluster percentile",
            Self::NaiveT => "t over all rounds",
        })
    }
}

impl BootsMethod {
    pub fn covers(self, boots: Boots, n: usize, source: &mut Source) -> bool {
        let rounds = boots.rounds(n, source);
        let means: Vec<LogRatio> = rounds.iter().filter_map(|boot| LogRatio::mean(boot)).collect();
        let truth = LogRatio::new(0.0);
        match self {
            Self::T => holds(t_interval(&means, Confidence::P95), truth),
            Self::Percentile => percentile(&means, source.seed()).contains(truth),
            Self::NaiveT => holds(t_interval(&rounds.concat(), Confidence::P95), truth),
        }
    }
}

/// Methods for the ratio of two arms' p99. The true ratio is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LatencyMethod {
    /// The log ratio of p99 in each round, averaged over a boot, then t over boots.
    T,
    /// The p99 of all latencies, with a jackknife that leaves out one boot at a time.
    Jackknife,
    /// Resamples the latencies of each arm as if they were independent.
    PooledBootstrap,
}

impl fmt::Display for LatencyMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::T => "t on p99 ratios of rounds",
            Self::Jackknife => "jackknife of the merged p99",
            Self::PooledBootstrap => "bootstrap of pooled values",
        })
    }
}

impl LatencyMethod {
    pub fn covers(self, boots: usize, source: &mut Source) -> bool {
        let longest = if self == Self::T { P99 + 1 } else { LONGEST };
        let arms = [(); 2].map(|()| longest_latencies(boots, longest, source));
        let truth = LogRatio::new(0.0);
        match self {
            Self::T => {
                let of_boot = |g: usize| {
                    let ratios =
                        (0..ROUNDS).map(|r| arms[0][g][r][P99].ln() - arms[1][g][r][P99].ln());
                    LogRatio::new(ratios.sum::<f64>() / ROUNDS as f64)
                };
                let means: Vec<LogRatio> = (0..boots).map(of_boot).collect();
                holds(t_interval(&means, Confidence::P95), truth)
            }
            Self::Jackknife => {
                let merged = arms.map(|arm| merged(&arm));
                let ratio = |without: Option<usize>| {
                    let [a, b] = [0, 1].map(|arm: usize| merged_p99(&merged[arm], boots, without));
                    LogRatio::new(a.ln() - b.ln())
                };
                let without_one: Vec<LogRatio> = (0..boots).map(|g| ratio(Some(g))).collect();
                let pivot = Pivot::jackknife(ratio(None), &without_one);
                holds(pivot.map(|pivot| pivot.interval(Confidence::P95)), truth)
            }
            Self::PooledBootstrap => {
                let merged = arms.map(|arm| merged(&arm));
                between(pooled_percentile(&merged, boots, source), 0.0)
            }
        }
    }
}

fn holds<E: fmt::Debug>(interval: Result<Interval, E>, truth: LogRatio) -> bool {
    interval.expect("there are enough replicates").contains(truth)
}

fn between([low, high]: [f64; 2], truth: f64) -> bool {
    low <= truth && truth <= high
}

fn percentile(replicates: &[LogRatio], seed: u64) -> Interval {
    let found = if replicates.len() <= EXACT_REPLICATES_MAX {
        bootstrap_interval(replicates, Confidence::P95, seed)
    } else {
        monte_carlo_interval(replicates, Confidence::P95, RESAMPLES, seed)
    };
    found.expect("there are enough replicates").interval
}

/// The bounds of the middle 95 % of the values.
fn middle(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len() as f64 - 1.0;
    [0.025, 0.975].map(|p| quantile(&values, p * last))
}

/// The interpolated value at a fractional index into sorted values.
fn quantile(sorted: &[f64], index: f64) -> f64 {
    let below = index.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (index - index.floor()) * (sorted[above] - sorted[below])
}

fn unpaired_percentile(pairs: &[(Cost, Cost)], source: &mut Source) -> [f64; 2] {
    let (control, treatment): (Vec<f64>, Vec<f64>) =
        pairs.iter().map(|(x, y)| (x.value(), y.value())).unzip();
    let mut sum =
        |side: &[f64]| (0..side.len()).map(|_| side[source.below(side.len())]).sum::<f64>();
    middle((0..RESAMPLES).map(|_| sum(&treatment) / sum(&control)).collect())
}

fn inside_fences(ratios: &[LogRatio]) -> Vec<LogRatio> {
    let mut sorted: Vec<f64> = ratios.iter().map(|r| r.value()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let last = sorted.len() as f64 - 1.0;
    let [lower, upper] = [0.25, 0.75].map(|p| quantile(&sorted, p * last));
    let reach = FENCE * (upper - lower);
    let inside = |r: &&LogRatio| between([lower - reach, upper + reach], r.value());
    ratios.iter().filter(inside).copied().collect()
}

/// The longest latencies of all rounds with their boots, longest first: enough for the p99 without
/// one boot, and for that of a resample.
fn merged(arm: &[Vec<Vec<f64>>]) -> Vec<(f64, usize)> {
    let boots = arm.iter().enumerate();
    let mut all: Vec<(f64, usize)> =
        boots.flat_map(|(g, rounds)| rounds.iter().flatten().map(move |v| (*v, g))).collect();
    let longest_first = |a: &(f64, usize), b: &(f64, usize)| b.0.total_cmp(&a.0);
    let kept = (arm.len() * ROUNDS * P99 * 3 / 2).min(all.len() - 1);
    all.select_nth_unstable_by(kept, longest_first);
    all.truncate(kept);
    all.sort_unstable_by(longest_first);
    all
}

fn merged_p99(merged: &[(f64, usize)], boots: usize, without: Option<usize>) -> f64 {
    let above = (boots - usize::from(without.is_some())) * ROUNDS * P99;
    let mut kept = merged.iter().filter(|(_, boot)| Some(*boot) != without);
    kept.nth(above).expect("a hundredth of the latencies is among the longest").0
}

/// The percentile interval of the log ratio of p99. Above a resample's p99 lies a binomial number
/// of the pool's latencies, some hundreds. The number is drawn from a normal distribution.
fn pooled_percentile(arms: &[Vec<(f64, usize)>; 2], boots: usize, source: &mut Source) -> [f64; 2] {
    let expected = (boots * ROUNDS * P99) as f64;
    let deviation = (expected * 0.99).sqrt();
    let mut p99 =
        |arm: &[(f64, usize)]| arm[(expected + deviation * source.normal()).round() as usize].0;
    middle((0..POOLED_RESAMPLES).map(|_| (p99(&arms[0]) / p99(&arms[1])).ln()).collect())
}
