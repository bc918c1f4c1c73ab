//! Changes of slowdowns from one record to another.
//!
//! Times from two hosts are not comparable; slowdowns are. A change is therefore the ratio of two
//! slowdowns (a difference on the log scale), each with its own error.

use super::adjustment::adjust;
use super::estimate::Basis;
use super::result::{Analysis, Line, NamedRecord};
use crate::gate::{Evidence, Margin, Margins, blur};
use sevbench_reports::{
    Change, ChangeRow, Comparison, Estimand, Flag, RECORD_COMPARISON_SCHEMA, RecordComparison,
    RecordDifference, Run, Unit,
};
use sevbench_statistics::{Confidence, LogRatio, Pivot, StatisticsError, holm};
use std::collections::{BTreeSet, HashMap};

/// Host facts that differ every time.
const VOLATILE: [&str; 1] = ["memory available"];

/// Adds to each comparison its change since the baseline, if the baseline has it too.
pub fn add_changes(now: &mut Analysis, baseline: NamedRecord<'_>) {
    let earlier = lines_by_key(baseline.analysis);
    for (comparison, estimate) in now.summary.comparisons.iter_mut().zip(&now.estimates) {
        let margin = now.margins.of_measurand(&comparison.measurand);
        if let Some(before) = earlier.get(&key(comparison)) {
            let pair = LinePair { before: *before, now: Line { comparison, estimate } };
            comparison.change = Some(pair.change(baseline.name, margin));
        }
    }
    let judged = now.summary.comparisons.iter_mut().filter(|comparison| comparison.judged);
    adjust_changes(judged.filter_map(|comparison| comparison.change.as_mut()));
}

/// The changes of slowdowns from one record to another, and the differences between the records.
pub fn compare_records(
    before: NamedRecord<'_>,
    now: NamedRecord<'_>,
    margins: &Margins,
) -> RecordComparison {
    let earlier = lines_by_key(before.analysis);
    let later = lines_by_key(now.analysis);
    let in_both = now.analysis.lines().filter_map(|line| {
        let before = *earlier.get(&key(line.comparison))?;
        Some(LinePair { before, now: line })
    });
    let in_both: Vec<LinePair<'_>> = in_both.collect();
    let row = |pair: &LinePair<'_>| {
        let margin = margins.of_measurand(&pair.now.comparison.measurand);
        pair.row(before.name, margin)
    };
    let mut changes: Vec<ChangeRow> = in_both.iter().map(row).collect();
    let rows = changes.iter_mut().zip(&in_both);
    let judged = rows.filter(|(_, pair)| pair.now.comparison.judged);
    adjust_changes(judged.map(|(row, _)| &mut row.change));
    RecordComparison {
        schema: RECORD_COMPARISON_SCHEMA.into(),
        before: before.name.into(),
        now: now.name.into(),
        differences: differences(&before.analysis.summary.run, &now.analysis.summary.run),
        only_before: names_missing_in(&later, before.analysis),
        only_now: names_missing_in(&earlier, now.analysis),
        changes,
    }
}

/// Lines of a record by what they compare.
type LinesByKey<'a> = HashMap<Key<'a>, Line<'a>>;

/// What a line compares. A boot time may have the name of a bench.
#[derive(PartialEq, Eq, Hash)]
struct Key<'a> {
    bench: &'a str,
    metric: Option<&'a str>,
    is_boot_time: bool,
    treatment: &'a str,
    unit: Unit,
}

fn lines_by_key(analysis: &Analysis) -> LinesByKey<'_> {
    analysis.lines().map(|line| (key(line.comparison), line)).collect()
}

fn key(comparison: &Comparison) -> Key<'_> {
    Key {
        bench: &comparison.measurand.bench,
        metric: comparison.measurand.metric.as_deref(),
        is_boot_time: comparison.is_boot_time,
        treatment: &comparison.treatment,
        unit: comparison.unit,
    }
}

