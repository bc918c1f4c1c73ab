//! What happens between fork and exec: a child that ends with its parent, and descriptors that it
//! inherits.

use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Has the kernel send `signal` to the child when the thread that spawns it ends, for whatever
/// reason, including that this process is killed.
pub fn end_with_parent(command: &mut Command, signal: libc::c_int) {
    let parent = std::process::id();
    let request_signal = move || {
        // SAFETY: prctl with these arguments takes numbers and touches no memory.
        if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // If the parent ended before the request, the signal would never come.
        if std::os::unix::process::parent_id() != parent {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        Ok(())
    };
    // SAFETY: the closure makes two system calls, which is safe between fork and exec, and
    // allocates nothing.
    unsafe { command.pre_exec(request_signal) };
}

/// Starts the child in a session and a process group of its own, without a terminal.
pub(crate) fn start_session(command: &mut Command) {
    let start = || {
        // SAFETY: it takes nothing, and fails only for the leader of a group, which the child of a
        // fork is not.
        match unsafe { libc::setsid() } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // SAFETY: the closure makes one system call, which is safe between fork and exec.
    unsafe { command.pre_exec(start) };
}

/// Lets the child inherit these descriptors under their numbers. They must stay open until the
/// child is spawned.
pub fn inherit_descriptors(command: &mut Command, descriptors: Vec<RawFd>) {
    let clear_close_on_exec = move || {
        for descriptor in &descriptors {
            // SAFETY: fcntl takes numbers here, and reports one that is no open descriptor.
            if unsafe { libc::fcntl(*descriptor, libc::F_SETFD, 0) } == -1 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: the closure only makes system calls, which is safe between fork and exec.
    unsafe { command.pre_exec(clear_close_on_exec) };
}
