//! One record against another: by how much each slowdown changed. A change of host moves times and not slowdowns, so it is the
//! slowdown factors that are compared: the difference of two estimates, each with its own error.

use super::paired::Basis;
use super::{Analysis, BootEstimate};
use crate::gate::{GateRefusal, Margin, Margins, blur, judge, refusal_of_record};
use sevbench_reports::{
    Change, ChangeRow, Comparison, Flag, RECORD_COMPARISON_SCHEMA, RecordComparison,
    RecordDifference, Run, Summary, Unit,
};
use sevbench_statistics::{Confidence, LogRatio, Pivot, StatisticsError, holm};
use std::collections::{BTreeSet, HashMap};

/// Facts of a host that are never the same twice.
const VOLATILE: [&str; 1] = ["memory available"];

/// Comparisons of a record by bench, treatment and unit, each with what its interval comes from.
type ByBench<'a> = HashMap<Key<'a>, (&'a Comparison, &'a BootEstimate)>;

/// Bench joined with its metric, treatment, unit.
type Key<'a> = (String, &'a str, Unit);

fn by_bench(analysis: &Analysis) -> ByBench<'_> {
    let all = analysis.summary.comparisons.iter().zip(&analysis.estimates);
    all.map(|(comparison, estimated)| (key(comparison), (comparison, estimated))).collect()
}

fn key(comparison: &Comparison) -> Key<'_> {
    (comparison.measurand.to_string(), &comparison.treatment, comparison.unit)
}

/// Gives each comparison its change since a baseline that has it too.
pub fn add_changes(now: &mut Analysis, baseline: &Analysis, name: &str) {
    let before = by_bench(baseline);
    for (comparison, estimated) in now.summary.comparisons.iter_mut().zip(&now.estimates) {
        let margin = now.margins.of_measurand(&comparison.measurand);
        if let Some(earlier) = before.get(&key(comparison)) {
            comparison.change = Some(change((comparison, estimated), *earlier, name, margin));
        }
    }
    let judged = now.summary.comparisons.iter_mut().filter(|comparison| comparison.judged);
    adjust(judged.filter_map(|comparison| comparison.change.as_mut()));
}

/// Why a gate against a baseline is of no use, before anything runs: the baseline says nothing of the treatment, lacks what is to be
/// judged, or errs by more than the margin, so that a run could hardly be found to be within it.
pub fn refuse_baseline(
    baseline: &Analysis,
    name: &str,
    benches: &[String],
    treatments: &[String],
    margins: &Margins,
) -> Option<GateRefusal> {
    if let Some(refusal) = refusal_of_record(&baseline.summary) {
        return Some(refusal);
    }
    for treatment in treatments {
        let has = |bench: &String| {
            let mut lines = baseline.summary.comparisons.iter();
            lines.any(|one| one.treatment == *treatment && one.measurand.bench == *bench)
        };
        if let Some(bench) = benches.iter().find(|bench| !has(bench)) {
            let (baseline, bench) = (name.into(), format!("{bench} in {treatment}"));
            return Some(GateRefusal::NotInBaseline { baseline, bench });
        }
    }
    let planned: Vec<_> = planned(baseline, benches, treatments).collect();
    let has_error =
        |(one, of): &&(&Comparison, &BootEstimate)| one.slowdown.boots > 1 && of.pivot.is_some();
    if let Some((one, _)) = planned.iter().find(|line| !has_error(line)) {
        let bench = format!("{} in {} over two boots or more", one.measurand, one.treatment);
        return Some(GateRefusal::NotInBaseline { baseline: name.into(), bench });
    }
    let too_wide = planned.into_iter().filter_map(|(one, estimated)| {
        let margin = margins.of_measurand(&one.measurand);
        // What bins hide of the run to come, it hides there too.
        let hidden = blur(one.resolution) + blur(one.resolution);
        let half_width = estimated.pivot?.half_width(Confidence::P90) + hidden.value();
        (half_width >= margin.log_ratio().value()).then_some((one, half_width, margin))
    });
    let (one, half_width, margin) = too_wide.max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(GateRefusal::CannotPass {
        baseline: name.into(),
        bench: format!("{} in {}", one.measurand, one.treatment),
        percent: half_width.exp_m1() * 100.0,
        is_binned: one.resolution.is_some(),
        margin: margin.in_percent(),
    })
}

/// The lines of a baseline that a gate over these benches and treatments will look at.
fn planned<'a>(
    baseline: &'a Analysis,
    benches: &'a [String],
    treatments: &'a [String],
) -> impl Iterator<Item = (&'a Comparison, &'a BootEstimate)> {
    let all = baseline.summary.comparisons.iter().zip(&baseline.estimates);
    all.filter(|(one, _)| {
        one.judged && treatments.contains(&one.treatment) && benches.contains(&one.measurand.bench)
    })
}

/// The fewest boots from which a baseline has the spread of a line that a gate will look at; none where it has no such line.
pub(crate) fn fewest_boots(
    baseline: &Analysis,
    benches: &[String],
    treatments: &[String],
) -> Option<u32> {
    let of_line = |(_, estimated): (&Comparison, &BootEstimate)| {
        estimated.pivot.map(|pivot| pivot.freedom.round() as u32 + 1)
    };
    planned(baseline, benches, treatments).filter_map(of_line).min()
}

