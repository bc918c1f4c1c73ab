//! Where the variance comes from, and what more boots or rounds would gain.

use super::costs::BenchCosts;
use super::dataset::ComparisonInput;
use super::pairs::BootPairs;
use crate::gate::{Evidence, blur};
use sevbench_reports::{
    Comparison, Estimand, Prospect, Settle, VERDICT_BOOTS_MIN, VarianceShares, Verdict,
};
use sevbench_statistics::{
    Confidence, LogRatio, Pivot, VarianceComponents, best_repetitions, boots_to_settle,
    chance_to_decide, pairs_needed,
};

/// What a day can hold, in seconds.
const DAY_S: f64 = 86_400.0;

/// The variance components of boots, rounds and samples.
pub(super) fn variance_components(boots: &[BootPairs]) -> VarianceComponents {
    let samples: Vec<(f32, u32)> =
        boots.iter().flat_map(|boot| &boot.pairs).filter_map(|pair| pair.samples).collect();
    let n = samples.len() as f64;
    let mean = |of: fn(&(f32, u32)) -> f64| samples.iter().map(of).sum::<f64>() / n;
    let variance = (!samples.is_empty()).then(|| mean(|sample| f64::from(sample.0)));
    let rounds: Vec<Vec<f64>> = boots
        .iter()
        .map(|boot| boot.pairs.iter().map(|pair| pair.ratio.value()).collect())
        .collect();
    VarianceComponents::of_rounds(&rounds, variance, mean(|sample| f64::from(sample.1)))
}

pub(super) fn variance_shares(components: &VarianceComponents) -> VarianceShares {
    let [sample, round, boot] = components.shares();
    VarianceShares { boot, round, sample }
}

/// The number of rounds in a boot that uses the time of this run best.
pub(super) fn best_rounds(
    components: &VarianceComponents,
    costs: Option<BenchCosts>,
) -> Option<u32> {
    let variances = [components.s_squared[1]?, components.t_squared[2]?];
    let costs = costs?;
    let best = best_repetitions(variances, [costs.round_s, costs.boot_s])?;
    Some(best.ceil().max(1.0) as u32)
}

/// The boots that would settle an inconclusive comparison, if estimate and spread stayed the same.
pub(super) fn settle(
    input: ComparisonInput<'_>,
    comparison: &Comparison,
    pivot: &Pivot,
) -> Option<Settle> {
    let boots = comparison.slowdown.boots;
    if !needs_boots(input, comparison, pivot) {
        return None;
    }
    let (margin, blur) = (input.margin().log_ratio(), blur(comparison.resolution));
    let enough = boots_to_settle(pivot, boots, margin, blur)?.max(VERDICT_BOOTS_MIN);
    let more = enough - boots;
    Some(Settle { boots: more, seconds: seconds_of(input, more) })
}

/// What another run of an inconclusive comparison could show. `None` if bins hide as much as the
/// margin, since no run shows more.
pub(super) fn prospect(
    input: ComparisonInput<'_>,
    comparison: &Comparison,
    pivot: &Pivot,
) -> Option<Prospect> {
    let boots = comparison.slowdown.boots;
    let (margin, blur) = (input.margin().log_ratio(), blur(comparison.resolution));
    if !needs_boots(input, comparison, pivot) || blur >= margin {
        return None;
    }
    let chance = |times: u32| chance_to_decide(pivot, boots, margin, blur, times * boots);
    let deviation = pivot.standard_error * f64::from(boots).sqrt();
    let half_width = LogRatio::new((margin.value() - blur.value()) / 2.0);
    let needed = pairs_needed(deviation, half_width, Confidence::P90);
    let needed = needed.map(|needed| needed.max(VERDICT_BOOTS_MIN));
    let seconds = needed.and_then(|needed| seconds_of(input, needed));
    let is_within_a_day = seconds.is_none_or(|seconds| seconds <= DAY_S);
    Some(Prospect {
        chance_double: chance(2),
        chance_quadruple: chance(4),
        boots: needed.filter(|_| is_within_a_day),
        seconds: seconds.filter(|_| is_within_a_day),
    })
}

/// Whether more boots could decide what the mean leaves open. Nobody runs more boots to learn how
/// long they take.
fn needs_boots(input: ComparisonInput<'_>, comparison: &Comparison, pivot: &Pivot) -> bool {
    let boots = comparison.slowdown.boots;
    let blur = blur(comparison.resolution);
    let of_mean = Evidence { boots, mean: Some(pivot), ratios: &[], blur };
    let is_open = of_mean.judge(Estimand::Mean, input.margin()).verdict == Verdict::Inconclusive;
    is_open && input.data.judge != Estimand::Typical && boots > 1 && !comparison.is_boot_time
}

/// The time of this many boots for this bench alone.
fn seconds_of(input: ComparisonInput<'_>, boots: u32) -> Option<f64> {
    let costs = input.data.costs.of(input.series.bench)?;
    Some(f64::from(boots) * (costs.whole_boot_s + costs.round_s * costs.rounds))
}
