//! The agent's standard streams. Whatever a bench body or its child processes print or read must
//! not reach the protocol.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

/// The standard input and output that this process was started with, as private descriptors that
/// no child inherits. From now on standard input is empty, and standard output goes to standard
/// error.
pub(super) fn take_protocol() -> io::Result<(File, File)> {
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    empty_standard_input()?;
    if replace(libc::STDERR_FILENO, libc::STDOUT_FILENO).is_err() {
        let null = OpenOptions::new().write(true).open("/dev/null")?;
        replace(null.as_raw_fd(), libc::STDOUT_FILENO)?;
    }
    Ok((input, output))
}

/// While it lives, standard output goes to standard error.
#[derive(Debug)]
pub struct OutputToError(OwnedFd);

impl OutputToError {
    /// Begins. `None` if a stream is closed.
    pub fn begin() -> Option<Self> {
        let output = io::stdout().as_fd().try_clone_to_owned().ok()?;
        io::stdout().flush().ok();
        replace(libc::STDERR_FILENO, libc::STDOUT_FILENO).ok()?;
        Some(Self(output))
    }
}

impl Drop for OutputToError {
    fn drop(&mut self) {
        io::stdout().flush().ok();
        replace(self.0.as_raw_fd(), libc::STDOUT_FILENO).ok();
    }
}

/// Makes standard input empty, for this process and its children.
///
/// # Errors
/// If `/dev/null` cannot be opened.
pub fn empty_standard_input() -> io::Result<()> {
    let null = File::open("/dev/null")?;
    replace(null.as_raw_fd(), libc::STDIN_FILENO)
}

/// Makes `target` a copy of `source`.
fn replace(source: RawFd, target: RawFd) -> io::Result<()> {
    // SAFETY: dup2 takes no pointers. It changes a standard descriptor, which no Rust object owns.
    match unsafe { libc::dup2(source, target) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