/// Holm over the changes that are judged.
fn adjust<'c>(changes: impl Iterator<Item = &'c mut Change>) {
    let with_p = changes.filter_map(|change| Some((change.p_regressed?, change)));
    let (p, mut changes): (Vec<f64>, Vec<&mut Change>) = with_p.unzip();
    for (change, adjusted) in changes.iter_mut().zip(holm(&p)) {
        change.p_regressed_holm = Some(adjusted);
    }
}

fn change(
    (now, estimated): (&Comparison, &BootEstimate),
    (before, earlier): (&Comparison, &BootEstimate),
    baseline: &str,
    margin: Margin,
) -> Change {
    let pivots = estimated.pivot.as_ref().zip(earlier.pivot.as_ref());
    let pivot = pivots.map(|(now, before)| Pivot::change(now, before));
    let point = LogRatio::new((now.slowdown.estimate / before.slowdown.estimate).ln());
    // Bins hide as much in either run.
    let blur = blur(now.resolution) + blur(before.resolution);
    let boots = now.slowdown.boots.min(before.slowdown.boots);
    let basis = Basis {
        boots,
        rounds: now.slowdown.rounds.min(before.slowdown.rounds),
        confidence: Confidence::new(now.slowdown.confidence).unwrap_or(Confidence::P95),
    };
    let estimate = pivot.ok_or(StatisticsError::TooFew { found: boots as usize, needed: 2 });
    Change {
        baseline: baseline.into(),
        factor: basis.estimate(point, &estimate, "Welch's t on both estimates"),
        p_regressed: pivot.map(|pivot| pivot.p_above(margin.log_ratio() + blur)),
        p_regressed_holm: None,
        verdict: judge(pivot.as_ref(), margin, blur),
    }
}

/// What changed from one record to another, and in what else they differ.
pub fn compare_records(
    before: &Analysis,
    now: &Analysis,
    names: [&str; 2],
    margins: &Margins,
) -> RecordComparison {
    let (earlier, later) = (by_bench(before), by_bench(now));
    let of_both = now.summary.comparisons.iter().zip(&now.estimates);
    let of_both = of_both.filter_map(|one| Some((one, *earlier.get(&key(one.0))?)));
    let (judged, mut rows): (Vec<bool>, Vec<ChangeRow>) = of_both
        .map(|(one, old)| {
            let (comparison, margin) = (one.0, margins.of_measurand(&one.0.measurand));
            let row = ChangeRow {
                measurand: comparison.measurand.clone(),
                treatment: comparison.treatment.clone(),
                before: old.0.slowdown.clone(),
                now: comparison.slowdown.clone(),
                margin: margin.fraction(),
                change: change(one, old, names[0], margin),
                flags: union(&old.0.flags, &comparison.flags),
            };
            (comparison.judged, row)
        })
        .unzip();
    let judged_rows = rows.iter_mut().zip(judged).filter(|(_, judged)| *judged);
    adjust(judged_rows.map(|(row, _)| &mut row.change));
    let missing = |of: &Analysis, other: &ByBench<'_>| -> Vec<String> {
        let alone = of.summary.comparisons.iter().filter(|c| !other.contains_key(&key(c)));
        alone.map(|c| format!("{} in {}", c.measurand, c.treatment)).collect()
    };
    RecordComparison {
        schema: RECORD_COMPARISON_SCHEMA.into(),
        before: names[0].into(),
        now: names[1].into(),
        differences: differences(before, now),
        only_before: missing(before, &later),
        only_now: missing(now, &earlier),
        changes: rows,
    }
}

fn union(a: &[Flag], b: &[Flag]) -> Vec<Flag> {
    let all: BTreeSet<&Flag> = a.iter().chain(b).collect();
    all.into_iter().cloned().collect()
}

/// In what the records themselves differ: what was run, where, and on what.
fn differences(before: &Analysis, now: &Analysis) -> Vec<RecordDifference> {
    let of = |what: &str, before: &str, now: &str| RecordDifference {
        what: what.into(),
        before: before.into(),
        now: now.into(),
    };
    let (a, b): (&Run, &Run) = (&before.summary.run, &now.summary.run);
    let mut rows = vec![of("suite", &a.suite, &b.suite), of("testbed", &a.testbed, &b.testbed)];
    let names: BTreeSet<&String> = a.host.keys().chain(b.host.keys()).collect();
    for name in names.into_iter().filter(|name| !VOLATILE.contains(&name.as_str())) {
        let value = |run: &Run| run.host.get(name).cloned().unwrap_or_else(|| "unknown".into());
        rows.push(of(&format!("host: {name}"), &value(a), &value(b)));
    }
    let described = |summary: &Summary, name: &str| {
        let arm = summary.run.arms.iter().find(|arm| arm.name == name);
        arm.map_or_else(|| "no such arm".into(), |arm| arm.description.clone())
    };
    let arms: BTreeSet<&String> = a.arms.iter().chain(&b.arms).map(|arm| &arm.name).collect();
    for name in arms {
        let (before, now) = (described(&before.summary, name), described(&now.summary, name));
        rows.push(of(&format!("arm {name}"), &before, &now));
    }
    rows.retain(|row| row.before != row.now);
    rows
}
