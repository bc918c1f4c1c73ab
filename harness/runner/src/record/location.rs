//! Where runs are on disk: `target/sevbench/<run-id>/`, and the link `latest` to the newest one.

use serde_json::Value;
use sevbench_guest::{ask_executable, typed_folder};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use thiserror::Error;

/// The variable that overrides the folder of all runs.
const HOME_VARIABLE: &str = "SEVBENCH_HOME";

/// The file by which cargo marks its target folder.
const TARGET_TAG: &str = "CACHEDIR.TAG";

/// Cargo sets it for what it starts: the cargo that does.
const CARGO_VARIABLE: &str = "CARGO";

/// The journal in a run's folder.
pub(super) const JOURNAL: &str = "run.ndjson";

/// The link to the newest run that recorded a round.
pub(super) const LATEST: &str = "latest";

/// The folder of all baselines, inside that of all runs.
pub(super) const BASELINES: &str = "baselines";

/// How many ids are tried for runs that start in the same second.
const ATTEMPTS_MAX: u32 = 100;

/// A record that could not be written or found.
#[derive(Debug, Error)]
pub(crate) enum RecordError {
    #[error(
        "cannot make {}: {source}; {}",
        path.display(),
        write_remedy(source)
    )]
    Make { path: PathBuf, source: io::Error },
    #[error(
        "cannot write {}: {source}; {}",
        path.display(),
        write_remedy(source)
    )]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "there is no baseline `{name}` of the suite `{suite}`; existing baselines: {known}; save one \
         with --save-baseline {name}"
    )]
    NoBaseline { name: String, suite: String, known: String },
    #[error(
        "cannot save a baseline: {} is something else; remove it, or choose another name with \
         --save-baseline",
        path.display()
    )]
    NotABaseline { path: PathBuf },
    #[error("the suite `{suite}` has no run to continue: start one without --resume")]
    NothingToResume { suite: String },
    #[error("{}", no_result(*has_runs))]
    NoResult { has_runs: bool },
    #[error(
        "the baseline `{name}` holds runs of several suites: name one of {}",
        suites.iter().map(|suite| format!("{name}/{suite}")).collect::<Vec<_>>().join(", ")
    )]
    SeveralSuites { name: String, suites: Vec<String> },
    #[error(
        "`{name}` names no run, no baseline and no table; existing runs and baselines: {known}"
    )]
    NoRun { name: String, known: String },
}

/// What to do about a record that cannot be written.
pub(crate) fn write_remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space or set SEVBENCH_HOME to another folder"
        }
        _ => "set SEVBENCH_HOME to a folder in which you can write",
    }
}

const fn no_result(has_runs: bool) -> &'static str {
    match has_runs {
        true => "no run has a result: name a run to see why it failed, or make a new one",
        false => "there is no run yet; make one with `cargo bench --bench NAME`",
    }
}

/// The folder of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    folder: PathBuf,
}

impl Location {
    /// Makes the folder of a new run. `stamp` names its start and its suite.
    pub(crate) fn create(stamp: &str) -> Result<Self, RecordError> {
        let home = home();
        let make = |source| RecordError::Make { path: home.clone(), source };
        fs::create_dir_all(&home).map_err(make)?;
        for attempt in 1..=ATTEMPTS_MAX {
            let id = if attempt == 1 { stamp.to_owned() } else { format!("{stamp}-{attempt}") };
            match fs::create_dir(home.join(&id)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(make(error)),
                Ok(()) => return Ok(Self { folder: home.join(id) }),
            }
        }
        Err(make(io::ErrorKind::AlreadyExists.into()))
    }

    /// The folder of a record, which need not exist yet.
    pub(super) const fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The run's id: the name of its folder.
    pub(crate) fn id(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.join(JOURNAL)
    }

    /// The folder of the guests' console logs.
    pub(crate) fn consoles(&self) -> PathBuf {
        self.folder.join("console")
    }

    pub(crate) fn summary(&self) -> PathBuf {
        self.folder.join("summary.json")
    }

    /// Makes `latest` link here, atomically.
    pub(super) fn link_latest(&self) -> Result<(), RecordError> {
        let home = self.folder.parent().unwrap_or(Path::new("."));
        let temporary = home.join(format!(".{LATEST}-{}", std::process::id()));
        let link = || {
            symlink(self.id(), &temporary)?;
            fs::rename(&temporary, home.join(LATEST))
        };
        link().map_err(|source| {
            fs::remove_file(&temporary).ok();
            RecordError::Write { path: home.join(LATEST), source }
        })
    }
}

/// Cargo's target folder, which holds the runs.
static TARGET: OnceLock<PathBuf> = OnceLock::new();

/// Keeps runs in cargo's target folder `target`. The first call decides.
pub fn keep_runs_in(target: &Path) {
    TARGET.get_or_init(|| target.into());
}

/// Keeps runs in the target folder of this executable.
pub(crate) fn keep_runs_beside(executable: &Path) {
    TARGET.get_or_init(|| target_of(executable));
}

/// The target folder of the project in the working folder. `None` without one, or without cargo.
pub fn target_of_project() -> Option<PathBuf> {
    let cargo = std::env::var_os(CARGO_VARIABLE).unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--no-deps", "--format-version", "1"];
    let answer = ask_executable(Path::new(&cargo), &arguments).ok()?;
    let metadata: Value = serde_json::from_str(&answer).ok()?;
    metadata["target_directory"].as_str().map(PathBuf::from)
}

/// The target folder of an executable: that of the project if cargo started this process, since
/// cargo may build elsewhere. Otherwise the outermost folder around it that cargo has marked, or
/// else `target` in the folder in which the command was typed.
fn target_of(executable: &Path) -> PathBuf {
    if std::env::var_os(CARGO_VARIABLE).is_some()
        && let Some(target) = target_of_project()
    {
        return target;
    }
    let absolute = fs::canonicalize(executable).unwrap_or_else(|_| executable.into());
    let target = absolute.ancestors().filter(|folder| folder.join(TARGET_TAG).is_file()).last();
    target.map_or_else(|| typed_folder().join("target"), Path::to_path_buf)
}

/// The folder of all runs: the variable's, or `sevbench` in cargo's target folder.
pub(super) fn home() -> PathBuf {
    if let Some(home) = std::env::var_os(HOME_VARIABLE).filter(|home| !home.is_empty()) {
        return typed_folder().join(home);
    }
    let own = || target_of(&std::env::current_exe().unwrap_or_default());
    TARGET.get_or_init(own).join("sevbench")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_on_a_record_that_cannot_be_written_fits_the_error() {
        let advice = |number| write_remedy(&io::Error::from_raw_os_error(number));
        for full in [libc::ENOSPC, libc::EDQUOT] {
            assert_eq!(advice(full), "free some space or set SEVBENCH_HOME to another folder");
        }
        for closed in [libc::EACCES, libc::EROFS, libc::EIO] {
            assert_eq!(advice(closed), "set SEVBENCH_HOME to a folder in which you can write");
        }
    }
}
