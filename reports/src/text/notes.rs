//! Notes below the lines: geometric means, boots that would settle inconclusive benches, outliers.

use crate::model::{Comparison, Estimate, Flag, NoiseFloor, OutlierRow, Summary, Verdict};
use crate::text::TextOptions;
use crate::text::lines::{interval, name};
use sevbench_text::{counted, format_duration};
use std::fmt::{Result, Write};
use std::time::Duration;

/// The most benches in one note.
const NAMED_MAX: usize = 4;
/// The longest time shown, in s.
const SHOWN_S_MAX: f64 = 1e9;

pub(super) fn write_notes(out: &mut String, summary: &Summary, options: TextOptions) -> Result {
    write_overall(out, summary)?;
    write_typical(out, summary)?;
    write_settling(out, summary)?;
    write_undecidable(out, summary)?;
    write_outliers(out, &summary.outliers, options)?;
    let excluded = summary.comparisons.iter().filter_map(|c| Some((c, c.unexcluded.as_ref()?)));
    for (comparison, unexcluded) in excluded {
        let name = name(summary, comparison);
        writeln!(out, "with the excluded rounds, {name} would be {}", interval(unexcluded))?;
    }
    if options.verbose {
        let resolutions = summary.comparisons.iter().filter_map(|comparison| comparison.resolution);
        if let Some(resolution) = resolutions.reduce(f64::max) {
            let percent = (resolution * 1e5).round() / 1e3;
            writeln!(
                out,
                "percentiles come from histograms, which hide differences below {percent} %"
            )?;
        }
    }
    summary.run.noise_floor.as_ref().map_or(Ok(()), |floor| write_noise_floor(out, floor))
}

fn write_overall(out: &mut String, summary: &Summary) -> Result {
    for overall in &summary.overall {
        let (treatment, slowdown) = (&overall.treatment, interval(&overall.slowdown));
        let boots = overall.slowdown.boots;
        let of_treatment = summary.comparisons.iter().filter(|one| one.treatment == *treatment);
        let most = of_treatment.map(|one| one.slowdown.boots).max().unwrap_or(boots);
        let of_which = match most > boots {
            true => format!(" (over the {boots} boots that have all of them)"),
            false => String::new(),
        };
        let benches = overall.benches;
        writeln!(out, "geometric mean of {benches} benches in {treatment}{of_which}: {slowdown}")?;
    }
    Ok(())
}

/// The benches whose mean and median boot differ by more than chance: a few boots pull the mean.
fn write_typical(out: &mut String, summary: &Summary) -> Result {
    let differ = summary.comparisons.iter().filter_map(|one| {
        let typical = one.typical.as_ref()?;
        let is_outside = |value: f64, of: &Estimate| {
            of.low.is_some_and(|low| value < low) || of.high.is_some_and(|high| value > high)
        };
        let differs = is_outside(one.slowdown.estimate, typical)
            || is_outside(typical.estimate, &one.slowdown);
        differs.then(|| format!("{} {}", name(summary, one), interval(typical)))
    });
    let differ: Vec<String> = differ.collect();
    if differ.is_empty() {
        return Ok(());
    }
    let shown = differ.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    let rest = match differ.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    writeln!(out, "the median boot differs from the mean: {shown}{rest}")
}

fn inconclusive(summary: &Summary) -> impl Iterator<Item = &Comparison> {
    let measured = summary.comparisons.iter().filter(|one| !one.is_boot_time);
    measured.filter(|one| one.verdict == Verdict::Inconclusive)
}

fn write_settling(out: &mut String, summary: &Summary) -> Result {
    let mut open: Vec<_> =
        inconclusive(summary).filter_map(|one| Some((one, one.settle?))).collect();
    open.sort_by_key(|(_, settle)| settle.boots);
    let Some((_, most)) = open.last() else { return Ok(()) };
    let named = open.iter().take(NAMED_MAX).map(|(comparison, settle)| {
        let time = settle.seconds.map_or_else(String::new, |seconds| {
            let duration = Duration::from_secs_f64(seconds.clamp(0.0, SHOWN_S_MAX));
            format!(" (about {})", format_duration(duration))
        });
        let boots = counted(settle.boots, "more boot");
        format!("{} needs {boots}{time}", name(summary, comparison))
    });
    let named = named.collect::<Vec<_>>().join(", ");
    let rest = unnamed(open.len().saturating_sub(NAMED_MAX), most.boots);
    writeln!(out, "to settle inconclusive benches, if the spread stays the same: {named}{rest}")
}

/// How many more benches need boots, and the most that one of them needs.
fn unnamed(count: usize, most: u32) -> String {
    match count {
        0 => String::new(),
        1 => format!(", and 1 other needs {most}"),
        count => format!(", and {count} others need at most {most} each"),
    }
}

/// Benches that no practical number of boots settles. Unpaired arms are left out, because the
/// boots that they need are not estimated.
fn write_undecidable(out: &mut String, summary: &Summary) -> Result {
    let is_edge = |one: &&Comparison| {
        one.settle.is_none()
            && one.slowdown.low.is_some()
            && one.slowdown.boots > 1
            && !one.flags.contains(&Flag::Unpaired)
    };
    let edge: Vec<String> =
        inconclusive(summary).filter(is_edge).map(|one| name(summary, one)).collect();
    if edge.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "not to be settled by more boots, since the boots vary too much, or the slowdown lies on the \
         edge of the margin: {}",
        edge.join(", ")
    )
}

fn write_outliers(out: &mut String, outliers: &[OutlierRow], options: TextOptions) -> Result {
    for row in outliers.iter().filter(|row| row.first) {
        let OutlierRow { measurand, arm, label, .. } = row;

        writeln!(
            out,
            "cold start: the first value of {measurand} in {arm} is an outlier ({label}, kept)"
        )?;
    }
    let others: Vec<&OutlierRow> = outliers.iter().filter(|row| !row.first).collect();
    if others.is_empty() {
        return Ok(());
    }
    if !options.verbose {
        let rounds = counted(others.len() as u64, "outlier round");
        let them = if others.len() == 1 { "it" } else { "them" };
        return writeln!(out, "{rounds} (kept; --verbose lists {them})");
    }
    others.iter().try_for_each(|row| {
        let OutlierRow { measurand, arm, boot, round, label, .. } = row;

        writeln!(out, "outlier: {measurand} in {arm}, boot {boot}, round {round}: {label} (kept)")
    })
}

fn write_noise_floor(out: &mut String, floor: &NoiseFloor) -> Result {
    let NoiseFloor { arm, benches, median, largest, hold_one } = floor;
    let (median, largest) = (median * 100.0, largest * 100.0);
    writeln!(
        out,
        "noise floor (A/A in {arm}): the median interval is ±{median:.1} %, the widest \
         ±{largest:.1} %; {hold_one} of {benches} contain 1"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unnamed_benches_are_counted() {
        assert_eq!(unnamed(0, 9), "");
        assert_eq!(unnamed(1, 9), ", and 1 other needs 9");
        assert_eq!(unnamed(2, 9), ", and 2 others need at most 9 each");
    }
}
