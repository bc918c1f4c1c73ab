//! One authenticated SSH connection.

use super::authenticate::Credentials;
use super::connect::connect;
use super::endpoint::Endpoint;
use super::error::SshError;
use super::host_key::HostTrust;
use super::process::RemoteProcess;
use super::retries::transport_retries;
use super::waiter::{StepError, Waiter};
use crate::limits::{Interrupt, Limits, is_interrupt};
use crate::wait::Wait;
use ssh2::Session;
use std::io;
use std::os::fd::AsRawFd;

/// Which host keys to trust, and which keys to offer.
pub(crate) struct Keys<'a> {
    pub(crate) trust: HostTrust<'a>,
    pub(crate) credentials: Credentials<'a>,
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
        keys: &Keys<'_>,
        limits: &Limits,
        interrupt: &Interrupt,
    ) -> Result<Self, SshError> {
        let stream = connect((endpoint.host, endpoint.port), limits, interrupt)?;
        let failed = |step| move |error| endpoint.explain(error, step, limits);
        let mut session = Session::new().map_err(StepError::Ssh).map_err(failed("starting"))?;
        session.set_blocking(false);
        session.set_tcp_stream(stream);
        keys.trust.prefer_known_types(&session, endpoint)?;
        let waiter =
            Waiter { session: session.clone(), wait: Wait::new(interrupt, limits.connect) };
        waiter.until_done(|| session.handshake()).map_err(failed("the SSH handshake"))?;
        let host_key_fingerprint = keys.trust.check(&session, endpoint)?;
        let waiter =
            Waiter { session: session.clone(), wait: Wait::new(interrupt, limits.connect) };
        keys.credentials.authenticate(&waiter, endpoint, limits)?;
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
