//! Where the variance comes from, and what more boots or rounds would gain.

use super::costs::BenchCosts;
use super::dataset::ComparisonInput;
use super::pairs::BootPairs;
use crate::gate::blur;
use sevbench_reports::{Comparison, Settle, VarianceShares, Verdict};
use sevbench_statistics::{Pivot, VarianceComponents, best_repetitions, boots_to_settle};

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

/// The boots that would settle an inconclusive comparison. `None` for boot times: nobody runs more
/// boots to learn how long they take.
pub(super) fn settle(
    input: ComparisonInput<'_>,
    comparison: &Comparison,
    pivot: &Pivot,
) -> Option<Settle> {
    let boots = comparison.slowdown.boots;
    let is_open = comparison.verdict == Verdict::Inconclusive && boots > 1;
    if !is_open || comparison.is_boot_time {
        return None;
    }
    let (margin, blur) = (input.margin().log_ratio(), blur(comparison.resolution));
    let more = boots_to_settle(pivot, boots, margin, blur)? - boots;
    let costs = input.data.costs.of(input.series.bench);
    let seconds =
        costs.map(|costs| f64::from(more) * (costs.whole_boot_s + costs.round_s * costs.rounds));
    Some(Settle { boots: more, seconds })
}
