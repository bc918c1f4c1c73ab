//! The journal: appended as things happen, one write per line, readable up to its last whole line.

use super::event::{EndRecord, Event};
use super::header::{Header, JOURNAL_SCHEMA};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The size of a read in the search for the end of the last whole line.
const PIECE_LEN: usize = 4096;

/// The longest line. A round of distributions from several arms can be long.
const LINE_LEN_MAX: u64 = 64 << 20;

/// How many defects are named one by one.
const DEFECTS_MAX: usize = 20;
/// The size of a read of a journal.
const BUFFER_LEN: usize = 256 << 10;

/// A journal that could not be written or read.
#[derive(Debug, Error)]
pub(crate) enum JournalError {
    #[error(
        "cannot write {}: {source}; free some space or set SEVBENCH_HOME to another folder",
        path.display()
    )]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the run that writes {} has not ended: wait for it", path.display())]
    InUse { path: PathBuf },
    #[error("{} line {line}: {reason}", path.display())]
    Corrupt { path: PathBuf, line: usize, reason: String },
    #[error("{} is not the journal of a run: its first line is not a header", path.display())]
    NoHeader { path: PathBuf },
    #[error(
        "{} has the schema `{found}`, but this sevbench reads `{JOURNAL_SCHEMA}`; use the sevbench \
         that wrote it",
        path.display()
    )]
    Schema { path: PathBuf, found: String },
}

/// Appends events. While it exists, no other process appends to the same journal.
pub(crate) struct JournalWriter {
    path: PathBuf,
    file: File,
}

impl JournalWriter {
    /// Creates a journal and writes its header.
    pub(crate) fn create(path: &Path, header: &Header) -> Result<Self, JournalError> {
        let file = OpenOptions::new().append(true).create_new(true).open(path);
        let file = file.map_err(|source| JournalError::Write { path: path.into(), source })?;
        // On a file system without locks, nothing guards the journal.
        file.try_lock().ok();
        let mut writer = Self { path: path.into(), file };
        writer.append(&Event::Header(Box::new(header.clone())))?;
        Ok(writer)
    }

    /// Opens an existing journal to append to it.
    pub(crate) fn open(path: &Path) -> Result<Self, JournalError> {
        let file = OpenOptions::new().read(true).append(true).open(path);
        let file = file.map_err(|source| JournalError::Write { path: path.into(), source })?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(JournalError::InUse { path: path.into() }),
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self { path: path.into(), file }),
        }
    }

    /// Cuts off a torn last line. Returns whether there was one.
    pub(crate) fn cut_torn_line(&mut self) -> Result<bool, JournalError> {
        let mut cut = || {
            let len = self.file.metadata()?.len();
            let whole = whole_len(&mut self.file, len)?;
            self.file.set_len(whole)?;
            Ok(whole < len)
        };
        cut().map_err(|source| JournalError::Write { path: self.path.clone(), source })
    }

    /// The journal's file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends an event with one write of one line. A kill leaves the line whole or torn, never
    /// mixed.
    pub(crate) fn append(&mut self, event: &Event) -> Result<(), JournalError> {
        let mut write = || {
            let mut line = serde_json::to_vec(event)?;
            line.push(b'\n');
            self.file.write_all(&line)
        };
        write().map_err(|source| JournalError::Write { path: self.path.clone(), source })
    }

    /// Flushes everything to the disk.
    pub(crate) fn sync(&mut self) -> Result<(), JournalError> {
        let failed = |source| JournalError::Write { path: self.path.clone(), source };
        self.file.sync_data().map_err(failed)
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

/// A journal in memory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Journal {
    pub header: Header,
    pub events: Vec<Event>,
    pub tail: Tail,
}

/// What only a complete read of a journal can tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tail {
    /// How the run ended. `None` if the journal just stops.
    pub end: Option<EndRecord>,
    /// Lines that were ignored, each with its number and the reason.
    pub defects: Vec<String>,
}

impl Tail {
    fn note(&mut self, defect: String) {
        match self.defects.len() {
            0..DEFECTS_MAX => self.defects.push(defect),
            DEFECTS_MAX => self.defects.push("more lines".into()),
            _ => {}
        }
    }
}

