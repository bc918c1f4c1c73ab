//! One authenticated SSH connection, and waiting for its socket.

use super::authenticate::Credentials;
use super::connect::connect;
use super::error::SshError;
use super::host_key::HostTrust;
use super::process::RemoteProcess;
use super::retries::transport_retries;
use crate::limits::{Interrupt, Limits, is_interrupt};
use crate::wait::Wait;
use ssh2::{BlockDirections, ErrorCode, Session};
use std::io;
use std::os::fd::AsRawFd;

/// libssh2's error for "would block".
const EAGAIN: ErrorCode = ErrorCode::Session(-37);

/// Where to connect, as whom, and which host keys to trust.
pub(crate) struct Endpoint<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) user: &'a str,
    pub(crate) trust: HostTrust<'a>,
    pub(crate) credentials: Credentials<'a>,
}

impl Endpoint<'_> {
    /// Explains the failure of a step before the connection is usable.
    pub(super) fn explain(
        &self,
        error: StepError,
        step: &'static str,
        limits: &Limits,
    ) -> SshError {
        let (host, port) = (self.host.to_owned(), self.port);
        match error {
            StepError::Wait(error) if is_interrupt(&error) => SshError::Interrupted,
            StepError::Wait(error) if error.kind() == io::ErrorKind::TimedOut => {
                SshError::Silent { host, port, step, limit: limits.connect }
            }
            error => SshError::Handshake { host, port, step, reason: error.to_string() },
        }
    }
}

/// An authenticated, non-blocking connection.
pub(crate) struct Connection {
    session: Session,
    pub(crate) host_key_fingerprint: String,
    pub(crate) limits: Limits,
    interrupt: Interrupt,
}

impl Connection {
    /// Connects, checks the host key, authenticates.
    pub(crate) fn open(
        endpoint: &Endpoint<'_>,
        limits: &Limits,
        interrupt: &Interrupt,
    ) -> Result<Self, SshError> {
        let stream = connect((endpoint.host, endpoint.port), limits, interrupt)?;
        let failed = |step| move |error| endpoint.explain(error, step, limits);
        let mut session = Session::new().map_err(StepError::Ssh).map_err(failed("starting"))?;
        session.set_blocking(false);
        session.set_tcp_stream(stream);
        endpoint.trust.prefer_known_types(&session, endpoint)?;
        let waiter =
            Waiter { session: session.clone(), wait: Wait::new(interrupt, limits.connect) };
        waiter.until_done(|| session.handshake()).map_err(failed("the SSH handshake"))?;
        let host_key_fingerprint = endpoint.trust.check(&session, endpoint)?;
        let waiter =
            Waiter { session: session.clone(), wait: Wait::new(interrupt, limits.connect) };
        endpoint.credentials.authenticate(&waiter, endpoint, limits)?;
        Ok(Self { session, host_key_fingerprint, limits: *limits, interrupt: interrupt.clone() })
    }

    /// Runs a command line in the account's shell.
    pub(crate) fn exec(
        &self,
        command: &str,
        step: &'static str,
    ) -> Result<RemoteProcess, SshError> {
        let wait = Wait::new(&self.interrupt, self.limits.request);
        let waiter = Waiter { session: self.session.clone(), wait };
        let failed = |error: StepError| self.explain(error.into(), step);
        let mut channel = waiter.until_done(|| self.session.channel_session()).map_err(failed)?;
        waiter.until_done(|| channel.exec(command)).map_err(failed)?;
        Ok(RemoteProcess::new(channel, waiter))
    }

    /// Explains an error of a byte stream during `step`.
    pub(crate) fn explain(&self, error: io::Error, step: &'static str) -> SshError {
        match error.kind() {
            _ if is_interrupt(&error) => SshError::Interrupted,
            io::ErrorKind::TimedOut => SshError::TimedOut { step, limit: self.limits.request },
            _ => SshError::Lost { step, reason: error.to_string() },
        }
    }

    /// TCP segments that were retransmitted since the connection began.
    pub(crate) fn transport_retries(&self) -> Option<u32> {
        transport_retries(self.session.as_raw_fd())
    }

    /// Disconnects. Best effort, since the connection is closed in any case.
    pub(crate) fn close(&self) {
        self.session.disconnect(None, "done", None).ok();
    }
}

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
