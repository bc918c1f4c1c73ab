//! Baselines: copies of run records, one for each name and suite, in `baselines/` beside the runs.
//! A baseline is complete or absent.

use super::journal::read_header;
use super::journal_writer::sync_folder;
use super::location::{BASELINES, JOURNAL, LATEST, Location, RecordError, home};
use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// A save that began longer ago than this was killed.
const SAVE_LIMIT: Duration = Duration::from_secs(3600);

/// The longest name, in bytes.
const NAME_LEN_MAX: usize = 100;

/// The name of a baseline, which is also the name of its folder. Each suite has a run of its own
/// there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaselineName(String);

impl BaselineName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn folder(&self) -> PathBuf {
        home().join(BASELINES).join(&self.0)
    }
}

impl FromStr for BaselineName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let usable = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let is_name = !name.is_empty()
            && name.len() <= NAME_LEN_MAX
            && !name.starts_with('.')
            && name.chars().all(usable);
        match is_name {
            _ if name == LATEST => {
                Err(format!("`{LATEST}` is the newest run: choose another name"))
            }
            true => Ok(Self(name.into())),
            false => Err(format!(
                "use A–Z a–z 0–9 . _ -, no dot at the start, at most {NAME_LEN_MAX} characters, \
                 such as main or v1.2"
            )),
        }
    }
}

/// A suite's baseline of this name.
///
/// # Errors
/// If there is none.
pub(crate) fn resolve_baseline(name: &BaselineName, suite: &str) -> Result<Location, RecordError> {
    let location = Location::at(name.folder().join(suite));
    if location.journal().is_file() {
        return Ok(location);
    }
    let older = Location::at(name.folder());
    if read_header(&older.journal()).is_ok_and(|header| header.suite == suite) {
        return Ok(older);
    }
    let known = baselines();
    let known = if known.is_empty() { "none yet".into() } else { known.join(", ") };
    Err(RecordError::NoBaseline { name: name.as_str().into(), suite: suite.into(), known })
}

/// The baseline that `name` or `name/suite` means, if there is one.
///
/// # Errors
/// If a name without a suite is that of several suites.
pub(super) fn baseline_named(name: &str) -> Result<Option<Location>, RecordError> {
    let folder = home().join(BASELINES).join(name);
    let suites = suites_in(&folder);
    if folder.join(JOURNAL).is_file() {
        return Ok(Some(Location::at(folder)));
    }
    match suites.as_slice() {
        [] => Ok(None),
        [suite] => Ok(Some(Location::at(folder.join(suite)))),
        _ => Err(RecordError::SeveralSuites { name: name.into(), suites }),
    }
}

/// All baselines, each as `name/suite`, and those of an older version as `name`.
pub(super) fn baselines() -> Vec<String> {
    let all = home().join(BASELINES);
    let of_name = |name: String| {
        let older = all.join(&name).join(JOURNAL).is_file().then(|| name.clone());
        let suites =
            suites_in(&all.join(&name)).into_iter().map(move |suite| format!("{name}/{suite}"));
        older.into_iter().chain(suites).collect::<Vec<_>>()
    };
    names_in(&all).into_iter().flat_map(of_name).collect()
}

fn suites_in(folder: &Path) -> Vec<String> {
    let mut suites = names_in(folder);
    suites.retain(|suite| folder.join(suite).join(JOURNAL).is_file());
    suites
}

/// The visible entries of a folder, sorted.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// Refuses a name that no baseline can be saved under, before anything is measured.
///
/// # Errors
/// If something else is in the way.
pub(crate) fn check_baseline_name(name: &BaselineName, suite: &str) -> Result<(), RecordError> {
    let in_the_way = |path: &Path| match fs::symlink_metadata(path) {
        Ok(found) => !found.is_dir(),
        Err(_) => false,
    };
    let (folder, all) = (name.folder(), home().join(BASELINES));
    let saved = folder.join(suite);
    let obstacle = [&all, &folder, &saved].into_iter().find(|path| in_the_way(path));
    // What is no baseline is not ours to replace.
    let has_other = saved.is_dir()
        && !saved.join(JOURNAL).is_file()
        && fs::read_dir(&saved).is_ok_and(|mut entries| entries.next().is_some());
    match obstacle.or_else(|| has_other.then_some(&saved)) {
        Some(path) => Err(RecordError::NotABaseline { path: path.clone() }),
        None => Ok(()),
    }
}

