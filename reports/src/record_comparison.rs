//! One record against another: the model, and its text.

use crate::text::interval;
use crate::{Align, Change, Estimate, Table};
use serde::{Deserialize, Serialize};
use sevbench_text::escaped;
use std::fmt::Write;

/// The version of the document.
pub const RECORD_COMPARISON_SCHEMA: &str = "sevbench/comparison/1";

/// What changed from one record to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordComparison {
    /// [`RECORD_COMPARISON_SCHEMA`].
    pub schema: String,
    /// The earlier record, as the user named it.
    pub before: String,
    /// The later record.
    pub now: String,
    /// A row for each bench and treatment that both have.
    pub changes: Vec<ChangeRow>,
    /// Benches, with their treatments, that only the earlier record has.
    pub only_before: Vec<String>,
    /// Those that only the later one has.
    pub only_now: Vec<String>,
    /// In what else the records differ: what was run, where, on what.
    pub differences: Vec<RecordDifference>,
}

/// One bench in both records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeRow {
    /// The bench.
    pub bench: String,
    /// The treatment arm.
    pub treatment: String,
    /// The earlier slowdown.
    pub before: Estimate,
    /// The later slowdown.
    pub now: Estimate,
    /// Later ÷ earlier, with its verdict.
    pub change: Change,
    /// The change that is called no change, as a fraction.
    pub margin: f64,
    /// What a reader must know of either.
    pub flags: Vec<String>,
}

/// Something that is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordDifference {
    /// What.
    pub what: String,
    /// In the earlier record.
    pub before: String,
    /// In the later one.
    pub now: String,
}

/// The comparison as a person reads it.
pub fn render_record_comparison(comparison: &RecordComparison) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = write_text(&mut out, comparison);
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
            true => escaped(&row.bench),
            false => escaped(&format!("{} ({})", row.bench, row.treatment)),
        };
        table.row(vec![
            bench,
            interval(&row.before),
            interval(&row.now),
            interval(&row.change.factor),
            row.change.verdict.clone(),
            row.flags.join(", "),
        ]);
    }
    match comparison.changes.is_empty() {
        true => writeln!(out, "no bench is in both records")?,
        false => table.lines().iter().try_for_each(|line| writeln!(out, "{line}"))?,
    }
    for (record, benches) in [(before, &comparison.only_before), (now, &comparison.only_now)] {
        if !benches.is_empty() {
            writeln!(out, "only in {record}: {}", escaped(&benches.join(", ")))?;
        }
    }
    for row in &comparison.differences {
        let (here, there) = (escaped(&row.before), escaped(&row.now));
        writeln!(out, "difference: {}: {here}; now {there}", escaped(&row.what))?;
    }
    Ok(())
}
