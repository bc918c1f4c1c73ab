//! What the text says beside the lines of results: changes since a baseline, what a result rests on, what would decide it.

use crate::text::{TextOptions, interval};
use crate::{
    Align, Comparison, Estimate, NoiseFloor, OutlierRow, Summary, Table, VarianceShares,
    WarmUpClasses, WarmUps,
};
use sevbench_text::{escaped, format_duration};
use std::fmt::{Result, Write};
use std::time::Duration;

/// How many benches are named in a line that could name all.
const NAMED_MAX: usize = 4;
/// A p-value below this is shown as such.
const P_SHOWN_MIN: f64 = 0.0001;

/// Slowdowns against those of a baseline.
pub(crate) fn write_changes(out: &mut String, summary: &Summary) -> Result {
    let changed = summary.comparisons.iter().filter_map(|c| Some((c, c.change.as_ref()?)));
    let rows: Vec<_> = changed.collect();
    let Some((_, first)) = rows.first() else { return Ok(()) };
    let title = format!("change since {}", first.baseline);
    let mut table = Table::new(&[
        ("bench", Align::Left),
        (title.as_str(), Align::Left),
        ("verdict of the change", Align::Left),
    ]);
    for (comparison, change) in &rows {
        let cells =
            vec![name(summary, comparison), interval(&change.factor), change.verdict.clone()];
        table.row(cells);
    }
    writeln!(out)?;
    table.lines().iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// A bench, with its treatment where there are several.
fn name(summary: &Summary, comparison: &Comparison) -> String {
    match summary.run.arms.len() {
        0..=2 => escaped(&comparison.bench),
        _ => escaped(&format!("{} in {}", comparison.bench, comparison.treatment)),
    }
}

/// The other estimates, and what the interval's width comes from.
pub(crate) fn write_details(out: &mut String, summary: &Summary) -> Result {
    let mut table = Table::new(&[
        ("bench", Align::Left),
        ("ratio of means", Align::Left),
        ("bootstrap", Align::Left),
        ("boot/round/sample", Align::Left),
        ("best rounds", Align::Right),
        ("p", Align::Right),
        ("q", Align::Right),
        ("warm-up", Align::Left),
        ("method", Align::Left),
    ]);
    let estimate = |estimate: &Option<Estimate>| estimate.as_ref().map_or("—".into(), interval);
    for comparison in &summary.comparisons {
        table.row(vec![
            name(summary, comparison),
            estimate(&comparison.fieller),
            estimate(&comparison.bootstrap),
            comparison.variance_shares.as_ref().map_or("—".into(), shares),
            comparison.best_rounds.map_or("—".into(), |rounds| rounds.to_string()),
            probability(comparison.p_value),
            probability(comparison.q_value),
            comparison.warm_up.as_ref().map_or("—".into(), warm_ups),
            comparison.slowdown.method.clone(),
        ]);
    }
    writeln!(out)?;
    table.lines().iter().try_for_each(|line| writeln!(out, "{line}"))?;
    writeln!(out)
}

fn shares(shares: &VarianceShares) -> String {
    let percent =
        |share: Option<f64>| share.map_or("—".into(), |share| format!("{:.0}", share * 100.0));
    let [boot, round, sample] = [shares.boot, shares.round, shares.sample].map(percent);
    format!("{boot}/{round}/{sample} %")
}

fn probability(p: Option<f64>) -> String {
    match p {
        None => "—".into(),
        Some(p) if p < P_SHOWN_MIN => format!("<{P_SHOWN_MIN}"),
        Some(p) => format!("{p:.4}"),
    }
}

/// The classes of both arms' warm-ups together.
fn warm_ups(warm_ups: &WarmUps) -> String {
    let (a, b) = (&warm_ups.control, &warm_ups.treated);
    let count = |of: fn(&WarmUpClasses) -> u32| of(a) + of(b);
    let classes = [
        (count(|classes| classes.flat), "flat"),
        (count(|classes| classes.warm_up), "warm-up"),
        (count(|classes| classes.slowdown), "slowdown"),
        (count(|classes| classes.no_steady_state), "no steady state"),
    ];
    let seen = classes.iter().filter(|(count, _)| *count > 0);
    seen.map(|(count, class)| format!("{count} {class}")).collect::<Vec<_>>().join(", ")
}

/// What is said of all benches, and what would decide those that are not.
pub(crate) fn write_notes(out: &mut String, summary: &Summary, options: TextOptions) -> Result {
    for overall in &summary.overall {
        let (treatment, slowdown) = (&overall.treatment, interval(&overall.slowdown));
        let boots = overall.slowdown.boots;
        let of_treatment = summary.comparisons.iter().filter(|one| one.treatment == *treatment);
        let most = of_treatment.map(|one| one.slowdown.boots).max().unwrap_or(boots);
        let of_which = match most > boots {
            true => format!(", over the {boots} boots that have them all"),
            false => String::new(),
        };
        let benches = overall.benches;
        writeln!(out, "geometric mean of {benches} benches in {treatment}{of_which}: {slowdown}")?;
    }
    write_settling(out, summary)?;
    write_outliers(out, &summary.outliers, options)?;
    let excluded = summary.comparisons.iter().filter_map(|c| Some((c, c.unexcluded.as_ref()?)));
    for (comparison, unexcluded) in excluded {
        let name = name(summary, comparison);
        writeln!(out, "with the excluded rounds {name} would be {}", interval(unexcluded))?;
    }
    if options.verbose {
        let digits = summary.comparisons.iter().filter_map(|comparison| comparison.resolution);
        if let Some(resolution) = digits.reduce(f64::max) {
            let percent = (resolution * 1e5).round() / 1e3;
            writeln!(
                out,
                "percentiles come from histograms: nothing below {percent} % shows in them"
            )?;
        }
    }
    match &summary.run.noise_floor {
        Some(floor) => write_noise_floor(out, floor),
        None => Ok(()),
    }
}

fn write_settling(out: &mut String, summary: &Summary) -> Result {
    let measured = summary.comparisons.iter().filter(|one| !one.is_boot_time);
    let inconclusive = measured.filter(|one| one.verdict == "inconclusive");
    let (open, edge): (Vec<_>, Vec<_>) = inconclusive.partition(|one| one.settle.is_some());
    let mut open: Vec<_> = open.into_iter().filter_map(|one| Some((one, one.settle?))).collect();
    open.sort_by_key(|(_, settle)| settle.boots);
    if let Some((_, most)) = open.last() {
        let named = open.iter().take(NAMED_MAX).map(|(comparison, settle)| {
            let time = settle.seconds.map_or_else(String::new, |seconds| {
                let duration = Duration::from_secs_f64(seconds.clamp(0.0, 1e9));
                format!(" (about {})", format_duration(duration))
            });
            let noun = if settle.boots == 1 { "boot" } else { "boots" };
            format!("{} {} more {noun}{time}", name(summary, comparison), settle.boots)
        });
        let named = named.collect::<Vec<_>>().join(", ");
        let rest = match open.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            rest => format!(", {rest} others up to {}", most.boots),
        };
        writeln!(out, "to decide what is inconclusive, if nothing else changes: {named}{rest}")?;
    }
    // What arms that are not paired would need is not reckoned.
    let is_edge = |one: &&Comparison| {
        one.slowdown.low.is_some()
            && one.slowdown.boots > 1
            && !one.flags.iter().any(|flag| flag == "unpaired")
    };
    let edge: Vec<String> =
        edge.into_iter().filter(is_edge).map(|one| name(summary, one)).collect();
    if edge.is_empty() {
        return Ok(());
    }
    let edge = edge.join(", ");
    writeln!(out, "so near to the edge of the margin that no number of boots decides: {edge}")
}

