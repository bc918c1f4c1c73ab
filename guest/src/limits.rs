//! How long waits may last, and the flag that cancels them. The waits themselves are in `wait`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use thiserror::Error;

/// The limits of waits for a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For a connection, and again for each step until it is authenticated.
    pub connect: Duration,
    /// For a machine that we boot, until its SSH server answers.
    pub boot: Duration,
    /// For an answer, or for progress of an upload.
    pub request: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            boot: Duration::from_secs(180),
            request: Duration::from_secs(60),
        }
    }
}

/// Cancellation flag, checked by every wait and set by a signal handler.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// A flag that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels every wait that checks this flag or a clone of it.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the user has cancelled.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for a signal handler.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

#[derive(Debug, Error)]
#[error("interrupted")]
struct Interrupted;

/// The error of a cancelled wait. Not `ErrorKind::Interrupted`, which `read_exact` retries.
pub(crate) fn interrupted() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, Interrupted)
}

/// Whether an error is that of a cancelled wait.
pub fn is_interrupt(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Interrupted>())
}
