//! What is said of all benches together: adjusted p-values, the geometric mean, the noise floor.

use super::paired::{Basis, SeriesComparison};
use crate::record::{ArmRecord, standings};
use sevbench_reports::{NoiseFloor, Overall};
use sevbench_statistics::{Confidence, LogRatio, Pivot, benjamini_hochberg, holm};
use std::collections::{BTreeMap, BTreeSet};

/// Adjusts p-values: for exploration over all comparisons, for the gate over those that it judges.
pub(super) fn adjust(compared: &mut [SeriesComparison]) {
    let all = |_: &SeriesComparison| true;
    adjust_by(
        compared,
        all,
        benjamini_hochberg,
        |one| one.comparison.p_value,
        |one, adjusted| {
            one.comparison.q_value = Some(adjusted);
        },
    );
    let judged =
        |one: &SeriesComparison| one.comparison.judged && one.comparison.slowdown.boots > 1;
    adjust_by(
        compared,
        judged,
        holm,
        |one| one.comparison.p_regressed,
        |one, adjusted| {
            one.comparison.p_regressed_holm = Some(adjusted);
        },
    );
}

fn adjust_by(
    compared: &mut [SeriesComparison],
    takes_part: impl Fn(&SeriesComparison) -> bool,
    method: fn(&[f64]) -> Vec<f64>,
    read: impl Fn(&SeriesComparison) -> Option<f64>,
    write: impl Fn(&mut SeriesComparison, f64),
) {
    let with_p = compared.iter_mut().filter(|one| takes_part(one)).filter_map(|one| {
        let p = read(one)?;
        Some((one, p))
    });
    let (mut ones, p): (Vec<&mut SeriesComparison>, Vec<f64>) = with_p.unzip();
    for (one, adjusted) in ones.iter_mut().zip(method(&p)) {
        write(one, adjusted);
    }
}

/// For each treatment the geometric mean over its benches: the mean of log ratios inside each boot that has all of them, then a t
/// over boots. A bench of several metrics counts with its first; boot times do not count.
pub(super) fn geometric_means(
    compared: &[SeriesComparison],
    confidence: Confidence,
    first_stage: Option<u32>,
) -> Vec<Overall> {
    let mut treatments: Vec<&str> = Vec::new();
    for one in compared {
        let name = one.comparison.treatment.as_str();
        if !treatments.contains(&name) {
            treatments.push(name);
        }
    }
    let of = |treatment: &&str| geometric_mean(compared, treatment, confidence, first_stage);
    treatments.iter().filter_map(of).collect()
}

fn geometric_mean(
    compared: &[SeriesComparison],
    treatment: &str,
    confidence: Confidence,
    first_stage: Option<u32>,
) -> Option<Overall> {
    let mut seen = BTreeSet::new();
    let benches: Vec<&SeriesComparison> = compared
        .iter()
        .filter(|one| one.comparison.treatment == treatment && !one.comparison.is_boot_time)
        .filter(|one| seen.insert(one.bench))
        .collect();
    let mut boots: BTreeMap<u32, Vec<LogRatio>> = BTreeMap::new();
    let mut rounds: BTreeMap<u32, u32> = BTreeMap::new();
    for (boot, ratio, of_boot) in benches.iter().flat_map(|one| &one.boots) {
        boots.entry(*boot).or_default().push(*ratio);
        *rounds.entry(*boot).or_default() += of_boot;
    }
    boots.retain(|_, ratios| ratios.len() == benches.len());
    let first = boots.keys().filter(|boot| first_stage.is_none_or(|last| **boot <= last)).count();
    let replicates: Vec<LogRatio> =
        boots.values().filter_map(|ratios| LogRatio::mean(ratios)).collect();
    if benches.len() < 2 {
        return None;
    }
    let rounds = boots.keys().filter_map(|boot| rounds.get(boot)).sum();
    let basis = Basis { boots: replicates.len() as u32, rounds, confidence };
    let point = LogRatio::mean(&replicates)?;
    let pivot = Pivot::two_stage(&replicates, first);
    let method = match first < replicates.len() {
        true => "t on boots' means of log ratios, Stein's two stages",
        false => "t on boots' means of log ratios",
    };
    let slowdown = basis.estimate(point, &pivot, method);
    Some(Overall { treatment: treatment.into(), benches: benches.len() as u32, slowdown })
}

/// What the first arm that repeats the control shows.
pub(super) fn noise_floor(compared: &[SeriesComparison], arms: &[ArmRecord]) -> Option<NoiseFloor> {
    let mut all = arms.iter().zip(standings(arms));
    let (again, _) = all.find(|(_, standing)| standing.repeats_control)?;
    let of_arm = compared.iter().filter(|one| one.comparison.treatment == again.name);
    let mut widths = Vec::new();
    let mut hold_one = 0;
    for one in of_arm.filter(|one| !one.comparison.is_boot_time) {
        let slowdown = &one.comparison.slowdown;
        if let (Some(low), Some(high)) = (slowdown.low, slowdown.high) {
            widths.push(((high / low).ln() / 2.0).exp() - 1.0);
            hold_one += u32::from(low <= 1.0 && 1.0 <= high);
        }
    }
    widths.sort_by(f64::total_cmp);
    let middle = widths.len() / 2;
    let median = match widths.len() {
        0 => return None,
        n if n % 2 == 1 => widths[middle],
        _ => f64::midpoint(widths[middle - 1], widths[middle]),
    };
    Some(NoiseFloor {
        arm: again.name.clone(),
        benches: widths.len() as u32,
        median,
        largest: widths.last().copied().unwrap_or(median),
        hold_one,
    })
}
