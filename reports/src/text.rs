//! The result as a person reads it: one aligned line a bench, then what went wrong, then what the arms were.

use crate::text_notes::{write_changes, write_details, write_notes};
use crate::{
    Align, Comparison, DifferenceRow, Estimate, FailedRow, Outcome, SkippedRow, Summary, Table,
    format_value,
};
use sevbench_text::escaped;
use std::fmt::Write;

/// What the text shows beyond the lines of results.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextOptions {
    /// Also the robust interval, the smallest detectable effect and the seed.
    pub verbose: bool,
    /// Colour the verdicts.
    pub colour: bool,
}

/// The whole text, ending with a newline.
pub fn render_text(summary: &Summary, options: TextOptions) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = write_text(&mut out, summary, options);
    out
}

fn write_text(out: &mut String, summary: &Summary, options: TextOptions) -> std::fmt::Result {
    for line in comparison_lines(summary, options) {
        writeln!(out, "{line}")?;
    }
    write_changes(out, summary)?;
    if options.verbose {
        write_details(out, summary)?;
    }
    write_notes(out, summary, options)?;
    write_troubles(out, summary)?;
    write_differences(out, summary)?;
    if summary.comparisons.is_empty() {
        writeln!(out, "no bench has a result")?;
    }
    writeln!(out)?;
    write_arms(out, summary)?;
    write_run(out, summary, options)
}

fn comparison_lines(summary: &Summary, options: TextOptions) -> Vec<String> {
    let treatments: Vec<&str> =
        summary.run.arms.iter().skip(1).map(|arm| arm.name.as_str()).collect();
    let Some(first) = summary.comparisons.first() else { return Vec::new() };
    let control = summary.run.arms.first().map_or("control", |arm| &arm.name);
    let single = treatments.len() == 1;
    let treatment = if single { treatments[0] } else { "treatment" };
    let level = format!("slowdown [{} % interval]", percent(first.slowdown.confidence));
    let ratio = format!("{treatment}/{control}");
    let mut columns = vec![
        ("bench", Align::Left),
        (control, Align::Right),
        (treatment, Align::Right),
        (level.as_str(), Align::Left),
        (ratio.as_str(), Align::Right),
        ("verdict", Align::Left),
    ];
    if options.verbose {
        columns.push(("robust", Align::Left));
        columns.push(("detectable", Align::Right));
    }
    columns.push(("flags", Align::Left));
    let mut table = Table::new(&columns);
    for comparison in &summary.comparisons {
        table.row(cells(comparison, single, options));
    }
    let mut lines = table.lines();
    if options.colour {
        for (line, comparison) in lines.iter_mut().skip(1).zip(&summary.comparisons) {
            paint(line, &comparison.verdict);
        }
    }
    lines
}

fn cells(comparison: &Comparison, single: bool, options: TextOptions) -> Vec<String> {
    let unit = &comparison.unit;
    let treated = format_value(comparison.treated.mean, unit);
    let mut cells = vec![
        escaped(&comparison.bench),
        format_value(comparison.control.mean, unit),
        if single { treated } else { format!("{treated} ({})", comparison.treatment) },
        interval(&comparison.slowdown),
        format!("{:.3}", comparison.treated.mean / comparison.control.mean),
        comparison.verdict.clone(),
    ];
    if options.verbose {
        cells.push(interval(&comparison.robust));
        let detectable = |share: f64| format!("{:.1} %", share * 100.0);
        cells.push(comparison.minimum_detectable.map_or("—".into(), detectable));
    }
    cells.push(comparison.flags.join(", "));
    cells
}

/// An estimate with its interval in three decimals.
pub(crate) fn interval(estimate: &Estimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{:.3} [{low:.3}, {high:.3}]", estimate.estimate),
        _ => format!("{:.3} [no interval]", estimate.estimate),
    }
}

fn paint(line: &mut String, verdict: &str) {
    let colour = match verdict {
        "regressed" => "31",
        "improved" => "32",
        "inconclusive" => "33",
        _ => return,
    };
    *line = line.replacen(verdict, &format!("\x1b[{colour}m{verdict}\x1b[0m"), 1);
}

fn write_troubles(out: &mut String, summary: &Summary) -> std::fmt::Result {
    write_skips(out, &summary.skipped)?;
    write_failures(out, &summary.failed)?;
    for row in &summary.exclusions {
        writeln!(
            out,
            "excluded: {}, boot {}, round {}: {}",
            escaped(&row.bench),
            row.boot,
            row.round,
            escaped(&row.cause)
        )?;
    }
    Ok(())
}

