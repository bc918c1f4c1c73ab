//! What casts doubt on a line although its interval does not show it: exclusions that may carry the
//! result, values too coarse to vary, boots in groups, and boots that depend on each other.

use super::dataset::ComparisonInput;
use super::pairs::BootPairs;
use sevbench_reports::{BootGroup, BootGroups, Flag, Verdict};
use sevbench_statistics::{LogRatio, TwoGroups, even_split_p, serial_dependence_p, two_groups};

/// Exclusions for causes in one arm are no accident if their p is below this, and they matter if
/// they are more than this share of the rounds.
const ONE_ARM_LEVEL: f64 = 0.01;
const ONE_ARM_SHARE: f64 = 0.02;
/// Exclusions for any cause matter if they are more than this share of the rounds.
const MANY_SHARE: f64 = 0.1;
/// The share of runs in which boots that are independent may be called dependent.
const DEPENDENCE_LEVEL: f64 = 0.01;
/// The share of runs in which normal boots may be called groups.
const GROUPS_LEVEL: f64 = 0.02;
/// The fewest values that can be called coarse.
const COARSE_VALUES_MIN: usize = 4;

/// The rounds of a bench that are excluded, and the verdicts without them and with them.
#[derive(Clone, Copy)]
pub(super) struct Excluded {
    pub rounds: u32,
    pub verdict_without: Verdict,
    pub verdict_with: Verdict,
}

/// Whether exclusions may carry the result of a line. `kept` is the number of its other rounds.
pub(super) fn exclusion_flags(
    input: ComparisonInput<'_>,
    excluded: Excluded,
    kept: u32,
) -> Vec<Flag> {
    let all = f64::from(excluded.rounds + kept);
    let share = |count: u64| count as f64 / all;
    let [control, treatment] = input.excluded_by_arm().map(u64::from);
    let is_in_one_arm = even_split_p(control, treatment) < ONE_ARM_LEVEL
        && share(control + treatment) > ONE_ARM_SHARE;
    let decides = excluded.verdict_without != excluded.verdict_with
        && excluded.verdict_without != Verdict::Inconclusive;
    let flags = [
        (is_in_one_arm, Flag::ExcludedInOneArm),
        (share(u64::from(excluded.rounds)) > MANY_SHARE, Flag::ManyExcluded),
        (decides, Flag::ExclusionsDecide),
    ];
    flags.into_iter().filter(|(holds, _)| *holds).map(|(_, flag)| flag).collect()
}

/// Whether values are so coarse that they repeat: then their spread is that of a clock or counter,
/// and may be zero. Values in bins are coarse by design, and judged as such.
pub(super) fn has_no_spread(input: ComparisonInput<'_>, values: impl Iterator<Item = f64>) -> bool {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let distinct = sorted.chunk_by(|a, b| a.total_cmp(b).is_eq()).count();
    input.resolution().is_none()
        && sorted.len() >= COARSE_VALUES_MIN
        && distinct <= sorted.len() / 2
}

/// The groups into which the ratios of boots fall. The level is shared by all lines of the run.
/// Percentiles are left out: their bins alone make gaps.
pub(super) fn boot_groups(input: ComparisonInput<'_>, boots: &[BootPairs]) -> Option<BootGroups> {
    if input.series.percentile.is_some() {
        return None;
    }
    let level = GROUPS_LEVEL / input.data.line_count() as f64;
    let groups_of = |values: Vec<f64>| two_groups(&values).filter(|groups| groups.p < level);
    let ratios = boots.iter().map(|boot| boot.mean().value()).collect();
    let TwoGroups { lower, upper, .. } = groups_of(ratios)?;
    let times = |side: usize| boots.iter().map(|boot| boot.means()[side].ln()).collect();
    let arms = [(input.control(), times(0)), (input.treatment(), times(1))];
    let arms = arms.into_iter().filter_map(|(arm, times)| Some((arm, groups_of(times)?)));
    let group = |(boots, mean): (usize, f64)| BootGroup {
        boots: boots as u32,
        slowdown: LogRatio::new(mean).exp().factor(),
    };
    Some(BootGroups {
        lower: group(lower),
        upper: group(upper),
        arms: arms.map(|(arm, _)| arm.to_owned()).collect(),
    })
}

/// Whether boots, in the order in which they ran, depend on those before them. The level is shared
/// by all lines of the run.
pub(super) fn depends_on_order(
    input: ComparisonInput<'_>,
    boots: impl Iterator<Item = f64>,
) -> bool {
    let values: Vec<f64> = boots.collect();
    let level = DEPENDENCE_LEVEL / input.data.line_count() as f64;
    serial_dependence_p(&values).is_some_and(|p| p < level)
}

#[cfg(test)]
#[path = "doubts_tests.rs"]
mod tests;