fn names_missing_in(other: &LinesByKey<'_>, analysis: &Analysis) -> Vec<String> {
    let missing = analysis.lines().filter(|line| !other.contains_key(&key(line.comparison)));
    missing.map(|line| line.name()).collect()
}

/// A line in two records.
#[derive(Clone, Copy)]
struct LinePair<'a> {
    before: Line<'a>,
    now: Line<'a>,
}

impl LinePair<'_> {
    fn change(&self, baseline: &str, margin: Margin) -> Change {
        let (before, now) = (self.before.comparison, self.now.comparison);
        let pivots = self.now.estimate.pivot.as_ref().zip(self.before.estimate.pivot.as_ref());
        let pivot = pivots.map(|(now, before)| Pivot::change(now, before));
        let point = LogRatio::new((now.slowdown.estimate / before.slowdown.estimate).ln());
        // The bins of each record hide differences of their own.
        let blur = blur(now.resolution) + blur(before.resolution);
        let boots = now.slowdown.boots.min(before.slowdown.boots);
        let basis = Basis {
            boots,
            rounds: now.slowdown.rounds.min(before.slowdown.rounds),
            confidence: Confidence::new(now.slowdown.confidence).unwrap_or(Confidence::P95),
        };
        let evidence = Evidence { boots, mean: pivot.as_ref(), ratios: &[], blur };
        let judgement = evidence.judge(Estimand::Mean, margin);
        let estimate = pivot.ok_or(StatisticsError::TooFew { found: boots as usize, needed: 2 });
        Change {
            baseline: baseline.into(),
            factor: basis.estimate(point, &estimate, "Welch's t on both estimates"),
            p_regressed: judgement.p_regressed,
            p_regressed_holm: None,
            verdict: judgement.verdict,
            resolution: (blur > LogRatio::ZERO).then(|| blur.value().exp_m1()),
        }
    }

    fn row(&self, baseline: &str, margin: Margin) -> ChangeRow {
        let (before, now) = (self.before.comparison, self.now.comparison);
        let flags: BTreeSet<&Flag> = before.flags.iter().chain(&now.flags).collect();
        ChangeRow {
            measurand: now.measurand.clone(),
            treatment: now.treatment.clone(),
            before: before.slowdown.clone(),
            now: now.slowdown.clone(),
            margin: margin.fraction(),
            change: self.change(baseline, margin),
            flags: flags.into_iter().cloned().collect(),
        }
    }
}

/// Adjusts the p-values of the judged changes by Holm.
fn adjust_changes<'c>(changes: impl Iterator<Item = &'c mut Change>) {
    adjust(changes.filter_map(|one| Some((one.p_regressed?, &mut one.p_regressed_holm))), holm);
}

/// The differences between two runs: suite, testbed, host and arms.
fn differences(before: &Run, now: &Run) -> Vec<RecordDifference> {
    let of = |what: &str, before: &str, now: &str| RecordDifference {
        what: what.into(),
        before: before.into(),
        now: now.into(),
    };
    let mut rows =
        vec![of("suite", &before.suite, &now.suite), of("testbed", &before.testbed, &now.testbed)];
    let facts: BTreeSet<&String> = before.host.keys().chain(now.host.keys()).collect();
    for fact in facts.into_iter().filter(|fact| !VOLATILE.contains(&fact.as_str())) {
        let value = |run: &Run| run.host.get(fact).cloned().unwrap_or_else(|| "unknown".into());
        rows.push(of(&format!("host: {fact}"), &value(before), &value(now)));
    }
    let arms: BTreeSet<&String> =
        before.arms.iter().chain(&now.arms).map(|arm| &arm.name).collect();
    for name in arms {
        let description = |run: &Run| {
            let arm = run.arms.iter().find(|arm| arm.name == *name);
            arm.map_or_else(|| "no such arm".into(), |arm| arm.description.clone())
        };
        rows.push(of(&format!("arm {name}"), &description(before), &description(now)));
    }
    rows.retain(|row| row.before != row.now);
    rows
}
