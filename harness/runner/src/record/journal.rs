//! Reads a journal, up to its last whole line. A line that cannot be used is ignored and named.

use super::event::{EndRecord, Event};
use super::header::{Header, JOURNAL_SCHEMA};
use super::lines::{LINE_LEN_MAX, LineEnd, describe, parse_lines, read_line, too_long};
use super::location::write_remedy;
use super::seal::is_intact;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The longest last line. It names the benches that lack boots.
const END_LEN_MAX: u64 = 1 << 20;

/// How many defects are named one by one.
const DEFECTS_MAX: usize = 20;
/// The size of a read of a journal.
const BUFFER_LEN: usize = 256 << 10;

/// A journal that could not be written or read.
#[derive(Debug, Error)]
pub(crate) enum JournalError {
    #[error(
        "cannot write {}: {source}; {}",
        path.display(),
        write_remedy(source)
    )]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "cannot write {}: a line of {len} bytes exceeds the limit of {LINE_LEN_MAX}",
        path.display()
    )]
    TooLong { path: PathBuf, len: usize },
    #[error("a run is still writing {}: wait until it ends, or stop it", path.display())]
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
    parse_journal(&mut open(path)?, path)
}

/// Reads a journal line by line, until `take` breaks off. Each event goes to it, the header first.
/// A line that cannot be read is ignored and listed in the tail.
///
/// # Errors
/// If the file cannot be read, is not a journal, or has a later version.
pub(crate) fn stream_journal(
    path: &Path,
    take: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<Tail, JournalError> {
    stream(&mut open(path)?, path, take)
}

/// Reads the header alone.
///
/// # Errors
/// As [`stream_journal`].
pub(super) fn read_header(path: &Path) -> Result<Header, JournalError> {
    let mut header = None;
    stream_journal(path, &mut |event| {
        if let Event::Header(first) = event {
            header = Some(*first);
        }
        ControlFlow::Break(())
    })?;
    header.ok_or_else(|| JournalError::NoHeader { path: path.into() })
}

/// Reads how a run ended from the last line. `None` if the last line is something else.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn read_end(path: &Path) -> Result<Option<EndRecord>, JournalError> {
    let failed = |source| JournalError::Read { path: path.into(), source };
    let mut file = open_regular(path).map_err(failed)?;
    let len = file.metadata().map_err(failed)?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(END_LEN_MAX))).map_err(failed)?;
    let mut text = Vec::new();
    file.take(END_LEN_MAX).read_to_end(&mut text).map_err(failed)?;
    let Some(whole) = text.strip_suffix(b"\n") else { return Ok(None) };
    let line = whole.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    match Event::parse(line) {
        Ok(Event::End(end)) if is_intact(line) => Ok(Some(end)),
        _ => Ok(None),
    }
}

fn open(path: &Path) -> Result<BufReader<File>, JournalError> {
    let failed = |source| JournalError::Read { path: path.into(), source };
    Ok(BufReader::with_capacity(BUFFER_LEN, open_regular(path).map_err(failed)?))
}

/// Opens a file, and nothing that could block or never end.
fn open_regular(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

/// Reads a whole journal from a stream.
pub(crate) fn parse_journal(
    input: &mut (impl BufRead + Send),
    path: &Path,
) -> Result<Journal, JournalError> {
    let (mut header, mut events) = (None, Vec::new());
    let tail = stream(input, path, &mut |event| {
        match event {
            Event::Header(first) => header = Some(*first),
            event => events.push(event),
        }
        ControlFlow::Continue(())
    })?;
    let header = header.ok_or_else(|| JournalError::NoHeader { path: path.into() })?;
    Ok(Journal { header, events, tail })
}

fn stream(
    input: &mut (impl BufRead + Send),
    path: &Path,
    take: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<Tail, JournalError> {
    let failed = |source| JournalError::Read { path: path.into(), source };
    let mut tail = Tail::default();
    if take(read_first(input, path)?).is_break() {
        return Ok(tail);
    }
    let mut number = 1;
    parse_lines(input, &mut |parsed| {
        number += 1;
        match parsed {
            Ok(Event::End(end)) => tail.end = Some(end),
            Ok(Event::Header(_)) => tail.note(format!("line {number} is a second header")),
            Ok(event) => {
                // A run that was resumed did not end here.
                tail.end = None;
                return take(event);
            }
            Err(why) => tail.note(format!("line {number}{why}")),
        }
        ControlFlow::Continue(())
    })
    .map_err(failed)?;
    Ok(tail)
}

/// Reads the first line, a header.
fn read_first(input: &mut impl BufRead, path: &Path) -> Result<Event, JournalError> {
    let mut line = Vec::new();
    let failed = |source| JournalError::Read { path: path.into(), source };
    match read_line(input, &mut line).map_err(failed)? {
        LineEnd::Fed => parse_header(&line, path),
        LineEnd::File => Err(JournalError::NoHeader { path: path.into() }),
        LineEnd::Limit => {
            Err(JournalError::Corrupt { path: path.into(), line: 1, reason: too_long() })
        }
    }
}

fn parse_header(line: &[u8], path: &Path) -> Result<Event, JournalError> {
    let no_header = || JournalError::NoHeader { path: path.into() };
    check_schema(line, path)?;
    if !is_intact(line) {
        let reason = "its checksum does not match".into();
        return Err(JournalError::Corrupt { path: path.into(), line: 1, reason });
    }
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
