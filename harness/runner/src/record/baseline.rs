//! Baselines: copies of run records under a name, in `baselines/` beside the runs. A baseline is
//! complete or absent.

use super::location::{BASELINES, Location, RecordError, home};
use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The longest name, in bytes.
const NAME_LEN_MAX: usize = 100;

/// The name of a baseline, which is also the name of its folder.
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
            true => Ok(Self(name.into())),
            false => Err(format!(
                "use A–Z a–z 0–9 . _ -, no dot at the start, at most {NAME_LEN_MAX} characters, \
                 as in main or v1.2"
            )),
        }
    }
}

/// The baseline of this name.
///
/// # Errors
/// If there is none.
pub(crate) fn resolve_baseline(name: &BaselineName) -> Result<Location, RecordError> {
    let location = Location::at(name.folder());
    if location.journal().is_file() {
        return Ok(location);
    }
    let entries = fs::read_dir(home().join(BASELINES)).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut known: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    known.sort();
    let known = if known.is_empty() { "none yet".into() } else { known.join(", ") };
    Err(RecordError::NoBaseline { name: name.as_str().into(), known })
}

/// Copies a run's record to the baseline of this name, replacing an earlier one.
///
/// # Errors
/// If it cannot be written. An earlier baseline then stays.
pub(crate) fn save_baseline(run: &Location, name: &BaselineName) -> Result<(), RecordError> {
    let saved = Location::at(name.folder());
    let all = home().join(BASELINES);
    // No baseline has a name with a leading dot.
    let temporary = Location::at(all.join(format!(".{}-{}", name.as_str(), std::process::id())));
    let save = || {
        remove(temporary.folder())?;
        fs::create_dir_all(temporary.folder())?;
        for (from, to) in
            [(run.journal(), temporary.journal()), (run.summary(), temporary.summary())]
        {
            fs::copy(from, &to)?;
            File::open(to)?.sync_all()?;
        }
        put_in_place(temporary.folder(), saved.folder())?;
        File::open(&all)?.sync_all()
    };
    let written = save();
    remove(temporary.folder()).ok();
    written.map_err(|source| RecordError::Write { path: saved.folder().into(), source })
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

    #[test]
    fn name_is_a_visible_folder_name() {
        for name in ["main", "v1.2", "A_b-c", &"x".repeat(NAME_LEN_MAX)] {
            assert_eq!(name.parse::<BaselineName>().unwrap().as_str(), name);
        }
        for name in ["", ".", "..", ".main", "a/b", "a b", "ä", &"x".repeat(NAME_LEN_MAX + 1)] {
            assert!(name.parse::<BaselineName>().is_err(), "{name}");
        }
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
        put_in_place(&old, &folder.path().join("fresh")).unwrap();
        assert!(!old.exists());
    }
}
