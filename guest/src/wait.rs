//! The one way to wait: for a file descriptor, until a deadline, with a look at the interrupt.

use crate::Interrupt;
use crate::limits::interrupted;
use std::io;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

/// The longest time between two looks at the interrupt.
const POLL_MAX: Duration = Duration::from_millis(200);

/// How long something may still be waited for.
#[derive(Clone)]
pub(crate) struct Wait {
    pub(crate) interrupt: Interrupt,
    pub(crate) deadline: Instant,
}

impl Wait {
    pub(crate) fn new(interrupt: &Interrupt, limit: Duration) -> Self {
        Self { interrupt: interrupt.clone(), deadline: Instant::now() + limit }
    }

    /// One that nothing interrupts, for the way down.
    pub(crate) fn uninterrupted(limit: Duration) -> Self {
        Self::new(&Interrupt::new(), limit)
    }

    /// Waits until the descriptor is ready for one of `events`, or for [`POLL_MAX`]; says whether it is ready.
    pub(crate) fn once(&self, fd: RawFd, events: libc::c_short) -> io::Result<bool> {
        let timeout = self.slice()?;
        // Rounded up, so that the last part of a millisecond is not spun away.
        let timeout_ms = timeout.as_nanos().div_ceil(1_000_000) as libc::c_int;
        let mut polled = libc::pollfd { fd, events, revents: 0 };
        // SAFETY: the pointer is to one pollfd that outlives the call; poll keeps neither it nor the descriptor.
        if unsafe { libc::poll(&raw mut polled, 1, timeout_ms) } >= 0 {
            return Ok(polled.revents != 0);
        }
        match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            error => Err(error),
        }
    }

    /// Waits until the descriptor is ready for one of `events`, or broken.
    pub(crate) fn until_ready(&self, fd: RawFd, events: libc::c_short) -> io::Result<()> {
        while !self.once(fd, events)? {}
        Ok(())
    }

    /// Waits until the other end of a pipe is closed.
    pub(crate) fn until_closed(&self, fd: RawFd) -> io::Result<()> {
        // Without events poll reports nothing but the hang-up.
        self.until_ready(fd, 0)
    }

    /// The time until the next look at the interrupt or the deadline; an error where either is due.
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
