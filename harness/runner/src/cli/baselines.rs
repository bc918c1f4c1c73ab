//! `--baseline` and `--save-baseline`: the saved run to compare with, and saving this one.

use super::exit::CliError;
use super::records::{analyze_journal, threads};
use crate::analysis::{Analysis, NamedRecord, Overrides};
use crate::record::{BaselineName, Location, resolve_baseline, save_baseline};
use sevbench_reports::Outcome;

/// A saved run, analysed.
pub(super) struct Baseline {
    pub name: String,
    pub analysis: Analysis,
}

impl Baseline {
    /// Reads the baseline of this name.
    ///
    /// # Errors
    /// If there is none, or it belongs to another suite.
    pub(super) fn find(name: &BaselineName, suite: &str) -> Result<Self, CliError> {
        let location = resolve_baseline(name).map_err(CliError::usage)?;
        let analysis = analyze_journal(&location.journal(), &Overrides::default(), threads())?;
        let (name, found) = (name.as_str(), &analysis.summary.run.suite);
        if found == suite {
            return Ok(Self { name: name.to_owned(), analysis });
        }
        Err(CliError::usage(format!(
            "the baseline `{name}` belongs to the suite `{found}`, not to `{suite}`: name another \
             one with --baseline"
        )))
    }

    /// As comparisons take it.
    pub(super) fn named(&self) -> NamedRecord<'_> {
        NamedRecord { name: &self.name, analysis: &self.analysis }
    }
}

/// Saves a run as a baseline if it is complete.
///
/// # Errors
/// If it is not complete, with the status of its outcome, or if it cannot be written.
pub(super) fn save_if_complete(
    name: &BaselineName,
    run: &Location,
    outcome: Outcome,
) -> Result<(), CliError> {
    let incomplete = || {
        let name = name.as_str();
        format!("not saved as the baseline `{name}`, since the run is not complete: run it again")
    };
    match outcome {
        Outcome::Complete => save_baseline(run, name).map_err(CliError::failed),
        Outcome::Interrupted => Err(CliError::interrupted(incomplete())),
        _ => Err(CliError::failed(incomplete())),
    }
}
