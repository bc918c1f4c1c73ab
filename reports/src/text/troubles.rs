//! Skips, failures, exclusions, and the differences between the arms.

use crate::model::{DifferenceRow, FailedRow, SkippedRow, Summary};
use crate::text::lines::control_name;
use sevbench_text::plural;
use std::fmt::{Result, Write};

pub(super) fn write_troubles(out: &mut String, summary: &Summary) -> Result {
    write_skips(out, &summary.skipped)?;
    write_failures(out, &summary.failed)?;
    for row in &summary.exclusions {
        let (bench, cause) = (&row.bench, &row.cause);
        writeln!(out, "excluded: {bench}, boot {}, round {}: {cause}", row.boot, row.round)?;
    }
    Ok(())
}

/// One line for each reason, with its benches and arms.
fn write_skips(out: &mut String, skipped: &[SkippedRow]) -> Result {
    let mut by_bench: Vec<(Vec<&str>, &SkippedRow)> = Vec::new();
    for rows in skipped.chunk_by(|a, b| (&a.bench, &a.reason) == (&b.bench, &b.reason)) {
        by_bench.push((rows.iter().map(|row| row.arm.as_str()).collect(), &rows[0]));
    }
    let same = |a: &(Vec<&str>, &SkippedRow), b: &(Vec<&str>, &SkippedRow)| {
        (&a.0, &a.1.reason, &a.1.hint) == (&b.0, &b.1.reason, &b.1.hint)
    };
    for group in by_bench.chunk_by(same) {
        let benches: Vec<&str> = group.iter().map(|(_, row)| row.bench.as_str()).collect();
        let (arms, row) = &group[0];
        let (reason, hint) = (&row.reason, &row.hint);
        let (benches, arms) = (benches.join(", "), arms.join(", "));
        writeln!(out, "skipped: {benches} in {arms}: {reason} (hint: {hint})")?;
    }
    Ok(())
}

/// One line for each failure, with its arms and boots.
fn write_failures(out: &mut String, failed: &[FailedRow]) -> Result {
    let mut rows: Vec<&FailedRow> = failed.iter().collect();
    let key = |row: &FailedRow| (row.bench.clone(), row.reason.clone());
    rows.sort_by_key(|row| (key(row), row.arm.clone(), row.boot));
    for same in rows.chunk_by(|a, b| key(a) == key(b)) {
        let places = same.chunk_by(|a, b| a.arm == b.arm).map(|rows| {
            let boots: Vec<String> = rows.iter().map(|row| row.boot.to_string()).collect();
            let noun = plural(boots.len() as u64, "boot");
            format!("{} ({noun} {})", rows[0].arm, boots.join(", "))
        });
        let places = places.collect::<Vec<_>>().join(", ");
        let bench = same[0].bench.as_deref().unwrap_or("the guest");
        writeln!(out, "failed: {bench} in {places}: {}", same[0].reason)?;
    }
    Ok(())
}

/// One line for all facts that have the same values.
pub(super) fn write_differences(out: &mut String, summary: &Summary) -> Result {
    let control = control_name(summary);
    let same = |a: &DifferenceRow, b: &DifferenceRow| {
        (&a.arm, &a.control, &a.treatment, a.declared)
            == (&b.arm, &b.control, &b.treatment, b.declared)
    };
    for rows in summary.differences.chunk_by(same) {
        let row = &rows[0];
        let label = if row.declared { "difference (declared)" } else { "difference" };
        let (here, there) = (&row.control, &row.treatment);
        let facts: Vec<&str> = rows.iter().map(|row| row.fact.as_str()).collect();
        let facts = facts.join(", ");
        writeln!(out, "{label}: {facts}: {here} in {control}; {there} in {}", row.arm)?;
    }
    Ok(())
}
