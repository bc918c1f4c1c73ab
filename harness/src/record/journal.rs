//! The journal: appended as things happen, flushed a round at a time, readable up to its last whole line.

use super::{EndRecord, Event, Header, JOURNAL_SCHEMA};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The longest line that is read: a round of distributions from several arms.
const LINE_LEN_MAX: u64 = 64 << 20;

/// A journal that could not be written or read.
#[derive(Debug, Error)]
pub(crate) enum JournalError {
    #[error("cannot write {}: {source}; free some space or set SEVBENCH_HOME to a folder elsewhere", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} line {line}: {reason}", path.display())]
    Corrupt { path: PathBuf, line: usize, reason: String },
    #[error("{} is no journal of a run: its first line is not a header", path.display())]
    NoHeader { path: PathBuf },
    #[error("{} has schema `{found}`, and this sevbench reads `{JOURNAL_SCHEMA}`; use the sevbench that wrote it", path.display())]
    Schema { path: PathBuf, found: String },
}

/// Appends events.
pub(crate) struct JournalWriter {
    path: PathBuf,
    file: File,
}

impl JournalWriter {
    /// Starts a journal that does not exist yet with its header.
    pub(crate) fn create(path: &Path, header: &Header) -> Result<Self, JournalError> {
        let file = OpenOptions::new().append(true).create_new(true).open(path);
        let file = file.map_err(|source| JournalError::Write { path: path.into(), source })?;
        let mut writer = Self { path: path.into(), file };
        writer.append(&Event::Header(Box::new(header.clone())))?;
        Ok(writer)
    }

    /// Appends an event as one write of one line: a kill leaves it whole or torn, never mixed.
    pub(crate) fn append(&mut self, event: &Event) -> Result<(), JournalError> {
        let mut write = || {
            let mut line = serde_json::to_vec(event)?;
            line.push(b'\n');
            self.file.write_all(&line)
        };
        write().map_err(|source| JournalError::Write { path: self.path.clone(), source })
    }

    /// Brings everything to the disk itself.
    pub(crate) fn sync(&mut self) -> Result<(), JournalError> {
        let failed = |source| JournalError::Write { path: self.path.clone(), source };
        self.file.sync_data().map_err(failed)
    }
}

/// A journal that was read back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Journal {
    pub header: Header,
    pub events: Vec<Event>,
    pub end: Option<EndRecord>,
    /// The number of the torn last line that was left out, if there is one.
    pub torn_line: Option<usize>,
}

/// Reads a journal; a last line that is torn, as a kill or a full disk leaves it, is left out.
pub(crate) fn read_journal(path: &Path) -> Result<Journal, JournalError> {
    let failed = |source| JournalError::Read { path: path.into(), source };
    let file = File::open(path).map_err(failed)?;
    parse_journal(&mut BufReader::new(file), path)
}

fn parse_journal(input: &mut impl BufRead, path: &Path) -> Result<Journal, JournalError> {
    let mut journal: Option<Journal> = None;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let failed = |source| JournalError::Read { path: path.into(), source };
        let len = io::Read::take(&mut *input, LINE_LEN_MAX)
            .read_until(b'\n', &mut line)
            .map_err(failed)?;
        if len == 0 {
            break;
        }
        if line.last() != Some(&b'\n') && (len as u64) < LINE_LEN_MAX {
            if let Some(journal) = &mut journal {
                journal.torn_line = Some(number);
            }
            break;
        }
        let event = parse_line(&line, number, path)?;
        match (&mut journal, event) {
            (None, Event::Header(header)) => {
                journal = Some(Journal {
                    header: *header,
                    events: Vec::new(),
                    end: None,
                    torn_line: None,
                });
            }
            (None, _) => break,
            (Some(journal), Event::End(end)) => journal.end = Some(end),
            (Some(journal), event) => journal.events.push(event),
        }
    }
    journal.ok_or_else(|| JournalError::NoHeader { path: path.into() })
}

fn parse_line(line: &[u8], number: usize, path: &Path) -> Result<Event, JournalError> {
    if number == 1 {
        check_schema(line, path)?;
    }
    serde_json::from_slice(line).map_err(|error| {
        let reason = format!("column {}: {error}", error.column());
        JournalError::Corrupt { path: path.into(), line: number, reason }
    })
}

/// A later schema is named before its lines fail to parse.
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
