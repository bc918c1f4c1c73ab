//! Waits for a guest to come up: for the kernel's first line on the console, and for the SSH
//! server. Only polls.

use crate::escape;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long one connection attempt to the guest's SSH server may take, at first and at most. Only a
/// connection made after the server started is answered; a slow guest needs longer to greet.
const ATTEMPT_MIN: Duration = Duration::from_millis(400);
const ATTEMPT_MAX: Duration = Duration::from_secs(3);
/// How long one poll takes.
const POLL: Duration = Duration::from_millis(20);
/// How much of the console's end is shown if a guest does not come up.
const CONSOLE_LINES_SHOWN: usize = 15;
const CONSOLE_LEN_READ: u64 = 16 << 10;
/// Part of the kernel's first line.
const KERNEL_MARK: &str = "Linux version";

/// The progress of a guest's boot.
#[derive(Debug)]
pub(super) struct BootWatch {
    console: PathBuf,
    address: SocketAddr,
    attempt: Option<Attempt>,
    attempt_limit: Duration,
    started: Instant,
    /// When the kernel's first line was on the console, since the start.
    pub(super) kernel: Option<Duration>,
}

/// A connection to what may be the guest's SSH server.
#[derive(Debug)]
struct Attempt {
    stream: TcpStream,
    since: Instant,
    greeting: Vec<u8>,
}

impl BootWatch {
    pub(super) fn new(console: PathBuf, port: u16, started: Instant) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let attempt_limit = ATTEMPT_MIN;
        Self { console, address, attempt: None, attempt_limit, started, kernel: None }
    }

    /// Polls once, for [`POLL`]. Returns whether the guest's SSH server answers. QEMU itself
    /// accepts connections long before.
    pub(super) fn poll(&mut self) -> bool {
        if self.kernel.is_none() && has_kernel_line(&self.console) {
            self.kernel = Some(self.started.elapsed());
        }
        let attempt = self.attempt.take().map_or_else(|| Attempt::new(self.address), Ok);
        let Ok(mut attempt) = attempt else {
            std::thread::sleep(POLL);
            return false;
        };
        match attempt.read() {
            Ok(Some(greets)) => {
                if !greets {
                    std::thread::sleep(POLL);
                }
                greets
            }
            Ok(None) if attempt.since.elapsed() < self.attempt_limit => {
                self.attempt = Some(attempt);
                false
            }
            Ok(None) | Err(_) => {
                self.attempt_limit = (self.attempt_limit * 5 / 4).min(ATTEMPT_MAX);
                false
            }
        }
    }
}

impl Attempt {
    fn new(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, POLL)?;
        stream.set_read_timeout(Some(POLL))?;
        Ok(Self { stream, since: Instant::now(), greeting: Vec::new() })
    }

    /// Whether the other side greets like an SSH server; `None` if it has not sent enough yet.
    fn read(&mut self) -> io::Result<Option<bool>> {
        let mut piece = [0; 4];
        match self.stream.read(&mut piece[self.greeting.len()..]) {
            Ok(0) => Ok(Some(false)),
            Ok(len) => {
                self.greeting.extend_from_slice(&piece[self.greeting.len()..][..len]);
                Ok((self.greeting.len() == piece.len()).then(|| self.greeting == b"SSH-"))
            }
            Err(error)
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

fn has_kernel_line(console: &Path) -> bool {
    let mut text = Vec::new();
    let read =
        File::open(console).and_then(|file| file.take(CONSOLE_LEN_READ).read_to_end(&mut text));
    read.is_ok() && String::from_utf8_lossy(&text).contains(KERNEL_MARK)
}

/// The last lines on the guest's console.
pub(super) fn console_end(console: &Path) -> String {
    let mut bytes = Vec::new();
    let read = File::open(console).and_then(|mut file| {
        let len = file.metadata()?.len();
        file.seek(SeekFrom::Start(len.saturating_sub(CONSOLE_LEN_READ)))?;
        file.take(CONSOLE_LEN_READ).read_to_end(&mut bytes)
    });
    if read.is_err() || bytes.is_empty() {
        return "nothing".into();
    }
    let text = escape::for_terminal(&String::from_utf8_lossy(&bytes).replace('\r', ""));
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(CONSOLE_LINES_SHOWN)..].join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    #[test]
    fn only_an_ssh_greeting_counts() {
        let answer = |greeting: &'static [u8]| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            let server =
                std::thread::spawn(move || listener.accept().unwrap().0.write_all(greeting));
            let mut watch = BootWatch::new("/dev/null".into(), port, Instant::now());
            while watch.attempt.is_none() && !server.is_finished() {
                if watch.poll() {
                    return true;
                }
            }
            server.join().unwrap().unwrap();
            watch.poll()
        };
        assert!(answer(b"SSH-2.0-OpenSSH_9.2\r\n"));
        assert!(!answer(b"220 mail\r\n"));
        assert!(!answer(b""));
    }

    #[test]
    fn end_of_the_console_is_shown_escaped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console.log");
        assert_eq!(console_end(&path), "nothing");
        let text: String = (0..40).map(|line| format!("\x1b[2Jline {line}\r\n\r\n")).collect();
        std::fs::write(&path, text).unwrap();
        let end = console_end(&path);
        assert_eq!(end.lines().count(), CONSOLE_LINES_SHOWN);
        assert!(end.ends_with("line 39") && !end.contains('\x1b'), "{end}");
        assert!(!has_kernel_line(&path));
    }
}