/// Copies a run's record to its suite's baseline of this name, replacing an earlier one.
///
/// # Errors
/// If it cannot be written. An earlier baseline then stays.
pub(crate) fn save_baseline(
    run: &Location,
    suite: &str,
    name: &BaselineName,
) -> Result<(), RecordError> {
    let saved = Location::at(name.folder().join(suite));
    let all = home().join(BASELINES);
    // No baseline has a name with a leading dot.
    let temporary = Location::at(all.join(format!(".{}-{}", name.as_str(), std::process::id())));
    let save = || {
        remove_abandoned(&all);
        remove(temporary.folder())?;
        fs::create_dir_all(temporary.folder())?;
        for (from, to) in
            [(run.journal(), temporary.journal()), (run.summary(), temporary.summary())]
        {
            fs::copy(from, &to)?;
            File::open(to)?.sync_all()?;
        }
        fs::create_dir_all(name.folder())?;
        move_older(name)?;
        put_in_place(temporary.folder(), saved.folder())?;
        sync_folder(&name.folder())?;
        sync_folder(&all)
    };
    let written = save();
    remove(temporary.folder()).ok();
    written.map_err(|source| RecordError::Write { path: saved.folder().into(), source })
}

/// Removes what saves that were killed left behind.
fn remove_abandoned(all: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix('.').and_then(|name| name.rsplit_once('-'));
        let is_ours = process.is_some_and(|(_, id)| id.parse::<u32>().is_ok());
        let is_old = entry
            .metadata()
            .and_then(|found| found.modified())
            .is_ok_and(|at| at.elapsed().is_ok_and(|age| age > SAVE_LIMIT));
        if is_ours && is_old {
            remove(&entry.path()).ok();
        }
    }
}

/// Moves a baseline of an older version, which has no folder for its suite, into one.
fn move_older(name: &BaselineName) -> io::Result<()> {
    let older = Location::at(name.folder());
    let Ok(header) = read_header(&older.journal()) else { return Ok(()) };
    let moved = Location::at(name.folder().join(header.suite));
    if moved.journal().exists() {
        return Ok(());
    }
    fs::create_dir_all(moved.folder())?;
    if older.summary().exists() {
        fs::rename(older.summary(), moved.summary())?;
    }
    fs::rename(older.journal(), moved.journal())
}

/// Renames `from` to `to`. An existing `to` is swapped with it, atomically if the file system can.
fn put_in_place(from: &Path, to: &Path) -> io::Result<()> {
    if !to.exists() {
        return fs::rename(from, to);
    }
    match exchange(from, to) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) => {
            let aside = from.with_extension("old");
            fs::rename(to, &aside)?;
            // If the new one cannot be put there, the old one is put back.
            fs::rename(from, to).inspect_err(|_| _ = fs::rename(&aside, to))?;
            remove(&aside)
        }
        result => result,
    }
}

fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    let (one, other) =
        (CString::new(one.as_os_str().as_bytes())?, CString::new(other.as_os_str().as_bytes())?);
    // SAFETY: both pointers are to null-terminated strings that outlive the call, which keeps
    // neither.
    let status = unsafe {
        libc::renameat2(
            libc::AT_FDCWD,
            one.as_ptr(),
            libc::AT_FDCWD,
            other.as_ptr(),
            libc::RENAME_EXCHANGE,
        )
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn name_is_a_visible_folder_name() {
        for name in ["main", "v1.2", "A_b-c", &"x".repeat(NAME_LEN_MAX)] {
            assert_eq!(name.parse::<BaselineName>().unwrap().as_str(), name);
        }
        for name in
            ["", ".", "..", ".main", "latest", "a/b", "a b", "ä", &"x".repeat(NAME_LEN_MAX + 1)]
        {
            assert!(name.parse::<BaselineName>().is_err(), "{name}");
        }
    }

    #[test]
    fn what_a_killed_save_left_is_removed_after_an_hour() {
        let all = tempfile::tempdir().unwrap();
        let an_hour_ago = SystemTime::now() - SAVE_LIMIT - Duration::from_secs(1);
        for (name, is_old) in [(".main-17", true), (".main-18", false), ("main-19", true)] {
            let folder = all.path().join(name);
            fs::create_dir(&folder).unwrap();
            if is_old {
                File::open(folder).unwrap().set_modified(an_hour_ago).unwrap();
            }
        }
        remove_abandoned(all.path());
        assert_eq!(names_in(all.path()), ["main-19"]);
        assert!(!all.path().join(".main-17").exists());
        assert!(all.path().join(".main-18").exists());
    }

    #[test]
    fn existing_folder_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        for (path, text) in [(&old, "old"), (&new, "new")] {
            fs::create_dir(path).unwrap();
            fs::write(path.join("file"), text).unwrap();
        }
        put_in_place(&new, &old).unwrap();
        assert_eq!(fs::read_to_string(old.join("file")).unwrap(), "new");
        // They were exchanged, so at no moment was there none.
        assert_eq!(fs::read_to_string(new.join("file")).unwrap(), "old");
        put_in_place(&old, &folder.path().join("fresh")).unwrap();
        assert!(!old.exists());
    }
}
