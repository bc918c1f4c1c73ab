//! `cargo sevbench analyze` and `cargo sevbench compare`: results from records that are there.

use clap::Args;
use sevbench_reports::{Against, TextOptions, render_record_comparison};
use sevbench_runner::cli::{
    AnalysisOptions, CliError, Format, analyze_record, print_json, print_summary, print_text,
    report_gate,
};
use sevbench_runner::gate::{GateRefusal, Margin, Margins, judge_run, refused};
use sevbench_runner::{Overrides, add_changes, compare_records, refuse_baseline};
use sevbench_statistics::Confidence;
use std::collections::BTreeSet;

/// What `analyze` is asked.
#[derive(Debug, Args)]
pub(super) struct AnalyzeArguments {
    /// The run (its id, its folder, its run.ndjson, or a baseline's folder), or a table FILE.csv with the header
    /// bench,arm,boot,round,unit,value and perhaps ops [default: the newest run]
    record: Option<String>,
    /// The control arm of a table [default: the first in it]
    #[arg(long, value_name = "NAME")]
    control: Option<String>,
    /// The arms of a table did not run in common blocks: compare them by Welch's t, not in pairs
    #[arg(long)]
    unpaired: bool,
    /// Level of the intervals [default: the run's own; 0.95 for a table]
    #[arg(long, value_name = "LEVEL")]
    confidence_level: Option<f64>,
    /// The slowdown, in per cent, that still counts as no change, for all benches [default: the run's own; 3 for a table]
    #[arg(long, value_name = "PCT")]
    margin: Option<f64>,
    /// Compare with this run or baseline: by how much each slowdown changed
    #[arg(long, value_name = "RECORD")]
    baseline: Option<String>,
    /// Exit with 3 where a bench regressed, with 4 where one is not decided
    #[arg(long)]
    gate: bool,
    /// Seed of a table's resamples
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many threads compute; the result is the same, to the bit, for any number [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// The form of the result
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Also what the result rests on: other estimates, where the variance comes from, what would settle what is not decided
    #[arg(long, short)]
    verbose: bool,
}

/// What `compare` is asked.
#[derive(Debug, Args)]
pub(super) struct CompareArguments {
    /// The earlier run, baseline or table
    before: String,
    /// The later one
    now: String,
    /// The change of a slowdown, in per cent, that still counts as no change [default: the later record's own margins]
    #[arg(long, value_name = "PCT")]
    margin: Option<f64>,
    /// The control arm of tables [default: the first in each]
    #[arg(long, value_name = "NAME")]
    control: Option<String>,
    /// The arms of tables did not run in common blocks
    #[arg(long)]
    unpaired: bool,
    /// The form of the result
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run_analyze(arguments: &AnalyzeArguments) -> Result<u8, CliError> {
    arguments.margin.map(Margin::percent).transpose().map_err(CliError::usage)?;
    arguments.confidence_level.map(Confidence::new).transpose().map_err(CliError::usage)?;
    let overrides =
        Overrides { confidence: arguments.confidence_level, margin_percent: arguments.margin };
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
    if let Some(name) = &arguments.baseline {
        let baseline =
            analyze_record(Some(name), &AnalysisOptions { overrides, ..options.clone() })?;
        add_changes(&mut analysis, &baseline, name);
        against = Against::Baseline;
        let run = &analysis.summary.run;
        let judged = analysis.summary.comparisons.iter().filter(|one| one.judged);
        let treatments: BTreeSet<&String> = judged.map(|one| &one.treatment).collect();
        let treatments: Vec<String> = treatments.into_iter().cloned().collect();
        refusal = refuse_baseline(&baseline, name, &run.benches, &treatments, &analysis.margins);
        // What could hardly have passed may have failed, now that it is there.
        refusal = refusal.filter(|why| !matches!(why, GateRefusal::CannotPass { .. }));
    }
    let text = TextOptions { verbose: arguments.verbose, colour: false };
    let mut summary = analysis.summary;
    let baseline = arguments.baseline.as_deref();
    summary.gate = arguments.gate.then(|| match refusal {
        Some(refusal) => refused(&refusal, against, baseline),
        None => judge_run(&summary, against, baseline),
    });
    print_summary(&summary, arguments.format, text)?;
    Ok(summary.gate.as_ref().map_or(0, report_gate))
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
    let names = [arguments.before.as_str(), arguments.now.as_str()];
    let comparison =
        compare_records(&before, &now, names, margins.as_ref().unwrap_or(&now.margins));
    match arguments.format {
        Format::Text => print_text(&render_record_comparison(&comparison))?,
        Format::Json => print_json(&comparison)?,
    }
    Ok(0)
}