/// Reads a journal whole.
pub(crate) fn read_journal(path: &Path) -> Result<Journal, JournalError> {
    collect(&mut open(path)?, path)
}

/// Reads a journal line by line. Each event goes to `take`, the header first. A line that cannot be
/// read is ignored and listed in the tail.
///
/// # Errors
/// If the file cannot be read, is not a journal, or has a later version.
pub(crate) fn stream_journal(
    path: &Path,
    take: &mut dyn FnMut(Event),
) -> Result<Tail, JournalError> {
    stream(&mut open(path)?, path, take)
}

fn open(path: &Path) -> Result<BufReader<File>, JournalError> {
    let failed = |source| JournalError::Read { path: path.into(), source };
    Ok(BufReader::with_capacity(BUFFER_LEN, File::open(path).map_err(failed)?))
}

fn collect(input: &mut impl BufRead, path: &Path) -> Result<Journal, JournalError> {
    let (mut header, mut events) = (None, Vec::new());
    let tail = stream(input, path, &mut |event| match event {
        Event::Header(first) => header = Some(*first),
        event => events.push(event),
    })?;
    let header = header.ok_or_else(|| JournalError::NoHeader { path: path.into() })?;
    Ok(Journal { header, events, tail })
}

fn stream(
    input: &mut impl BufRead,
    path: &Path,
    take: &mut dyn FnMut(Event),
) -> Result<Tail, JournalError> {
    let mut tail = Tail::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let failed = |source| JournalError::Read { path: path.into(), source };
        let len = io::Read::take(&mut *input, LINE_LEN_MAX)
            .read_until(b'\n', &mut line)
            .map_err(failed)?;
        if len == 0 && number > 1 {
            break;
        }
        if line.last() != Some(&b'\n') && len as u64 == LINE_LEN_MAX {
            let reason = format!("it is longer than {} MiB", LINE_LEN_MAX >> 20);
            return Err(JournalError::Corrupt { path: path.into(), line: number, reason });
        }
        if number == 1 {
            take(parse_header(&line, path)?);
            continue;
        }
        if line.last() != Some(&b'\n') {
            tail.note(format!("line {number} is incomplete"));
            break;
        }
        match Event::parse(line.trim_ascii_end()) {
            Ok(Event::End(end)) => tail.end = Some(end),
            Ok(Event::Header(_)) => {
                tail.note(format!("line {number} is a second header"));
            }
            Ok(event) => {
                // A run that was resumed did not end here.
                tail.end = None;
                take(event);
            }
            Err(error) => {
                let (column, reason) = describe(&error);
                tail.note(format!("line {number}, column {column}: {reason}"));
            }
        }
    }
    Ok(tail)
}

/// The column and the text of an error. serde_json would also name a line, always line 1.
fn describe(error: &serde_json::Error) -> (usize, String) {
    let text = error.to_string();
    let reason = text.split_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    (error.column(), reason.to_owned())
}

fn parse_header(line: &[u8], path: &Path) -> Result<Event, JournalError> {
    let no_header = || JournalError::NoHeader { path: path.into() };
    if line.last() != Some(&b'\n') {
        return Err(no_header());
    }
    check_schema(line, path)?;
    match serde_json::from_slice(line) {
        Ok(header @ Event::Header(_)) => Ok(header),
        Ok(_) => Err(no_header()),
        Err(error) => {
            let (column, reason) = describe(&error);
            let reason = format!("column {column}: {reason}");
            Err(JournalError::Corrupt { path: path.into(), line: 1, reason })
        }
    }
}

/// Refuses another schema by name, before its lines fail to parse.
fn check_schema(line: &[u8], path: &Path) -> Result<(), JournalError> {
    let value: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
    match value.get("schema").and_then(|schema| schema.as_str()) {
        Some(JOURNAL_SCHEMA) => Ok(()),
        Some(found) => Err(JournalError::Schema { path: path.into(), found: found.into() }),
        None => Err(JournalError::NoHeader { path: path.into() }),
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
