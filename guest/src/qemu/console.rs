//! The log of a guest's serial console: a file that never grows beyond a limit, whatever the guest
//! prints.

use sevbench_process::Tail;
use std::fs::File;
use std::io::{self, PipeWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The most that the file holds.
const LEN_MAX: u64 = 4 << 20;
/// How much of the console's start stays in it. A boot prints less.
const START_LEN: u64 = 1 << 20;
const NOTE: &[u8] = b"\n[sevbench: some of the console's output is left out here]\n";
const PIECE_LEN: usize = 4096;
/// How long the last output of a QEMU that has ended may take to arrive.
const END_LIMIT: Duration = Duration::from_millis(500);
const END_INTERVAL: Duration = Duration::from_millis(5);

/// Writes a console to a file, on a thread of its own, until QEMU has closed it.
#[derive(Debug)]
pub(super) struct ConsoleLog {
    thread: JoinHandle<()>,
}

impl ConsoleLog {
    /// Makes the file, and starts to read. Returns what QEMU writes to; it must be closed here once
    /// QEMU has it.
    pub(super) fn start(path: Option<&Path>) -> io::Result<(Self, PipeWriter)> {
        let file = path.map(File::create).transpose()?;
        let (mut reader, writer) = io::pipe()?;
        let thread = thread::Builder::new().name("console".into()).spawn(move || match file {
            Some(mut file) => copy(&mut reader, &mut file),
            None => drop(io::copy(&mut reader, &mut io::sink())),
        })?;
        Ok((Self { thread }, writer))
    }

    /// Waits until all output of a QEMU that has ended is in the file.
    pub(super) fn wait(&self) {
        let deadline = Instant::now() + END_LIMIT;
        while !self.thread.is_finished() && Instant::now() < deadline {
            thread::sleep(END_INTERVAL);
        }
    }
}

/// Copies everything to the file. At its limit, what lies between the start and the end is left
/// out. What cannot be written is lost: QEMU must never wait for it.
fn copy(from: &mut impl Read, to: &mut File) {
    let (mut len, mut end) = (0, Tail::default());
    let mut piece = [0; PIECE_LEN];
    loop {
        let bytes = match from.read(&mut piece) {
            Ok(0) => return,
            Ok(read) => &piece[..read],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        if len + bytes.len() as u64 > LEN_MAX {
            len = cut(to, &end).unwrap_or(len);
        }
        end.push(bytes);
        if to.write_all(bytes).is_ok() {
            len += bytes.len() as u64;
        }
    }
}

/// Keeps the start of the file and `end`. Returns the file's length.
fn cut(file: &mut File, end: &Tail) -> io::Result<u64> {
    file.set_len(START_LEN)?;
    file.seek(SeekFrom::Start(START_LEN))?;
    file.write_all(NOTE)?;
    file.write_all(end.bytes())?;
    file.stream_position()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn log_keeps_the_start_and_the_end_of_an_endless_console() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (log, mut writer) = ConsoleLog::start(Some(&path)).unwrap();
        writer.write_all(b"the first line\n").unwrap();
        let line = [b'x'; 99];
        for _ in 0..100_000 {
            writer.write_all(&line).unwrap();
            writer.write_all(b"\n").unwrap();
        }
        writer.write_all(b"the last line\n").unwrap();
        drop(writer);
        log.thread.join().unwrap();
        let text = std::fs::read(&path).unwrap();
        assert!(text.len() as u64 <= LEN_MAX, "{} bytes", text.len());
        assert!(text.starts_with(b"the first line\n") && text.ends_with(b"the last line\n"));
        assert_eq!(text[START_LEN as usize..][..NOTE.len()], *NOTE);
    }

    #[test]
    fn full_disk_does_not_stop_the_guest() {
        let (log, mut writer) = ConsoleLog::start(Some(Path::new("/dev/full"))).unwrap();
        writer.write_all(&vec![b'x'; 1 << 20]).unwrap();
        drop(writer);
        log.thread.join().unwrap();
    }
}