/// Each reason once, with the benches and arms that it holds for.
fn write_skips(out: &mut String, skipped: &[SkippedRow]) -> std::fmt::Result {
    let mut by_bench: Vec<(Vec<&str>, &SkippedRow)> = Vec::new();
    for rows in skipped.chunk_by(|a, b| (&a.bench, &a.reason) == (&b.bench, &b.reason)) {
        by_bench.push((rows.iter().map(|row| row.arm.as_str()).collect(), &rows[0]));
    }
    let same = |a: &(Vec<&str>, &SkippedRow), b: &(Vec<&str>, &SkippedRow)| {
        (&a.0, &a.1.reason, &a.1.hint) == (&b.0, &b.1.reason, &b.1.hint)
    };
    for group in by_bench.chunk_by(same) {
        let benches: Vec<String> = group.iter().map(|(_, row)| escaped(&row.bench)).collect();
        let (arms, row) = &group[0];
        let (reason, hint) = (escaped(&row.reason), escaped(&row.hint));
        let (benches, arms) = (benches.join(", "), arms.join(", "));
        writeln!(out, "skipped: {benches} in {arms}: {reason} (hint: {hint})")?;
    }
    Ok(())
}

/// Each failure once, with the arms and boots where it happened.
fn write_failures(out: &mut String, failed: &[FailedRow]) -> std::fmt::Result {
    let mut rows: Vec<&FailedRow> = failed.iter().collect();
    let key = |row: &FailedRow| (row.bench.clone(), row.reason.clone());
    rows.sort_by_key(|row| (key(row), row.arm.clone(), row.boot));
    for same in rows.chunk_by(|a, b| key(a) == key(b)) {
        let places = same.chunk_by(|a, b| a.arm == b.arm).map(|rows| {
            let boots: Vec<String> = rows.iter().map(|row| row.boot.to_string()).collect();
            let noun = if boots.len() == 1 { "boot" } else { "boots" };
            format!("{} ({noun} {})", rows[0].arm, boots.join(", "))
        });
        let places = places.collect::<Vec<_>>().join(", ");
        let bench = escaped(same[0].bench.as_deref().unwrap_or("the guest"));
        writeln!(out, "failed: {bench} in {places}: {}", escaped(&same[0].reason))?;
    }
    Ok(())
}

fn write_differences(out: &mut String, summary: &Summary) -> std::fmt::Result {
    let control = summary.run.arms.first().map_or("control", |arm| &arm.name);
    let same = |a: &DifferenceRow, b: &DifferenceRow| {
        (&a.arm, &a.control, &a.treatment, a.declared)
            == (&b.arm, &b.control, &b.treatment, b.declared)
    };
    for rows in summary.differences.chunk_by(same) {
        let row = &rows[0];
        let label = if row.declared { "difference (declared)" } else { "difference" };
        let (here, there) = (escaped(&row.control), escaped(&row.treatment));
        let facts: Vec<&str> = rows.iter().map(|row| row.fact.as_str()).collect();
        let facts = facts.join(", ");
        writeln!(out, "{label}: {facts}: {control} {here}; {} {there}", row.arm)?;
    }
    Ok(())
}

fn write_arms(out: &mut String, summary: &Summary) -> std::fmt::Result {
    for arm in &summary.run.arms {
        let claim = match (&arm.claimed, arm.verified) {
            (Some(claimed), Some(true)) => format!("; {claimed}, verified"),
            (Some(claimed), _) => format!("; {claimed} claimed, not verified"),
            (None, _) => String::new(),
        };
        let description = match arm.description.as_str() {
            "" => "never reached".to_owned(),
            text => escaped(text),
        };
        writeln!(out, "{}: {} ({}): {description}{claim}", arm.role, arm.name, arm.address)?;
        if !arm.evidence.is_empty() && !arm.address.starts_with("loopback") {
            writeln!(out, "  evidence: {}", escaped(&arm.evidence.join("; ")))?;
        }
    }
    Ok(())
}

fn write_run(out: &mut String, summary: &Summary, options: TextOptions) -> std::fmt::Result {
    let run = &summary.run;
    if run.arms.iter().all(|arm| arm.address.starts_with("loopback")) {
        let injected = run.arms.iter().any(|arm| arm.injected.is_some());
        let what = if injected { "but for the injected slowdown, this" } else { "this" };
        writeln!(out, "{what} compares a machine with itself (A/A)")?;
    }
    match run.outcome {
        Outcome::Complete => {}
        Outcome::Interrupted => {
            writeln!(out, "interrupted: the result is of what was measured until then")?
        }
        Outcome::Stopped => writeln!(
            out,
            "stopped by the error above: the result is of what was recorded until then"
        )?,
        Outcome::Truncated => {
            writeln!(out, "the record ends in the middle: the result is of its whole rounds")?
        }
    }
    if run.cut_off {
        writeln!(
            out,
            "cut off: the time was over (--max-time) before the benches with this flag had their boots"
        )?;
    }
    for defect in &run.defects {
        writeln!(out, "record: {}", escaped(defect))?;
    }
    if let Some(duty) = run.duty {
        writeln!(out, "duty: {:.1} % of the measuring phase was measured", duty.share * 100.0)?;
    }
    if options.verbose {
        if let Some(first_sample_ns) = run.first_sample_ns {
            let seconds = first_sample_ns as f64 / 1e9;
            writeln!(out, "first sample: {seconds:.2} s after the start")?;
        }
        writeln!(out, "seed: {}; boots: {}; started: {}", run.seed, run.boots, run.started)?;
    }
    Ok(())
}

/// A level in per cent without needless digits: 95, 99.9.
fn percent(level: f64) -> String {
    let text = format!("{:.3}", level * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
