//! `--baseline` and `--save-baseline`: the saved run to compare with, and saving this one.

use super::exit::CliError;
use super::records::{analyze_journal, threads};
use crate::analysis::{Analysis, NamedRecord, Overrides};
use crate::record::{BaselineName, Location, resolve_baseline, save_baseline};
use sevbench_reports::{Outcome, Summary};

/// A saved run, analysed.
pub(super) struct Baseline {
    pub name: String,
    pub analysis: Analysis,
}

impl Baseline {
    /// Reads the suite's baseline of this name.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub(super) fn find(name: &BaselineName, suite: &str) -> Result<Self, CliError> {
        let location = resolve_baseline(name, suite).map_err(CliError::usage)?;
        let analysis = analyze_journal(&location.journal(), &Overrides::default(), threads())?;
        Ok(Self { name: name.as_str().to_owned(), analysis })
    }

    /// As comparisons take it.
    pub(super) fn named(&self) -> NamedRecord<'_> {
        NamedRecord { name: &self.name, analysis: &self.analysis }
    }
}

/// Saves a run as a baseline if it is complete and has a result.
///
/// # Errors
/// If it is not, with the status of its outcome, or if it cannot be written.
pub(super) fn save_if_complete(
    name: &BaselineName,
    run: &Location,
    summary: &Summary,
) -> Result<(), CliError> {
    let refused = |why: &str| format!("not saved as the baseline `{}`: {why}", name.as_str());
    let has_result = summary.comparisons.iter().any(|one| !one.is_boot_time);
    match summary.run.outcome {
        Outcome::Interrupted => Err(CliError::interrupted(refused("the run was interrupted"))),
        Outcome::Complete if summary.failures().next().is_some() => {
            Err(CliError::failed(refused("a bench failed; fix it and run again")))
        }
        Outcome::Complete if has_result => {
            save_baseline(run, &summary.run.suite, name).map_err(CliError::failed)
        }
        Outcome::Complete => Err(CliError::failed(refused("no bench has a result"))),
        _ => Err(CliError::failed(refused("the run is not complete; continue it with --resume"))),
    }
}
