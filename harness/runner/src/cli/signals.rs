//! Signals that end a run cleanly.

use sevbench_guest::Interrupt;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::ffi::c_int;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Signals that come this soon after the first one belong to it: `timeout` signals the process and
/// then its group, and a terminal that is closed sends SIGHUP twice.
const SAME_SIGNAL_MS: u64 = 1_000;

/// Catches SIGINT, SIGTERM and SIGHUP. The first one sets the interrupt, so that a run ends
/// cleanly; another one, a second later or more, ends the process at once. A signal that was
/// ignored when the process started, as SIGHUP is under nohup, stays ignored.
///
/// # Errors
/// If a handler cannot be installed.
pub fn catch_signals() -> io::Result<Interrupt> {
    let interrupt = Interrupt::new();
    let first_ms = Arc::new(AtomicU64::new(0));
    for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)) {
        let (flag, first_ms) = (interrupt.flag(), Arc::clone(&first_ms));
        let handle = move || {
            if !flag.swap(true, Ordering::Relaxed) {
                first_ms.store(monotonic_ms(), Ordering::Relaxed);
            } else if monotonic_ms().saturating_sub(first_ms.load(Ordering::Relaxed))
                >= SAME_SIGNAL_MS
            {
                // It cannot fail for one of these signals.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        };
        // SAFETY: the handler touches atomics, reads the clock and ends the process by the
        // signal's default action. All of that is allowed in a signal handler.
        unsafe { signal_hook::low_level::register(signal, handle) }?;
    }
    Ok(interrupt)
}

/// The time of a clock that is never set, in ms.
fn monotonic_ms() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes to the pointer, which is valid. It may be called in a signal handler.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec as u64 * 1_000 + now.tv_nsec as u64 / 1_000_000
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
