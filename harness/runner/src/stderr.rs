//! Standard error, which carries progress, notes and errors.

use sevbench_text::indented;
use std::io::{self, Write};
use std::time::Duration;

/// How long a line waits for a terminal that is stopped, as by Ctrl-S, or for a pipe that nobody
/// reads. It is dropped then: neither may hold up a run, or keep a signal from ending it.
const BLOCKED_MAX: Duration = Duration::from_secs(1);
/// What a pipe takes at once when it takes anything (PIPE_BUF of Linux).
const PIECE_LEN: usize = 4096;

/// Prints a line on standard error, safe for a terminal whatever it quotes. A reader that closes
/// the pipe early, or a full disk, must not end a run, so failures are ignored.
pub fn tell(line: &str) {
    let line = indented(line);
    if cfg!(test) {
        // Test output is captured only if it is printed like this.
        eprintln!("{line}");
        return;
    }
    let mut stderr = io::stderr().lock();
    for piece in format!("{line}\n").as_bytes().chunks(PIECE_LEN) {
        if !takes_output(BLOCKED_MAX) || stderr.write_all(piece).is_err() {
            return;
        }
    }
}

/// Whether standard error takes output within this time. One that is closed takes it at once, and
/// fails.
pub(crate) fn takes_output(limit: Duration) -> bool {
    let mut stderr = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
    let limit_ms = limit.as_millis() as libc::c_int;
    // SAFETY: the pointer is to one structure, which outlives the call.
    unsafe { libc::poll(&raw mut stderr, 1, limit_ms) > 0 }
}
