//! `cargo sevbench analyze` and `cargo sevbench compare`: results from existing records.

use clap::Args;
use sevbench_reports::{
    Against, Estimand, Place, Run, TextOptions, render_record_comparison, render_title,
};
use sevbench_runner::cli::{
    AnalysisOptions, CliError, Format, analyze_record, estimands, print_json, print_summary,
    print_text, report_gate,
};
use sevbench_runner::gate::{GateRefusal, Margin, Margins, judge_run, refused};
use sevbench_runner::{
    GateScope, NamedRecord, Overrides, add_changes, compare_records, refuse_baseline,
};
use sevbench_statistics::Confidence;
use std::collections::BTreeSet;
use std::ffi::OsString;

/// The arguments of `cargo sevbench analyze`.
#[derive(Debug, Args)]
pub(super) struct AnalyzeArguments {
    /// Analyse this run, baseline or table [default: the newest run that recorded a round]
    ///
    /// Name a run by its id, its folder or its run.ndjson, or the newest one by `latest`. Name a
    /// baseline by its name or folder. A table is a FILE.csv with the header
    /// bench,arm,boot,round,unit,value and optionally ops, or `-` for standard input.
    record: Option<OsString>,
    /// Set the control arm of a table [default: the first arm in it]
    #[arg(long, value_name = "NAME")]
    control: Option<String>,
    /// Compare the arms of a table by Welch's t, not in pairs
    ///
    /// Use it if the arms did not run in common boot blocks.
    #[arg(long)]
    unpaired: bool,
    /// Set the confidence level of the intervals [default: that of the run; 0.95 for a table]
    #[arg(long, value_name = "LEVEL")]
    confidence_level: Option<f64>,
    /// Set the largest slowdown, in per cent, that still counts as no change, for all benches
    ///
    /// [default: that of the run; 3 for a table]
    #[arg(long, value_name = "PCT")]
    margin: Option<f64>,
    /// Choose what verdicts and the gate are about: the mean, the median boot (typical), or both
    ///
    /// [default: that of the run; the mean for runs made before this choice; both for a table]
    #[arg(long, value_name = "WHAT", value_parser = estimands())]
    judge: Option<Estimand>,
    /// Show how each slowdown changed since this run or baseline
    #[arg(long, value_name = "RECORD")]
    baseline: Option<OsString>,
    /// Exit with 3 if a bench regressed, with 4 if one is not decided
    #[arg(long)]
    gate: bool,
    /// Set the seed of a table's resamples [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Set the number of threads; any number gives the same result, to the bit [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Choose the output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Also show the other estimates, sources of variance, warm-ups, outlier rounds and the seed
    #[arg(long, short)]
    verbose: bool,
}

/// The arguments of `cargo sevbench compare`.
#[derive(Debug, Args)]
pub(super) struct CompareArguments {
    /// Compare with this earlier run, baseline or table
    before: OsString,
    /// Compare this later run, baseline or table
    now: OsString,
    /// Set the largest change of a slowdown, in per cent, that still counts as no change
    ///
    /// [default: the margins of the later record]
    #[arg(long, value_name = "PCT")]
    margin: Option<f64>,
    /// Set the control arm of tables [default: the first arm in each]
    #[arg(long, value_name = "NAME")]
    control: Option<String>,
    /// Compare the arms of tables by Welch's t, not in pairs
    #[arg(long)]
    unpaired: bool,
    /// Choose the output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run_analyze(arguments: &AnalyzeArguments) -> Result<u8, CliError> {
    arguments.margin.map(Margin::percent).transpose().map_err(CliError::usage)?;
    arguments.confidence_level.map(Confidence::new).transpose().map_err(CliError::usage)?;
    let overrides = Overrides {
        confidence: arguments.confidence_level,
        margin_percent: arguments.margin,
        judge: arguments.judge,
    };
    let options = AnalysisOptions {
        control: arguments.control.clone(),
        unpaired: arguments.unpaired,
        overrides: overrides.clone(),
        seed: arguments.seed,
        threads: arguments.threads.map(usize::from),
    };
    let mut analysis = analyze_record(arguments.record.as_deref(), &options)?;
    let mut against = Against::Margin;
    let mut refusal = None;
    let baseline_name = arguments.baseline.as_ref().map(|name| name.to_string_lossy());
    if let (Some(baseline), Some(name)) = (&arguments.baseline, &baseline_name) {
        let baseline =
            analyze_record(Some(baseline), &AnalysisOptions { overrides, ..options.clone() })?;
        if is_same_run(&baseline.summary.run, &analysis.summary.run) {
            return Err(CliError::usage(format!(
                "--baseline {name} is the analysed run itself: name another one"
            )));
        }
        let baseline = NamedRecord { name, analysis: &baseline };
        add_changes(&mut analysis, baseline);
        against = Against::Baseline;
        let run = &analysis.summary.run;
        let judged = analysis.summary.comparisons.iter().filter(|one| one.judged);
        let treatments: BTreeSet<&String> = judged.map(|one| &one.treatment).collect();
        let treatments: Vec<String> = treatments.into_iter().cloned().collect();
        let scope = GateScope { benches: &run.benches, treatments: &treatments };
        refusal = refuse_baseline(baseline, scope, &analysis.margins);
        // A result that could hardly pass can still fail, so it is judged.
        refusal = refusal.filter(|why| !matches!(why, GateRefusal::CannotPass { .. }));
    }
    let text = TextOptions { verbose: arguments.verbose, colour: false };
    let mut summary = analysis.summary;
    let baseline = baseline_name.as_deref();
    summary.gate = arguments.gate.then(|| match refusal {
        Some(refusal) => refused(&refusal, against, baseline, summary.run.judge),
        None => judge_run(&summary, against, baseline),
    });
    if arguments.format == Format::Text {
        print_text(&render_title(&summary))?;
    }
    print_summary(&summary, arguments.format, text)?;
    Ok(summary.gate.as_ref().map_or(0, report_gate))
}

/// Whether two records are of one and the same run. Tables of the same name may differ.
fn is_same_run(one: &Run, other: &Run) -> bool {
    let is_table = one.arms.iter().any(|arm| arm.place == Some(Place::Table));
    !is_table && (&one.id, one.seed) == (&other.id, other.seed)
}

pub(super) fn run_compare(arguments: &CompareArguments) -> Result<u8, CliError> {
    let margins = arguments.margin.map(|percent| Margins::of(percent, [])).transpose();
    let margins = margins.map_err(CliError::usage)?;
    let options = AnalysisOptions {
        control: arguments.control.clone(),
        unpaired: arguments.unpaired,
        ..AnalysisOptions::default()
    };
    let before = analyze_record(Some(&arguments.before), &options)?;
    let now = analyze_record(Some(&arguments.now), &options)?;
    let margins = margins.as_ref().unwrap_or(&now.margins);
    let [before_name, now_name] =
        [&arguments.before, &arguments.now].map(|name| name.to_string_lossy());
    let before = NamedRecord { name: &before_name, analysis: &before };
    let now = NamedRecord { name: &now_name, analysis: &now };
    let comparison = compare_records(before, now, margins);
    match arguments.format {
        Format::Text => print_text(&render_record_comparison(&comparison))?,
        Format::Json => print_json(&comparison)?,
    }
    if comparison.changes.is_empty() {
        return Err(CliError::failed("the records have no bench in common in the same arm"));
    }
    Ok(0)
}