fn write_outliers(out: &mut String, outliers: &[OutlierRow], options: TextOptions) -> Result {
    for row in outliers.iter().filter(|row| row.first) {
        let OutlierRow { bench, arm, label, .. } = row;
        let bench = escaped(bench);
        writeln!(
            out,
            "cold start: the first value of {bench} in {arm} lies apart ({label}); it is not removed"
        )?;
    }
    let others: Vec<&OutlierRow> = outliers.iter().filter(|row| !row.first).collect();
    match (others.len(), options.verbose) {
        (0, _) => Ok(()),
        (count, false) => {
            let what = match count {
                1 => "1 round lies apart from the others of its bench".to_owned(),
                _ => format!("{count} rounds lie apart from the others of their bench"),
            };
            writeln!(out, "{what}: labelled, not removed (--verbose)")
        }
        (_, true) => others.iter().try_for_each(|row| {
            let OutlierRow { bench, arm, boot, round, label, .. } = row;
            let bench = escaped(bench);
            writeln!(out, "apart: {bench} in {arm}, boot {boot}, round {round}: {label}")
        }),
    }
}

fn write_noise_floor(out: &mut String, floor: &NoiseFloor) -> Result {
    let NoiseFloor { arm, benches, median, largest, hold_one } = floor;
    let (median, largest) = (median * 100.0, largest * 100.0);
    writeln!(
        out,
        "noise floor (A/A, {arm}): intervals of ± {median:.1} % in the median, ± {largest:.1} % at most; {hold_one} of {benches} hold 1"
    )
}
