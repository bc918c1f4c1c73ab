//! The agent's standard streams. Whatever a bench body or its child processes print or read must
//! not reach the protocol.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

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
