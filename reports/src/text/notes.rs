//! Notes below the lines: geometric means, what a longer run could decide, outliers.

use crate::model::{
    BootGroups, Comparison, Estimate, NoiseFloor, OutlierRow, Prospect, Summary, VERDICT_BOOTS_MIN,
};
use crate::text::TextOptions;
use crate::text::lines::{interval, name, percent};
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
    write_groups(out, summary)?;
    write_few_boots(out, summary)?;
    write_prospects(out, summary)?;
    write_too_noisy(out, summary)?;
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
    let shown = differ.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join("; ");
    let rest = unnamed(differ.len());
    writeln!(out, "the median boot differs from the mean: {shown}{rest}")
}

/// The lines whose boots fall into two groups, with their values.
fn write_groups(out: &mut String, summary: &Summary) -> Result {
    let found = summary.comparisons.iter().filter_map(|one| {
        let BootGroups { lower, upper, arms } = one.groups.as_ref()?;
        let arms = match arms.as_slice() {
            [] => String::new(),
            arms => format!(" (so do the times of {})", arms.join(" and ")),
        };
        Some(format!(
            "{}: {} near {:.3}, {} near {:.3}{arms}",
            name(summary, one),
            lower.boots,
            lower.slowdown,
            upper.boots,
            upper.slowdown
        ))
    });
    let found: Vec<String> = found.collect();
    if found.is_empty() {
        return Ok(());
    }
    let shown = found.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join("; ");
    writeln!(out, "boots fall into two groups: {shown}{}", unnamed(found.len()))
}

/// What follows the first few names of a note.
fn unnamed(count: usize) -> String {
    match count.saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!("; and {more} more"),
    }
}

fn write_few_boots(out: &mut String, summary: &Summary) -> Result {
    let measured = summary.comparisons.iter().filter(|one| !one.is_boot_time);
    match measured.map(|one| one.slowdown.boots).min() {
        Some(fewest) if fewest < VERDICT_BOOTS_MIN => writeln!(
            out,
            "too few boots for a verdict: at least {VERDICT_BOOTS_MIN} are needed (--boots)"
        ),
        _ => Ok(()),
    }
}

/// The lines that another run could decide. Unpaired arms are left out, because the boots that they
/// need are not estimated.
fn open(summary: &Summary) -> impl Iterator<Item = (&Comparison, Prospect)> {
    let measured = summary.comparisons.iter().filter(|one| !one.is_boot_time);
    measured.filter_map(|one| Some((one, one.prospect?)))
}

/// A line that has less of a chance to be decided by four times as many boots is too noisy, if a
/// day does not suffice for a narrow interval.
const CHANCE_MIN: f64 = 0.1;

/// For each inconclusive line: the chance that a longer run decides it, and the boots that make its
/// interval narrow.
fn write_prospects(out: &mut String, summary: &Summary) -> Result {
    let mut lines: Vec<_> = open(summary).filter(|(_, prospect)| !is_too_noisy(prospect)).collect();
    lines.sort_by(|(_, a), (_, b)| b.chance_double.total_cmp(&a.chance_double));
    if lines.is_empty() {
        return Ok(());
    }
    let named = lines.iter().take(NAMED_MAX).map(|(comparison, prospect)| {
        let Prospect { chance_double, chance_quadruple, boots, seconds } = prospect;
        let time = seconds.map_or_else(String::new, |seconds| {
            let duration = Duration::from_secs_f64(seconds.clamp(0.0, SHOWN_S_MAX));
            format!(", about {},", format_duration(duration))
        });
        let now = comparison.slowdown.boots;
        let half = percent(comparison.margin / 2.0);
        let narrow = boots.filter(|boots| *boots > now).map_or_else(String::new, |boots| {
            format!(" ({boots} boots{time} narrow it to about ±{half} %)")
        });
        format!(
            "{} {:.0} % with --boots {}, {:.0} % with --boots {}{narrow}",
            name(summary, comparison),
            chance_double * 100.0,
            2 * now,
            chance_quadruple * 100.0,
            4 * now,
        )
    });
    let named = named.collect::<Vec<_>>().join("; ");
    let rest = unnamed(lines.len());
    writeln!(out, "chance that a new run decides inconclusive benches: {named}{rest}")
}

fn is_too_noisy(prospect: &Prospect) -> bool {
    prospect.boots.is_none() && prospect.chance_quadruple < CHANCE_MIN
}

/// Benches that no run of a day is likely to decide.
fn write_too_noisy(out: &mut String, summary: &Summary) -> Result {
    let noisy = open(summary).filter(|(one, prospect)| {
        is_too_noisy(prospect) && one.slowdown.boots >= VERDICT_BOOTS_MIN
    });
    let noisy: Vec<String> = noisy.map(|(one, _)| name(summary, one)).collect();
    if noisy.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "too noisy on this host to be decided within a day: {}; more or longer rounds may help \
         (--rounds, --measurement-time), and a host that does nothing else",
        noisy.join(", ")
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
