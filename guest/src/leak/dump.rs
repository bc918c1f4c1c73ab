//! A process's memory as a file: of the running process, or of a core file written by gdb.

use super::core_file::read_core;
use super::error::LeakError;
use super::maps::{Mapping, parse_maps};
use super::segment::Segment;
use crate::escape;
use crate::limits::Interrupt;
use object::ReadCache;
use sevbench_process::{Capture, Program, ProgramError};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::Duration;

/// The smallest unit that the kernel maps, and so the smallest that can be unreadable.
const PAGE_LEN: u64 = 4096;
/// How long gdb may take. It writes at least some 100 MB a second.
const GDB_LIMIT: Duration = Duration::from_secs(30 * 60);

/// How a process's memory is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpMethod {
    /// Through /proc/PID/mem.
    Mem,
    /// Through a core file that gdb writes.
    Gcore,
}

/// A process's memory.
#[derive(Debug)]
pub struct Dump {
    file: File,
    pub(crate) segments: Vec<Segment>,
}

/// The result of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// This many bytes, at the start of the buffer.
    Held(usize),
    /// This many bytes cannot be read.
    Unreadable(u64),
}

impl Dump {
    pub(crate) const fn new(file: File, segments: Vec<Segment>) -> Self {
        Self { file, segments }
    }

    /// The memory of a running process, which may change while it is read.
    ///
    /// # Errors
    /// If there is no such process, or its memory may not be read.
    pub fn of_process(process_id: u32) -> Result<Self, LeakError> {
        let mappings = mappings_of(process_id)?;
        let file = File::open(format!("/proc/{process_id}/mem"))
            .map_err(|source| LeakError::Process { process_id, source })?;
        let segment = |mapping: &Mapping| Segment {
            address: mapping.start,
            len: mapping.len,
            file_offset: mapping.start,
        };
        let readable = mappings.iter().filter(|mapping| mapping.is_readable);
        Ok(Self::new(file, readable.map(segment).collect()))
    }

    /// A core file of the process, written by gdb as `gcore` does. The process is stopped
    /// meanwhile. The file never has a name, so it vanishes with the dump, however we end.
    ///
    /// # Errors
    /// If gdb is missing, may not read the process, has no disk space or takes too long.
    pub fn of_core(process_id: u32, interrupt: &Interrupt) -> Result<Self, LeakError> {
        mappings_of(process_id)?;
        let folder = std::env::temp_dir();
        let failed = |reason: String| LeakError::Core { process_id, reason };
        let file = tempfile::tempfile_in(&folder)
            .map_err(|error| failed(format!("{}: {error}", folder.display())))?;
        write_core(process_id, &file, interrupt)?;
        let read = || -> Result<Vec<Segment>, String> {
            let len = file.metadata().map_err(|error| error.to_string())?.len();
            let again = file.try_clone().map_err(|error| error.to_string())?;
            let cache = ReadCache::new(again);
            read_core(&cache, len)
        };
        let segments = read().map_err(|reason| {
            failed(format!(
                "{reason}; check the free space in {}, or set TMPDIR to another folder",
                folder.display()
            ))
        })?;
        Ok(Self::new(file, segments))
    }

    /// The length of all segments, readable or not.
    pub(crate) fn len(&self) -> u64 {
        self.segments.iter().fold(0, |sum, segment| sum.saturating_add(segment.len))
    }

    /// Reads from offset `into` of a segment, up to the end of the buffer or of the segment.
    pub(crate) fn read(&self, segment: &Segment, into: u64, buffer: &mut [u8]) -> Piece {
        let left = segment.len.saturating_sub(into);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(&mut buffer[..len], segment.file_offset.saturating_add(into));
        match read {
            Ok(len @ 1..) => Piece::Held(len),
            // Skip to the next page.
            _ => Piece::Unreadable(left.min(PAGE_LEN - into % PAGE_LEN)),
        }
    }

    /// Fills the buffer from an address. Returns whether all of it could be read.
    pub(crate) fn read_exact_at(&self, address: u64, buffer: &mut [u8]) -> bool {
        let holds = |segment: &&Segment| {
            address.checked_sub(segment.address).is_some_and(|into| into < segment.len)
        };
        let Some(segment) = self.segments.iter().find(holds) else { return false };
        let into = address - segment.address;
        let fits = buffer.len() as u64 <= segment.len - into;
        fits && self.file.read_exact_at(buffer, segment.file_offset.saturating_add(into)).is_ok()
    }
}

/// The mappings of a process.
pub(crate) fn mappings_of(process_id: u32) -> Result<Vec<Mapping>, LeakError> {
    match fs::read_to_string(format!("/proc/{process_id}/maps")) {
        // Zombies and kernel threads have no memory.
        Ok(text) if text.is_empty() => Err(LeakError::NoMemory { process_id }),
        Ok(text) => Ok(parse_maps(&text)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => {
            Err(LeakError::NoProcess { process_id })
        }
        Err(source) => Err(LeakError::Process { process_id, source }),
    }
}

/// Has gdb write a core file of the process into `file`. Does what `gcore` does without its shell,
/// so that gdb is our child and ends with us.
fn write_core(process_id: u32, file: &File, interrupt: &Interrupt) -> Result<(), LeakError> {
    let failed = |reason: String| LeakError::Core { process_id, reason };
    // Others can write to the nameless file through our descriptor.
    let name = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    let mut command = Command::new("gdb");
    command.args(["--nx", "--batch", "--readnever", "-iex", "set debuginfod enabled off"]);
    // Include what the process excludes from core files.
    command.args(["-ex", "set use-coredump-filter off", "-ex", "set dump-excluded-mappings on"]);
    command.arg("-ex").arg(format!("attach {process_id}"));
    command.arg("-ex").arg(format!("gcore {name}"));
    command.args(["-ex", "detach", "-ex", "quit"]);
    let is_cancelled = || interrupt.is_set();
    let program = Program::new(&mut command, GDB_LIMIT)
        .stdout(Capture::Discard)
        .stderr(Capture::Tail)
        .cancel_if(&is_cancelled);
    let output = program.run().map_err(|error| match error {
        ProgramError::Missing { .. } => LeakError::NoGdb,
        ProgramError::Cancelled { .. } => LeakError::Interrupted,
        error => failed(error.to_string()),
    })?;
    let said = escape::for_terminal(&output.stderr);
    // gdb exits with success even if it could not attach.
    match file.metadata() {
        Ok(metadata) if metadata.len() > 0 => Ok(()),
        _ => Err(failed(format!("gdb wrote nothing and said: {said}"))),
    }
}
