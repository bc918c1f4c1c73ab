//! Waiting for the socket of a non-blocking SSH session.

use crate::wait::Wait;
use ssh2::{BlockDirections, ErrorCode, Session};
use std::io;
use std::os::fd::AsRawFd;

/// libssh2's error for "would block".
const EAGAIN: ErrorCode = ErrorCode::Session(-37);

/// A step of libssh2 that failed, or whose wait failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error(transparent)]
    Wait(io::Error),
    #[error("{}", .0.message())]
    Ssh(ssh2::Error),
}

impl From<StepError> for io::Error {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Wait(error) => error,
            StepError::Ssh(error) => error.into(),
        }
    }
}

/// Waits for the socket of a non-blocking session.
pub(super) struct Waiter {
    pub(super) session: Session,
    pub(super) wait: Wait,
}

impl Waiter {
    /// Repeats `step` until it no longer blocks.
    pub(super) fn until_done<T>(
        &self,
        mut step: impl FnMut() -> Result<T, ssh2::Error>,
    ) -> Result<T, StepError> {
        loop {
            match step() {
                Err(error) if error.code() == EAGAIN => self.wait().map_err(StepError::Wait)?,
                result => return result.map_err(StepError::Ssh),
            }
        }
    }

    /// Waits briefly until the socket is ready in the direction that libssh2 needs.
    pub(super) fn wait(&self) -> io::Result<()> {
        let events = match self.session.block_directions() {
            BlockDirections::Outbound => libc::POLLOUT,
            BlockDirections::Both => libc::POLLIN | libc::POLLOUT,
            BlockDirections::Inbound | BlockDirections::None => libc::POLLIN,
        };
        self.wait.once(self.session.as_raw_fd(), events).map(drop)
    }
}
