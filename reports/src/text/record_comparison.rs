//! One record against another, as a person reads it.

use crate::model::RecordComparison;
use crate::table::{Align, Table};
use crate::text::lines::{interval, joined};
use crate::text::printable::printable_records;
use std::fmt::Write;

/// The comparison as a person reads it.
pub fn render_record_comparison(comparison: &RecordComparison) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = write_text(&mut out, &printable_records(comparison));
    out
}

fn write_text(out: &mut String, comparison: &RecordComparison) -> std::fmt::Result {
    let RecordComparison { before, now, .. } = comparison;
    let single = comparison.changes.windows(2).all(|pair| pair[0].treatment == pair[1].treatment);
    let mut table = Table::new(&[
        ("bench", Align::Left),
        (before, Align::Left),
        (now, Align::Left),
        ("change of the slowdown", Align::Left),
        ("verdict", Align::Left),
        ("flags", Align::Left),
    ]);
    for row in &comparison.changes {
        let bench = match single {
            true => row.measurand.to_string(),
            false => format!("{} ({})", row.measurand, row.treatment),
        };
        table.row(vec![
            bench,
            interval(&row.before),
            interval(&row.now),
            interval(&row.change.factor),
            row.change.verdict.to_string(),
            joined(&row.flags),
        ]);
    }
    match comparison.changes.is_empty() {
        true => writeln!(out, "the records have no bench in common")?,
        false => table.lines().iter().try_for_each(|line| writeln!(out, "{line}"))?,
    }
    for (record, benches) in [(before, &comparison.only_before), (now, &comparison.only_now)] {
        if !benches.is_empty() {
            writeln!(out, "only in {record}: {}", &benches.join(", "))?;
        }
    }
    for row in &comparison.differences {
        let (here, there) = (&row.before, &row.now);
        writeln!(out, "difference: {}: {here} before; {there} now", &row.what)?;
    }
    Ok(())
}
