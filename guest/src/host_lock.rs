//! Allows one run with guests at a time on a host, and notices loopback runs beside each other. A
//! lock is a file that anybody can see and read; the kernel releases it when its holder ends.

use crate::limits::Interrupt;
use crate::wait::Wait;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use thiserror::Error;

/// Folders that every user can write to, the best first. Some systems close the first one.
const FOLDERS: [&str; 2] = ["/run/lock", "/tmp"];
/// The lock of runs with guests.
const GUESTS: &str = "sevbench-guests.lock";
/// The lock of runs without guests.
const LOOPBACK: &str = "sevbench-loopback.lock";
/// How long to wait for a run that is just ending.
const ENDING_LIMIT: Duration = Duration::from_secs(3);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Held for as long as guests may run.
#[derive(Debug)]
pub(crate) struct HostLock {
    _file: File,
}

/// A lock that was not taken.
#[derive(Debug, Error)]
pub enum HostLockError {
    /// Another run has guests on this host.
    #[error(
        "{owner} has guests on this host, and two runs at once would disturb each other: wait until \
         it has finished, or type `cargo sevbench guest down` if that process holds a guest; a bench \
         run with --share-host goes on regardless"
    )]
    Busy {
        /// The process that has the lock, and its user.
        owner: String,
    },
    /// The wait was cancelled.
    #[error("interrupted")]
    Interrupted,
    /// The lock cannot be used.
    #[error("cannot take the lock for guests on this host, {}: {source}", path.display())]
    Failed {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl HostLock {
    /// Takes the lock of runs with guests. Waits briefly for a run that is just ending.
    ///
    /// # Errors
    /// If another process holds it; the error names that process. If the lock cannot be used.
    pub(crate) fn take(interrupt: &Interrupt) -> Result<Self, HostLockError> {
        Self::take_at(&path_of(GUESTS), interrupt)
    }

    fn take_at(path: &Path, interrupt: &Interrupt) -> Result<Self, HostLockError> {
        let failed = |source| HostLockError::Failed { path: path.into(), source };
        let file = open(path).map_err(failed)?;
        let wait = Wait::new(interrupt, ENDING_LIMIT);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) if interrupt.is_set() => {
                    return Err(HostLockError::Interrupted);
                }
                Err(TryLockError::WouldBlock) if wait.slice().is_err() => {
                    return Err(HostLockError::Busy { owner: owner_of(&file) });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(POLL_INTERVAL),
            }
        }
    }

    /// Takes the lock of runs without guests, which disturb each other only a little. Returns who
    /// holds it instead, if somebody does.
    pub(crate) fn take_loopback() -> Result<Option<Self>, String> {
        let Ok(file) = open(&path_of(LOOPBACK)) else { return Ok(None) };
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Err(owner_of(&file)),
            Err(TryLockError::Error(_)) => Ok(None),
        }
    }
}

/// The path of a lock: the same for every user, in a folder that each can write to.
fn path_of(name: &str) -> PathBuf {
    let is_open = |folder: &&str| {
        fs::metadata(folder).is_ok_and(|folder| folder.is_dir() && folder.mode() & 0o002 != 0)
    };
    Path::new(FOLDERS.into_iter().find(is_open).unwrap_or("/tmp")).join(name)
}

/// Opens a lock's file, which need not exist yet. Never through a symbolic link, and for reading
/// only, since it may be somebody else's.
fn open(path: &Path) -> io::Result<File> {
    let read = || {
        OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
    };
    let file = match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match OpenOptions::new().write(true).create_new(true).mode(0o644).open(path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => read()?,
            }
        }
        opened => opened?,
    };
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

/// Describes the process that holds the lock of a file, from the kernel's list of locks.
fn owner_of(file: &File) -> String {
    let inode = file.metadata().map_or(0, |metadata| metadata.ino());
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let Some(id) = holder_in(&locks, inode) else { return "another process".into() };
    let folder = PathBuf::from(format!("/proc/{id}"));
    let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
    let user = fs::metadata(&folder).map_or_else(|_| "?".into(), |owner| owner.uid().to_string());
    format!("process {id} ({}, user {user})", sevbench_text::one_line(name.trim()))
}

/// The process that holds a `flock` on this inode.
fn holder_in(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", id, place, ..] = fields[..] else { return None };
        let of_inode = place.rsplit(':').next()?.parse() == Ok(inode);
        // A process of another namespace has the number 0 here.
        of_inode.then(|| id.parse().ok().filter(|id| *id != 0))?
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn holder_of_a_lock_is_found_and_described() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let (first, second) = (open(&path).unwrap(), open(&path).unwrap());
        first.try_lock().unwrap();
        assert!(matches!(second.try_lock(), Err(TryLockError::WouldBlock)));
        let owner = owner_of(&second);
        assert!(owner.contains(&format!("process {} (", std::process::id())), "{owner}");
        // SAFETY: it takes nothing and cannot fail.
        let user = unsafe { libc::geteuid() };
        assert!(owner.ends_with(&format!(", user {user})")), "{owner}");
        drop(first);
        // A child that another test is about to start may have inherited it until its exec.
        second.lock().unwrap();
    }

    #[test]
    fn wait_for_a_lock_ends_with_an_interrupt_or_names_the_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let interrupt = Interrupt::new();
        let held = HostLock::take_at(&path, &interrupt).unwrap();
        let busy = HostLock::take_at(&path, &interrupt).unwrap_err().to_string();
        assert!(busy.contains(&format!("process {} (", std::process::id())), "{busy}");
        interrupt.set();
        let interrupted = HostLock::take_at(&path, &interrupt);
        assert!(matches!(interrupted, Err(HostLockError::Interrupted)), "{interrupted:?}");
        drop(held);
        HostLock::take_at(&path, &Interrupt::new()).unwrap();
    }

    #[test]
    fn neither_links_nor_pipes_are_locks() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
        assert!(open(&link).is_err());
        let dangling = folder.path().join("dangling");
        std::os::unix::fs::symlink(folder.path().join("target"), &dangling).unwrap();
        assert!(open(&dangling).is_err() && !folder.path().join("target").exists());
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(open(&pipe).is_err());
    }

    #[test]
    fn list_of_locks_is_parsed() {
        let locks = "1: OFDLCK ADVISORY  READ -1 fe:00:7 203 203\n\
                     2: FLOCK  ADVISORY  WRITE 41 fe:00:8 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 42 fe:00:7 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 43 fe:00:7 0 EOF\n";
        assert_eq!(holder_in(locks, 7), Some(43));
        assert_eq!((holder_in(locks, 9), holder_in("garbage", 7)), (None, None));
    }
}
