//! Writes a journal: appended as things happen, one write for each line, and synced to the disk.

use super::event::Event;
use super::header::Header;
use super::journal::JournalError;
use super::lines::LINE_LEN_MAX;
use super::seal::seal;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A power failure loses at most the events of this time.
const SYNC_INTERVAL: Duration = Duration::from_secs(2);
/// The size of a read in the search for the end of the last whole line.
const PIECE_LEN: usize = 4096;

/// The file that a journal is written to. Tests replace it by one that fails.
pub(crate) trait JournalFile {
    /// Appends these bytes.
    ///
    /// # Errors
    /// If not all of them could be appended. Some may have been.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Waits until everything appended so far is on the disk.
    ///
    /// # Errors
    /// If that is not certain.
    fn sync(&mut self) -> io::Result<()>;

    /// Waits until the file itself is on the disk: its entry in its folder, and that folder's.
    ///
    /// # Errors
    /// If that is not certain.
    fn sync_entries(&mut self) -> io::Result<()>;

    /// Cuts off a last line that has no line feed. Returns whether there was one.
    ///
    /// # Errors
    /// If the file cannot be read or cut.
    fn cut_torn_line(&mut self) -> io::Result<bool>;

    /// A path that leads to the open file even after it was moved or removed, if there is one.
    fn open_path(&self) -> Option<PathBuf> {
        None
    }
}

/// A file at this path.
struct StoredFile {
    file: File,
    path: PathBuf,
}

impl JournalFile for StoredFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_entries(&mut self) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        [Some(folder), folder.parent()].into_iter().flatten().try_for_each(sync_folder)
    }

    fn cut_torn_line(&mut self) -> io::Result<bool> {
        let len = self.file.metadata()?.len();
        let whole = whole_len(&mut self.file, len)?;
        self.file.set_len(whole)?;
        Ok(whole < len)
    }

    fn open_path(&self) -> Option<PathBuf> {
        Some(PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd())))
    }
}

/// Appends events. While it exists, no other process appends to the same journal.
pub(crate) struct JournalWriter {
    path: PathBuf,
    file: Box<dyn JournalFile>,
    synced: Instant,
}

impl JournalWriter {
    /// Creates a journal and writes its header, so that both survive a power failure.
    pub(crate) fn create(path: &Path, header: &Header) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Write { path: path.into(), source };
        let file = OpenOptions::new().append(true).create_new(true).open(path).map_err(failed)?;
        // On a file system without locks, nothing guards the journal.
        file.try_lock().ok();
        let mut writer = Self::on(path, Box::new(StoredFile { file, path: path.into() }));
        writer.begin(header)?;
        Ok(writer)
    }

    /// Opens an existing journal to append to it.
    pub(crate) fn open(path: &Path) -> Result<Self, JournalError> {
        let file =
            OpenOptions::new().read(true).append(true).custom_flags(libc::O_NONBLOCK).open(path);
        let file = file.map_err(|source| JournalError::Write { path: path.into(), source })?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(JournalError::InUse { path: path.into() }),
            Ok(()) | Err(TryLockError::Error(_)) => {
                Ok(Self::on(path, Box::new(StoredFile { file, path: path.into() })))
            }
        }
    }

    /// Appends to this file, which has this path in messages.
    pub(crate) fn on(path: &Path, file: Box<dyn JournalFile>) -> Self {
        Self { path: path.into(), file, synced: Instant::now() }
    }

    /// Writes the header of a new journal, and waits until it and the file are on the disk.
    pub(crate) fn begin(&mut self, header: &Header) -> Result<(), JournalError> {
        self.append(&Event::Header(Box::new(header.clone())))?;
        self.sync()?;
        let failed = |source| JournalError::Write { path: self.path.clone(), source };
        self.file.sync_entries().map_err(failed)
    }

    /// Cuts off a torn last line. Returns whether there was one.
    pub(crate) fn cut_torn_line(&mut self) -> Result<bool, JournalError> {
        let cut = self.file.cut_torn_line();
        cut.map_err(|source| JournalError::Write { path: self.path.clone(), source })
    }

    /// The journal's file, wherever it was moved to meanwhile.
    pub(crate) fn path(&self) -> PathBuf {
        let is_there = self.path.exists();
        let open_path = self.file.open_path().filter(|_| !is_there);
        open_path.unwrap_or_else(|| self.path.clone())
    }

    /// Appends an event with one write of one line. A kill leaves the line whole or torn, never
    /// mixed. A line that readers would refuse is not written.
    pub(crate) fn append(&mut self, event: &Event) -> Result<(), JournalError> {
        let failed = |source| JournalError::Write { path: self.path.clone(), source };
        let mut line = serde_json::to_vec(event).map_err(|error| failed(error.into()))?;
        seal(&mut line);
        line.push(b'\n');
        if line.len() > LINE_LEN_MAX {
            return Err(JournalError::TooLong { path: self.path.clone(), len: line.len() });
        }
        self.file.append(&line).map_err(failed)?;
        if self.synced.elapsed() >= SYNC_INTERVAL { self.sync() } else { Ok(()) }
    }

    /// Waits until everything is on the disk.
    pub(crate) fn sync(&mut self) -> Result<(), JournalError> {
        let failed = |source| JournalError::Write { path: self.path.clone(), source };
        self.file.sync().map_err(failed)?;
        self.synced = Instant::now();
        Ok(())
    }
}

/// Waits until the entries of a folder are on the disk, where the file system can do that.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    match File::open(folder)?.sync_all() {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        result => result,
    }
}

/// The length of a file without an unterminated last line. It searches from the end.
fn whole_len(file: &mut File, len: u64) -> io::Result<u64> {
    let mut piece = [0; PIECE_LEN];
    let mut end = len;
    while end > 0 {
        let start = end.saturating_sub(PIECE_LEN as u64);
        let piece = &mut piece[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(piece)?;
        if let Some(position) = piece.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + position as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use crate::record::ResumedRecord;
    use std::cell::Cell;
    use std::rc::Rc;

    struct Counting(Rc<Cell<u32>>);

    impl JournalFile for Counting {
        fn append(&mut self, _: &[u8]) -> io::Result<()> {
            Ok(())
        }

        fn sync(&mut self) -> io::Result<()> {
            self.0.set(self.0.get() + 1);
            Ok(())
        }

        fn sync_entries(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn cut_torn_line(&mut self) -> io::Result<bool> {
            Ok(false)
        }
    }

    #[test]
    fn events_are_synced_once_the_interval_has_passed() {
        let syncs = Rc::new(Cell::new(0));
        let mut writer = JournalWriter::on(Path::new("j"), Box::new(Counting(Rc::clone(&syncs))));
        let event = Event::Resumed(ResumedRecord { at: String::new() });
        writer.append(&event).unwrap();
        assert_eq!(syncs.get(), 0, "the interval has just begun");
        writer.synced = Instant::now().checked_sub(SYNC_INTERVAL).unwrap();
        writer.append(&event).unwrap();
        writer.append(&event).unwrap();
        assert_eq!(syncs.get(), 1);
    }
}
