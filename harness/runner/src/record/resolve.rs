//! Finds the record that a user names.

use super::baseline::{baseline_named, baselines};
use super::location::{JOURNAL, LATEST, Location, RecordError, home};
use super::runs::{newest_run, warn_of_unreadable_runs};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// How many runs are named if the user's name fits none.
const KNOWN_MAX: usize = 10;

/// Finds the record that a user names: by a run's id, a baseline's name, or the path to the folder
/// or the journal of either. Without a name, or with `latest`, the newest run that has a value.
pub(crate) fn resolve_run(name: Option<&OsStr>) -> Result<Location, RecordError> {
    let Some(name) = name.filter(|name| *name != LATEST) else {
        warn_of_unreadable_runs();
        return newest_run();
    };
    let home = home();
    for folder in [PathBuf::from(name), home.join(name)] {
        let folder = if folder.is_file() {
            folder.parent().map(Path::to_path_buf).unwrap_or_default()
        } else {
            folder
        };
        if folder.join(JOURNAL).is_file() {
            return Ok(Location::at(fs::canonicalize(&folder).unwrap_or(folder)));
        }
    }
    // The names of baselines are UTF-8.
    let name = name.to_string_lossy();
    if let Some(baseline) = baseline_named(&name)? {
        return Ok(baseline);
    }
    let mut known: Vec<String> = fs::read_dir(&home)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join(JOURNAL).is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    known.sort();
    let older = known.len().saturating_sub(KNOWN_MAX);
    known.drain(..older);
    if older > 0 {
        known.insert(0, format!("{older} older runs"));
    }
    known.extend(baselines());
    let known = if known.is_empty() {
        "none yet; make one with `cargo bench --bench NAME`".into()
    } else {
        known.join(", ")
    };
    Err(RecordError::NoRun { name: name.into(), known })
}
