//! Arms that ran in common boot blocks: the estimates of one series, its verdict and its flags.

use super::arm_pair::ArmPair;
use super::dataset::ComparisonInput;
use super::doubts::{Excluded, boot_groups, depends_on_order, exclusion_flags, has_no_spread};
use super::estimate::{Basis, PivotResult, boot_pivot};
use super::jackknife::{PooledPercentile, is_in_a_gap, pooled_percentile};
use super::pairs::{BootPairs, Pairing, RoundFilter, pair_rounds, replicates};
use super::precision::{best_rounds, prospect, settle, variance_components, variance_shares};
use super::series_comparison::{BootRatio, LineEstimates, SeriesComparison, comparison_line};
use crate::gate::{Evidence, blur};
use sevbench_reports::{BootRow, Comparison, Estimate, Flag, Verdict};
use sevbench_statistics::{Cost, LogRatio, Pivot};

/// Compares a treatment with the control, pair by pair. `None` if no round has both values.
pub(super) fn compare_paired(input: ComparisonInput<'_>, seed: u64) -> Option<SeriesComparison> {
    let Pairing { boots, unpaired_rounds } =
        pair_rounds(input.series, input.pair, RoundFilter::WithoutExcluded);
    let unexcluded = Unexcluded::of(input);
    let headline = Headline::of(input, &boots, unexcluded.as_ref())?;
    let replicates = replicates(&boots);
    let basis = Basis::of_boots(&boots, input.confidence());
    let estimates = LineEstimates {
        means: headline.means,
        slowdown: headline.estimate(),
        robust: headline.robust(),
        pivot: headline.pivot.as_ref().ok(),
        ratios: if headline.is_of_boots(&boots) { &replicates } else { &[] },
    };
    let costs: Vec<(Cost, Cost)> = boots.iter().filter_map(BootPairs::costs).collect();
    let components = variance_components(&boots);
    let (series, pair, data) = (input.series, input.pair, input.data);
    let mut comparison = Comparison {
        typical: if headline.is_of_boots(&boots) { basis.typical(&replicates) } else { None },
        fieller: basis.fieller(&costs),
        bootstrap: basis.bootstrap(&replicates, seed),
        unexcluded: unexcluded.as_ref().map(|unexcluded| unexcluded.estimate.clone()),
        variance_shares: Some(variance_shares(&components)),
        best_rounds: best_rounds(&components, data.costs.of(series.bench)),
        unpaired_rounds,
        warm_up: data.warm_ups.of(series.bench, pair),
        judged: !series.is_boot_time && pair.judged,
        is_boot_time: series.is_boot_time,
        per_boot: boots.iter().map(boot_row).collect(),
        ..comparison_line(input, estimates)
    };
    let pivot = headline.pivot.as_ref().ok().copied();
    comparison.settle = pivot.and_then(|pivot| settle(input, &comparison, &pivot));
    comparison.prospect = pivot.and_then(|pivot| prospect(input, &comparison, &pivot));
    comparison.flags.extend(pair.flags());
    comparison.flags.extend(headline.flags(pair));
    comparison.flags.extend(data_flags(&comparison, &boots));
    add_doubts(&mut comparison, input, &boots, unexcluded.as_ref());
    let boots = boots.iter().map(boot_ratio).collect();
    Some(SeriesComparison { comparison, bench: series.bench, boots, pivot })
}

/// Adds what casts doubt on the interval: its flags, and the groups of its boots.
fn add_doubts(
    comparison: &mut Comparison,
    input: ComparisonInput<'_>,
    boots: &[BootPairs],
    unexcluded: Option<&Unexcluded>,
) {
    let kept = boots.iter().map(|boot| boot.pairs.len()).sum::<usize>() as u32;
    if let Some(unexcluded) = unexcluded.filter(|_| kept > 0) {
        let excluded = Excluded {
            rounds: unexcluded.rounds - kept,
            verdict_without: comparison.verdict,
            verdict_with: unexcluded.verdict,
        };
        comparison.flags.extend(exclusion_flags(input, excluded, kept));
    }
    let ratios = boots.iter().flat_map(|boot| &boot.pairs).map(|pair| pair.ratio.value());
    if has_no_spread(input, ratios) {
        comparison.flags.push(Flag::NoSpread);
    } else if boots.len() > 1 {
        comparison.groups = boot_groups(input, boots);
        comparison.flags.extend(comparison.groups.as_ref().map(|_| Flag::TwoGroups));
    }
    if is_in_a_gap(input) {
        comparison.flags.push(Flag::PercentileInGap);
    }
    let in_order = boots.iter().map(|boot| boot.mean().value());
    if depends_on_order(input, in_order) {
        comparison.flags.push(Flag::SerialDependence);
    }
}

/// The estimate that is judged, and the trimmed one beside it.
struct Headline {
    basis: Basis,
    /// The estimate if there is no pivot.
    point: LogRatio,
    pivot: PivotResult,
    method: &'static str,
    /// Whether it is a percentile of the pooled values of each boot.
    is_pooled: bool,
    trimmed: PivotResult,
    /// The means of the control and of the treatment, in the unit of the series.
    means: [f64; 2],
}

