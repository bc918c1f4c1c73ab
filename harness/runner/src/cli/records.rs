//! Reads and analyses the records that a user names: runs, baselines and tables from elsewhere.

use super::exit::CliError;
use crate::analysis::{Analysis, AnalysisError, Overrides, TableOptions, analyze_table};
use crate::config::Config;
use crate::gate::Margins;
use crate::record::{read_table, resolve_run};
use crate::run_record::RunValues;
use crate::stderr::tell;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use sevbench_reports::{Estimand, MarginSource};
use sevbench_statistics::Confidence;
use sevbench_text::escaped;
use std::ffi::OsStr;
use std::path::Path;

const STANDARD_INPUT: &str = "/dev/stdin";

/// The default of the slowdown that counts as no change, in per cent.
pub(super) const MARGIN_PERCENT: f64 = 3.0;
/// The default confidence level of intervals.
pub(super) const CONFIDENCE_LEVEL: f64 = 0.95;
/// What verdicts are about by default.
pub(super) const JUDGE: Estimand = Estimand::Both;
/// The default seed of a table's resamples.
const TABLE_SEED: u64 = 1;

/// How to analyse a record.
#[derive(Clone, Debug, Default)]
pub struct AnalysisOptions {
    /// The control arm of a table. By default, the first one.
    pub control: Option<String>,
    /// Whether the arms of a table did not run in common boot blocks.
    pub unpaired: bool,
    /// Settings that replace those of a run.
    pub overrides: Overrides,
    /// The seed of a table's resamples.
    pub seed: Option<u64>,
    /// How many threads compute. By default, as many as the machine runs at once. The result does
    /// not depend on it.
    pub threads: Option<usize>,
}

impl AnalysisOptions {
    fn threads(&self) -> usize {
        self.threads.unwrap_or_else(threads)
    }
}

/// How many threads this machine runs at once. No result depends on it.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Reads and analyses a run, a baseline or a table.
///
/// # Errors
/// If there is no such record, it cannot be read, or the options do not fit it.
pub fn analyze_record(
    name: Option<&OsStr>,
    options: &AnalysisOptions,
) -> Result<Analysis, CliError> {
    // As in other programs, `-` is standard input.
    let path = name.map(|name| Path::new(if name == "-" { STANDARD_INPUT.as_ref() } else { name }));
    if let Some(path) = path.filter(|path| is_table(path)) {
        return analyze_file(path, options);
    }
    let journal = match name.map(Path::new).filter(|path| path.is_file()) {
        Some(path) => path.to_owned(),
        None => resolve_run(name).map_err(CliError::usage)?.journal(),
    };
    if options.control.is_some() || options.unpaired || options.seed.is_some() {
        let text = "--control, --unpaired and --seed apply only to tables (FILE.csv): remove them \
                    to analyse a run";
        return Err(CliError::usage(text));
    }
    analyze_journal(&journal, &options.overrides, options.threads())
}

/// Whether the path is a file or a stream that is not a journal, and hence a table.
fn is_table(path: &Path) -> bool {
    // `exists` follows /dev/stdin and the descriptors of `<(…)` to their pipes.
    path.exists()
        && !path.is_dir()
        && path.extension().is_none_or(|extension| extension != "ndjson" && extension != "json")
}

/// Parses what verdicts are about.
pub fn estimands() -> impl TypedValueParser<Value = Estimand> {
    let value = |estimand: &Estimand| match estimand {
        Estimand::Typical => PossibleValue::new(estimand.word()).alias("median"),
        _ => PossibleValue::new(estimand.word()),
    };
    PossibleValuesParser::new(Estimand::ALL.iter().map(value)).map(|word| {
        let named = Estimand::ALL.iter().find(|estimand| estimand.word() == word);
        // The only other word is the alias.
        named.copied().unwrap_or(Estimand::Typical)
    })
}

/// Analyses a journal, and warns of lines that cannot be used.
pub(super) fn analyze_journal(
    path: &Path,
    overrides: &Overrides,
    threads: usize,
) -> Result<Analysis, CliError> {
    let values = RunValues::read(path, overrides).map_err(CliError::failed)?;
    for defect in values.defects() {
        tell(&format!("warning: {}: {}; ignored", path.display(), escaped(defect)));
    }
    values.analyze(threads).map_err(CliError::failed)
}

fn analyze_file(path: &Path, options: &AnalysisOptions) -> Result<Analysis, CliError> {
    let table = read_table(path).map_err(CliError::failed)?;
    let Overrides { confidence, margin_percent, judge } = options.overrides;
    let confidence = Confidence::new(confidence.unwrap_or(CONFIDENCE_LEVEL));
    let config = Config::load(None).map_err(CliError::usage)?;
    // A margin on the command line applies to all benches.
    let rules = if margin_percent.is_none() { config.margins() } else { &[] };
    let rules = rules.iter().map(|rule| (rule.benches.as_str(), rule.percent));
    let margins = Margins::of(margin_percent.unwrap_or(MARGIN_PERCENT), rules);
    let source = if margin_percent.is_some() { MarginSource::Flag } else { MarginSource::Default };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let options = TableOptions {
        name: &name,
        control: options.control.as_deref(),
        unpaired: options.unpaired,
        confidence: confidence.map_err(CliError::usage)?,
        margins: margins.map_err(CliError::usage)?.from_source(source),
        judge: judge.unwrap_or(JUDGE),
        seed: options.seed.unwrap_or(TABLE_SEED),
        threads: options.threads(),
    };
    analyze_table(&table, options).map_err(|error| match error {
        AnalysisError::NoArm { .. } | AnalysisError::NoPairs => CliError::usage(error),
        error => CliError::failed(error),
    })
}
