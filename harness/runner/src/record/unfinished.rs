//! Finds the run that `--resume` continues.

use super::journal::{Journal, read_journal};
use super::location::{Location, RecordError, home};
use sevbench_reports::Outcome;
use std::fs;

/// The newest unfinished run of a suite, with its journal. Folders without a readable journal are
/// skipped.
///
/// # Errors
/// If there is none.
pub(crate) fn find_unfinished(suite: &str) -> Result<(Location, Journal), RecordError> {
    let entries = fs::read_dir(home()).into_iter().flatten().flatten();
    let mut folders: Vec<_> =
        entries.map(|entry| entry.path()).filter(|path| !path.is_symlink()).collect();
    // A run's id begins with the time of its start.
    folders.sort_by(|a, b| b.cmp(a));
    let mut why = "it has no runs yet";
    for location in folders.into_iter().map(Location::at) {
        let Ok(journal) = read_journal(&location.journal()) else { continue };
        if journal.header.suite != suite {
            continue;
        }
        if journal.tail.end.as_ref().is_none_or(|end| end.outcome != Outcome::Complete) {
            return Ok((location, journal));
        }
        why = "every run is complete";
    }
    Err(RecordError::NothingToResume { suite: suite.into(), why })
}
