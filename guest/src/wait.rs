//! The only way to wait here: for a file descriptor, until a deadline, unless cancelled.

use crate::limits::{Interrupt, interrupted};
use sevbench_process::poll;
use std::io;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

/// The longest time between two checks for cancellation.
const POLL_MAX: Duration = Duration::from_millis(200);

/// A deadline and a cancellation flag.
#[derive(Clone)]
pub(crate) struct Wait {
    pub(crate) interrupt: Interrupt,
    pub(crate) deadline: Instant,
}

impl Wait {
    pub(crate) fn new(interrupt: &Interrupt, limit: Duration) -> Self {
        Self { interrupt: interrupt.clone(), deadline: Instant::now() + limit }
    }

    /// A wait that is never cancelled, for shutting down.
    pub(crate) fn uninterrupted(limit: Duration) -> Self {
        Self::new(&Interrupt::new(), limit)
    }

    /// Waits until the descriptor is ready for one of `events`, for at most [`POLL_MAX`]. Returns
    /// whether it is ready.
    pub(crate) fn once(&self, fd: RawFd, events: libc::c_short) -> io::Result<bool> {
        let timeout = self.slice()?;
        let mut polled = [libc::pollfd { fd, events, revents: 0 }];
        Ok(poll(&mut polled, timeout)? > 0)
    }

    /// Waits until the descriptor is ready for one of `events`, or broken.
    pub(crate) fn until_ready(&self, fd: RawFd, events: libc::c_short) -> io::Result<()> {
        while !self.once(fd, events)? {}
        Ok(())
    }

    /// Waits until the other end of a pipe is closed.
    pub(crate) fn until_closed(&self, fd: RawFd) -> io::Result<()> {
        // Without events, poll only reports a hang-up.
        self.until_ready(fd, 0)
    }

    /// The time until the next check; an error if the wait was cancelled or its deadline has
    /// passed.
    pub(crate) fn slice(&self) -> io::Result<Duration> {
        if self.interrupt.is_set() {
            return Err(interrupted());
        }
        match self.deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(left.min(POLL_MAX)),
        }
    }
}
