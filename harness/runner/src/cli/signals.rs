//! Signals that end a run cleanly.

use sevbench_guest::Interrupt;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::ffi::c_int;
use std::io;

/// Catches SIGINT, SIGTERM and SIGHUP. The first one sets the interrupt, so that a run ends
/// cleanly; a second one of the same kind ends the process at once. A signal that was ignored when
/// the process started, as SIGHUP is under nohup, stays ignored.
///
/// # Errors
/// If a handler cannot be installed.
pub fn catch_signals() -> io::Result<Interrupt> {
    let interrupt = Interrupt::new();
    for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)) {
        // Handlers run in this order: at the first signal the flag is not set yet.
        signal_hook::flag::register_conditional_default(signal, interrupt.flag())?;
        signal_hook::flag::register(signal, interrupt.flag())?;
    }
    Ok(interrupt)
}

/// Whether this process ignores a signal.
fn is_ignored(signal: c_int) -> bool {
    // SAFETY: without a new action, sigaction only writes the current one to the pointer, which is
    // valid and of the right type; zeroes are a valid value of that type.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0
            && action.sa_sigaction == libc::SIG_IGN
    }
}
