//! Folders of servers that were killed. A server holds a lock on its folder for as long as it
//! lives, so the next one can tell which folders nobody needs.

use super::HOME_PREFIX;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// The age below which a folder may belong to a server that has not locked it yet.
const AGE_MIN: Duration = Duration::from_secs(60);
/// The most entries of the folder for temporary files that are looked at.
const ENTRIES_MAX: usize = 10_000;

/// Locks a server's folder until the returned file is closed.
pub(super) fn claim(home: &Path) -> io::Result<File> {
    let folder = open(home)?;
    folder.try_lock()?;
    Ok(folder)
}

/// Removes the folders of servers that are gone. Best effort.
pub(super) fn sweep(temporary: &Path) {
    let Ok(entries) = fs::read_dir(temporary) else { return };
    for entry in entries.take(ENTRIES_MAX).flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(HOME_PREFIX)) {
            remove(&entry.path(), AGE_MIN).ok();
        }
    }
}

/// Removes a folder of this user that is old enough and that no server has locked.
fn remove(path: &Path, age_min: Duration) -> io::Result<()> {
    let folder = open(path)?;
    let metadata = folder.metadata()?;
    let age = metadata.modified()?.elapsed().map_err(io::Error::other)?;
    // SAFETY: it takes nothing and cannot fail.
    let is_own = metadata.uid() == unsafe { libc::geteuid() };
    if !is_own || age < age_min {
        return Ok(());
    }
    // It is locked until it is gone.
    folder.try_lock()?;
    fs::remove_dir_all(path)
}

/// Opens a folder, and follows no link to it.
fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn folder_is_removed_once_nobody_holds_it() {
        let temporary = tempfile::tempdir().unwrap();
        let home = temporary.path().join(format!("{HOME_PREFIX}x"));
        fs::create_dir_all(home.join("sub")).unwrap();
        fs::write(home.join("sub/file"), "content").unwrap();
        sweep(temporary.path());
        assert!(home.exists(), "it is too young");
        let held = claim(&home).unwrap();
        assert!(remove(&home, Duration::ZERO).is_err() && home.exists());
        drop(held);
        remove(&home, Duration::ZERO).unwrap();
        assert!(!home.exists());
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), &home).unwrap();
        assert!(remove(&home, Duration::ZERO).is_err() && elsewhere.path().exists());
    }
}
