//! The lines of results, and those of changes since a baseline.

use crate::model::{Comparison, Estimand, Estimate, Flag, Role, Summary, Verdict};
use crate::table::{Align, Table};
use crate::text::TextOptions;
use crate::value::format_value;
use std::collections::HashMap;
use std::fmt::{Result, Write};

/// The index of the slowdowns' column.
const SLOWDOWN_COLUMN: usize = 3;
/// The index of the verdicts' column.
const VERDICT_COLUMN: usize = 5;

/// One line for each comparison, under a header.
pub(super) fn write_lines(out: &mut String, summary: &Summary, options: TextOptions) -> Result {
    let treatments: Vec<&str> = summary.run.treatments().map(|arm| arm.name.as_str()).collect();
    if summary.comparisons.is_empty() {
        return Ok(());
    }
    let control = control_name(summary);
    let single = treatments.len() == 1;
    let treatment = if single { treatments[0] } else { "treatment" };
    let confidence = usual(summary, |row| row.slowdown.confidence);
    let level = format!("slowdown [{} % interval]", percent(confidence));
    let ratio = format!("{treatment}/{control}");
    let margin = usual(summary, |row| row.margin);
    let verdict = format!("verdict (margin {} %, {})", percent(margin), judged(summary.run.judge));
    let mut columns = vec![
        ("bench", Align::Left),
        (control, Align::Right),
        (treatment, Align::Right),
        (level.as_str(), Align::Left),
        (ratio.as_str(), Align::Right),
        (verdict.as_str(), Align::Left),
    ];
    if options.verbose {
        columns.push(("robust", Align::Left));
        columns.push(("detectable", Align::Right));
    }
    columns.push(("flags", Align::Left));
    let mut table = Table::new(&columns);
    for comparison in &summary.comparisons {
        let mut cells = cells(comparison, single, options);
        let own = comparison.slowdown.confidence;
        if own != confidence {
            cells[SLOWDOWN_COLUMN] += &format!(" ({} %)", percent(own));
        }
        if comparison.margin != margin {
            cells[VERDICT_COLUMN] += &format!(" ({} %)", percent(comparison.margin));
        }
        if comparison.verdict != Verdict::Inconclusive && comparison.estimand != summary.run.judge {
            cells[VERDICT_COLUMN] += &format!(" ({})", judged(comparison.estimand));
        }
        table.row(cells);
        if let Some(colour) = colour(comparison.verdict).filter(|_| options.colour) {
            table.colour(VERDICT_COLUMN, colour);
        }
    }
    table.lines().iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// What most lines have of a level or a margin.
fn usual(summary: &Summary, of: fn(&Comparison) -> f64) -> f64 {
    let values = || summary.comparisons.iter().map(of);
    let mut counts: HashMap<u64, usize> = HashMap::new();
    values().for_each(|value| *counts.entry(value.to_bits()).or_default() += 1);
    // Of several values with the same count, that of the first line.
    values().rev().max_by_key(|value| counts[&value.to_bits()]).unwrap_or_default()
}

fn cells(comparison: &Comparison, single: bool, options: TextOptions) -> Vec<String> {
    let treated = format_value(comparison.treated.mean, comparison.unit);
    let mut cells = vec![
        comparison.measurand.to_string(),
        format_value(comparison.control.mean, comparison.unit),
        if single { treated } else { format!("{treated} ({})", comparison.treatment) },
        interval(&comparison.slowdown),
        format!("{:.3}", comparison.treated.mean / comparison.control.mean),
        comparison.verdict.to_string(),
    ];
    if options.verbose {
        cells.push(comparison.robust.as_ref().map_or("—".into(), interval));
        let detectable = |share: f64| format!("{:.1} %", share * 100.0);
        cells.push(comparison.minimum_detectable.map_or("—".into(), detectable));
    }
    cells.push(joined(&comparison.flags));
    cells
}

/// The changes of slowdowns since a baseline.
pub(super) fn write_changes(out: &mut String, summary: &Summary) -> Result {
    let changed = summary.comparisons.iter().filter_map(|c| Some((c, c.change.as_ref()?)));
    let rows: Vec<_> = changed.collect();
    let Some((_, first)) = rows.first() else { return Ok(()) };
    let title = format!("change since {}", first.baseline);
    let mut table = Table::new(&[
        ("bench", Align::Left),
        (title.as_str(), Align::Left),
        ("verdict on the change of the mean", Align::Left),
    ]);
    for (comparison, change) in &rows {
        let cells =
            vec![name(summary, comparison), interval(&change.factor), change.verdict.to_string()];
        table.row(cells);
    }
    writeln!(out)?;
    table.lines().iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// The name of a line: the bench, and the treatment if there are several.
pub(super) fn name(summary: &Summary, comparison: &Comparison) -> String {
    let measurand = &comparison.measurand;
    match summary.run.arms.len() {
        0..=2 => measurand.to_string(),
        _ => format!("{measurand} in {}", comparison.treatment),
    }
}

/// The control's name.
pub(super) fn control_name(summary: &Summary) -> &str {
    let control = summary.run.arms.iter().find(|arm| arm.role == Role::Control);
    control.map_or("control", |arm| &arm.name)
}

/// An estimate with its interval, in three decimals.
pub(super) fn interval(estimate: &Estimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{:.3} [{low:.3}, {high:.3}]", estimate.estimate),
        _ => format!("{:.3} [no interval]", estimate.estimate),
    }
}

/// Flags, separated by commas.
pub(super) fn joined(flags: &[Flag]) -> String {
    let words: Vec<String> = flags.iter().map(Flag::to_string).collect();
    words.join(", ")
}

/// The colour of a verdict, as a parameter of the escape sequence SGR.
const fn colour(verdict: Verdict) -> Option<u8> {
    match verdict {
        Verdict::Regressed => Some(31),
        Verdict::Improved => Some(32),
        Verdict::Inconclusive => Some(33),
        Verdict::NoChange => None,
    }
}

/// What verdicts are about.
pub(super) const fn judged(estimand: Estimand) -> &'static str {
    match estimand {
        Estimand::Mean => "mean",
        Estimand::Typical => "median",
        Estimand::Both => "mean and median",
    }
}

/// A share in per cent without trailing zeros: 95, 99.9.
pub(super) fn percent(level: f64) -> String {
    let text = format!("{:.3}", level * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
