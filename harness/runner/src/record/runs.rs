//! The recorded runs in order, and which of them a command without a name means.

use super::event::{EndRecord, Event};
use super::header::Header;
use super::journal::{JournalError, read_end, read_header, stream_journal};
use super::location::{Location, RecordError, home};
use crate::stderr::tell;
use sevbench_reports::Outcome;
use sevbench_text::counted;
use std::fs;
use std::ops::ControlFlow;

/// How many runs that cannot be read are named one by one.
const UNREADABLE_SHOWN_MAX: usize = 3;

/// A recorded run.
pub(super) struct RecordedRun {
    pub location: Location,
    pub header: Header,
}

/// All runs with a readable header, newest first.
///
/// Their numbers decide, since a clock can be set back. Older records have no number; among them
/// the start decides.
pub(super) fn recorded_runs() -> Vec<RecordedRun> {
    let runs = run_folders().filter_map(|location| {
        let header = read_header(&location.journal()).ok()?;
        Some(RecordedRun { location, header })
    });
    let mut runs: Vec<RecordedRun> = runs.collect();
    let key =
        |run: &RecordedRun| (run.header.number, run.header.started.clone(), run.location.id());
    runs.sort_by_key(|run| std::cmp::Reverse(key(run)));
    runs
}

fn run_folders() -> impl Iterator<Item = Location> {
    let entries = fs::read_dir(home()).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| !path.is_symlink()).map(Location::at)
}

/// Warns of runs whose header cannot be read. They may be what the user means, and are in no list.
///
/// Returns whether there are any.
pub(crate) fn warn_of_unreadable_runs() -> bool {
    let journals = run_folders().map(|run| run.journal()).filter(|journal| {
        // A folder without one is no run.
        fs::symlink_metadata(journal).is_ok()
    });
    let mut errors = journals.filter_map(|journal| read_header(&journal).err()).peekable();
    let any = errors.peek().is_some();
    for error in errors.by_ref().take(UNREADABLE_SHOWN_MAX) {
        tell(&format!("warning: this run is left out: {error}"));
    }
    match errors.count() {
        0 => {}
        more => tell(&format!("warning: {} left out too", counted(more as u64, "more run"))),
    }
    any
}

/// The number of the next run.
pub(crate) fn next_number() -> u64 {
    recorded_runs().first().map_or(1, |run| run.header.number.saturating_add(1))
}

/// The newest run that has a value, so that a run that was killed counts and one that never reached
/// its guests does not.
///
/// # Errors
/// If there is none.
pub(super) fn newest_run() -> Result<Location, RecordError> {
    let runs = recorded_runs();
    let has_runs = !runs.is_empty();
    let newest = runs.into_iter().find(|run| has_value(&run.location).is_ok_and(|has| has));
    newest.map(|run| run.location).ok_or(RecordError::NoResult { has_runs })
}

/// Makes `latest` link to the newest run that has a value. Without one, there is no link to make.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn link_newest() -> Result<(), RecordError> {
    match newest_run() {
        Ok(newest) => newest.link_latest(),
        Err(RecordError::NoResult { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether a run has at least one round.
fn has_value(run: &Location) -> Result<bool, JournalError> {
    let mut has_value = false;
    stream_journal(&run.journal(), &mut |event| match event {
        Event::Round(_) => {
            has_value = true;
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    })?;
    Ok(has_value)
}

/// The newest unfinished run of a suite. `None` if every run is complete.
///
/// # Errors
/// If it has no runs.
pub(crate) fn find_unfinished(suite: &str) -> Result<Option<Location>, RecordError> {
    let mut has_runs = false;
    for run in recorded_runs().into_iter().filter(|run| run.header.suite == suite) {
        let end = read_end(&run.location.journal());
        if !end.is_ok_and(|end| end.is_some_and(|end| is_complete(&end))) {
            return Ok(Some(run.location));
        }
        has_runs = true;
    }
    match has_runs {
        true => Ok(None),
        false => Err(RecordError::NothingToResume { suite: suite.into() }),
    }
}

fn is_complete(end: &EndRecord) -> bool {
    end.outcome == Outcome::Complete
}
