//! Signals that end a run cleanly.

use sevbench_guest::Interrupt;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io;

/// Catches SIGINT, SIGTERM and SIGHUP. The first one sets the interrupt, so that a run ends
/// cleanly; a second one of the same kind ends the process at once.
///
/// # Errors
/// If a handler cannot be installed.
pub fn catch_signals() -> io::Result<Interrupt> {
    let interrupt = Interrupt::new();
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // Handlers run in this order: at the first signal the flag is not set yet.
        signal_hook::flag::register_conditional_default(signal, interrupt.flag())?;
        signal_hook::flag::register(signal, interrupt.flag())?;
    }
    Ok(interrupt)
}
