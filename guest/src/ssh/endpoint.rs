//! Where to connect, and how a failure to do so is explained.

use super::client_settings::ProxyCommand;
use super::error::SshError;
use super::waiter::StepError;
use crate::limits::{Limits, is_interrupt};
use std::io;

/// Where to connect, as whom, and through which program, if any.
pub(crate) struct Endpoint<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) user: &'a str,
    pub(crate) proxy: Option<&'a ProxyCommand>,
    /// How a person reaches it with OpenSSH's client.
    pub(crate) ssh_command: &'a str,
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