impl Headline {
    /// Computed from the pairs of each boot. A percentile for which single rounds have too few
    /// values is computed from the pooled values of each boot instead. If every round is excluded,
    /// the estimate is that of the excluded rounds, without an interval. `None` if there is no
    /// estimate.
    fn of(
        input: ComparisonInput<'_>,
        boots: &[BootPairs],
        unexcluded: Option<&Unexcluded>,
    ) -> Option<Self> {
        let replicates = replicates(boots);
        let pooled = pooled_percentile(input, boots);
        let of_pooled = pooled.as_ref().map(|pooled| pooled.pivot.estimate);
        let of_excluded = unexcluded.map(|all| LogRatio::new(all.estimate.estimate.ln()));
        let point = LogRatio::mean(&replicates).or(of_pooled).or(of_excluded)?;
        let trimmed = Pivot::trimmed_mean(&replicates);
        let basis = Basis::of_boots(boots, input.confidence());
        if let Some(PooledPercentile { pivot, means, boots, rounds }) = pooled {
            let (pivot, method) = (Ok(pivot), "delete-one-boot jackknife");
            let basis = Basis { boots, rounds, ..basis };
            return Some(Self { basis, point, pivot, method, is_pooled: true, trimmed, means });
        }
        let (pivot, method) = boot_pivot(boots, &replicates, input.first_stage());
        let means = match boots {
            [] => means(&pair_rounds(input.series, input.pair, RoundFilter::All).boots),
            boots => means(boots),
        };
        Some(Self { basis, point, pivot, method, is_pooled: false, trimmed, means })
    }

    fn estimate(&self) -> Estimate {
        self.basis.estimate(self.point, &self.pivot, self.method)
    }

    /// The trimmed mean of the same boots.
    fn robust(&self) -> Option<Estimate> {
        if self.is_pooled { None } else { self.basis.robust(&self.trimmed, "Yuen 20 % trimmed") }
    }

    /// Whether it is the mean of the ratios of boots, which then have a median.
    const fn is_of_boots(&self, boots: &[BootPairs]) -> bool {
        boots.len() > 1 && !self.is_pooled
    }

    fn flags(&self, pair: ArmPair) -> Vec<Flag> {
        let mut flags = Vec::new();
        if self.basis.boots < 2 || !pair.rebooted {
            flags.push(Flag::ConditionalOnThisBoot);
        }
        flags
    }
}

/// The result with the excluded rounds.
struct Unexcluded {
    estimate: Estimate,
    verdict: Verdict,
    rounds: u32,
}

impl Unexcluded {
    /// `None` if no round is excluded.
    fn of(input: ComparisonInput<'_>) -> Option<Self> {
        input.series.rows.iter().any(|row| row.excluded).then_some(())?;
        let Pairing { boots, .. } = pair_rounds(input.series, input.pair, RoundFilter::All);
        let replicates = replicates(&boots);
        let basis = Basis::of_boots(&boots, input.confidence());
        let point = LogRatio::mean(&replicates)?;
        let (pivot, method) = boot_pivot(&boots, &replicates, input.first_stage());
        let evidence = Evidence {
            boots: basis.boots,
            mean: pivot.as_ref().ok(),
            ratios: if boots.len() > 1 { &replicates } else { &[] },
            blur: blur(input.resolution()),
        };
        let verdict = evidence.judge(input.data.judge, input.margin()).verdict;
        let estimate = basis.estimate(point, &pivot, method);
        Some(Self { estimate, verdict, rounds: basis.rounds })
    }
}

/// Flags about warm-ups and missing rounds.
fn data_flags(comparison: &Comparison, boots: &[BootPairs]) -> Vec<Flag> {
    let mut flags = Vec::new();
    let is_unsteady = comparison.warm_up.as_ref().is_some_and(|warm_up| {
        warm_up.control.no_steady_state + warm_up.treated.no_steady_state > 0
    });
    if is_unsteady {
        flags.push(Flag::NoSteadyState);
    }
    if comparison.unpaired_rounds > 0 {
        flags.push(Flag::RoundsUnpaired(comparison.unpaired_rounds));
    }
    if comparison.slowdown.boots == 0 {
        flags.push(Flag::AllRoundsExcluded);
    }
    if boots.iter().any(|boot| boot.pairs.len() != boots[0].pairs.len()) {
        flags.push(Flag::UnequalRounds);
    }
    flags
}

fn boot_row(boot: &BootPairs) -> BootRow {
    let [control, treated] = boot.means();
    BootRow {
        boot: boot.boot,
        rounds: boot.pairs.len() as u32,
        control: Some(control),
        treated: Some(treated),
        slowdown: Some(boot.mean().exp().factor()),
    }
}

fn boot_ratio(boot: &BootPairs) -> BootRatio {
    BootRatio { boot: boot.boot, ratio: boot.mean(), rounds: boot.pairs.len() as u32 }
}

/// The means over boots, of the control and of the treatment.
fn means(boots: &[BootPairs]) -> [f64; 2] {
    let n = boots.len() as f64;
    let mean = |side: usize| boots.iter().map(|boot| boot.means()[side]).sum::<f64>() / n;
    [mean(0), mean(1)]
}

#[cfg(test)]
#[path = "paired_tests.rs"]
mod tests;
