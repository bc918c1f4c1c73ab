//! Results over all benches together: adjusted p-values, geometric means, the noise floor.

use super::adjustment::adjust;
use super::dataset::Dataset;
use super::estimate::Basis;
use super::series_comparison::SeriesComparison;
use sevbench_reports::{NoiseFloor, Overall};
use sevbench_statistics::{LogRatio, Pivot, benjamini_hochberg, holm};
use std::collections::{BTreeMap, BTreeSet};

/// Adjusts p-values: over all comparisons for exploration, over the judged ones for the gate.
pub(super) fn adjust_p_values(compared: &mut [SeriesComparison]) {
    let all = compared.iter_mut().map(|one| &mut one.comparison);
    adjust(all.filter_map(|one| Some((one.p_value?, &mut one.q_value))), benjamini_hochberg);
    let all = compared.iter_mut().map(|one| &mut one.comparison);
    let judged = all.filter(|one| one.judged && one.slowdown.boots > 1);
    adjust(judged.filter_map(|one| Some((one.p_regressed?, &mut one.p_regressed_holm))), holm);
}

/// The geometric mean of each treatment over its benches: the mean of log ratios inside each boot
/// that has all benches, then a t interval over boots. A bench with several metrics counts once,
/// with the first of them. Boot times do not count.
pub(super) fn geometric_means(compared: &[SeriesComparison], data: &Dataset<'_>) -> Vec<Overall> {
    let mut treatments: Vec<&str> = Vec::new();
    for one in compared {
        let name = one.comparison.treatment.as_str();
        if !treatments.contains(&name) {
            treatments.push(name);
        }
    }
    let of = |treatment: &&str| geometric_mean(compared, treatment, data);
    treatments.iter().filter_map(of).collect()
}

/// `None` with fewer than two benches, or if no boot has all of them.
fn geometric_mean(
    compared: &[SeriesComparison],
    treatment: &str,
    data: &Dataset<'_>,
) -> Option<Overall> {
    let benches = first_metrics(compared, treatment);
    if benches.len() < 2 {
        return None;
    }
    let mut boots: BTreeMap<u32, (Vec<LogRatio>, u32)> = BTreeMap::new();
    for boot in benches.iter().flat_map(|one| &one.boots) {
        let (ratios, rounds) = boots.entry(boot.boot).or_default();
        ratios.push(boot.ratio);
        *rounds += boot.rounds;
    }
    boots.retain(|_, (ratios, _)| ratios.len() == benches.len());
    // If time ended before a bench had all its boots, the clock has set their number.
    let first_stage = data.first_stage.filter(|_| data.cut_off.is_empty());
    let is_first = |boot: &&u32| first_stage.is_none_or(|last| **boot <= last);
    let first = boots.keys().filter(is_first).count();
    let replicates: Vec<LogRatio> =
        boots.values().filter_map(|(ratios, _)| LogRatio::mean(ratios)).collect();
    let rounds = boots.values().map(|(_, rounds)| rounds).sum();
    let basis = Basis { boots: replicates.len() as u32, rounds, confidence: data.confidence };
    let point = LogRatio::mean(&replicates)?;
    let pivot = Pivot::two_stage(&replicates, first);
    let method = match first < replicates.len() {
        true => "t on boots' means of log ratios, Stein's two stages",
        false => "t on boots' means of log ratios",
    };
    let slowdown = basis.estimate(point, &pivot, method);
    Some(Overall { treatment: treatment.into(), benches: benches.len() as u32, slowdown })
}

/// The comparison of each bench's first metric, without boot times.
fn first_metrics<'a>(
    compared: &'a [SeriesComparison],
    treatment: &str,
) -> Vec<&'a SeriesComparison> {
    let mut seen = BTreeSet::new();
    compared
        .iter()
        .filter(|one| one.comparison.treatment == treatment && !one.comparison.is_boot_time)
        .filter(|one| seen.insert(one.bench))
        .collect()
}

/// The widths of the intervals of the first arm that repeats the control. `None` without such an
/// arm, or if it has no interval.
pub(super) fn noise_floor(compared: &[SeriesComparison], data: &Dataset<'_>) -> Option<NoiseFloor> {
    let repeat = data.pairs.iter().find(|pair| pair.repeats_control)?;
    let repeat = &data.arms[usize::from(repeat.treatment)];
    let of_arm = compared
        .iter()
        .map(|one| &one.comparison)
        .filter(|one| one.treatment == repeat.name && !one.is_boot_time);
    let intervals: Vec<(f64, f64)> =
        of_arm.filter_map(|one| one.slowdown.low.zip(one.slowdown.high)).collect();
    let half_width = |(low, high): &(f64, f64)| ((high / low).ln() / 2.0).exp() - 1.0;
    let mut widths: Vec<f64> = intervals.iter().map(half_width).collect();
    widths.sort_by(f64::total_cmp);
    let contain_one = intervals.iter().filter(|(low, high)| *low <= 1.0 && 1.0 <= *high);
    Some(NoiseFloor {
        arm: repeat.name.clone(),
        benches: widths.len() as u32,
        median: median_of_sorted(&widths)?,
        largest: widths.last().copied()?,
        hold_one: contain_one.count() as u32,
    })
}

fn median_of_sorted(values: &[f64]) -> Option<f64> {
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

#[cfg(test)]
#[path = "overall_tests.rs"]
mod tests;
