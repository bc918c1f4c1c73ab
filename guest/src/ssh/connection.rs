//! One authenticated SSH connection.

use super::algorithms::{Disagreement, disagreement};
use super::authenticate::Credentials;
use super::client_settings::ProxyCommand;
use super::connect::connect;
use super::endpoint::Endpoint;
use super::error::SshError;
use super::host_key::HostTrust;
use super::process::RemoteProcess;
use super::proxy::Proxy;
use super::retries::transport_retries;
use super::waiter::{StepError, Waiter};
use crate::limits::{Interrupt, Limits, is_interrupt};
use crate::wait::Wait;
use ssh2::{Channel, ErrorCode, Session};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

/// libssh2's error for a channel that the server refuses to open.
const CHANNEL_REFUSED: ErrorCode = ErrorCode::Session(-21);
/// libssh2's errors for a server with which it has no algorithm in common.
const NO_AGREEMENT: [ErrorCode; 2] = [ErrorCode::Session(-5), ErrorCode::Session(-8)];
/// How long a server that refuses a channel is asked again, and the time between two tries.
const REFUSED_LIMIT: Duration = Duration::from_secs(5);
const REFUSED_PAUSE: Duration = Duration::from_millis(50);

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
    // Declared last, so that it ends after the session.
    _proxy: Option<Proxy>,
}

impl Connection {
    /// Connects, checks the host key, authenticates.
    pub(crate) fn open(
        endpoint: &Endpoint<'_>,
        keys: &Keys<'_>,
        limits: &Limits,
        interrupt: &Interrupt,
    ) -> Result<Self, SshError> {
        let mut session = Session::new()
            .map_err(|error| endpoint.explain(StepError::Ssh(error), "starting", limits))?;
        session.set_blocking(false);
        let mut proxy = match endpoint.proxy {
            None => {
                let stream = connect((endpoint.host, endpoint.port), limits, interrupt)?;
                session.set_tcp_stream(stream);
                None
            }
            Some(command) => {
                let (proxy, stream) = start_proxy(endpoint, command)?;
                session.set_tcp_stream(stream);
                Some(proxy)
            }
        };
        let logged_in = log_in(&session, endpoint, keys, limits, interrupt);
        match (logged_in, &mut proxy) {
            (Ok(host_key_fingerprint), _) => Ok(Self {
                session,
                host_key_fingerprint,
                limits: *limits,
                interrupt: interrupt.clone(),
                _proxy: proxy,
            }),
            // The program knows better than we do why nothing came.
            (Err(error @ (SshError::Silent { .. } | SshError::Handshake { .. })), Some(proxy)) => {
                Err(SshError::Proxy {
                    host: endpoint.host.into(),
                    command: proxy.command().into(),
                    reason: proxy.explain(&error.to_string()),
                })
            }
            (Err(error), _) => Err(error),
        }
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
        let mut channel = self.open_channel(&waiter, step)?;
        waiter.until_done(|| channel.exec(command)).map_err(failed)?;
        Ok(RemoteProcess::new(channel, waiter))
    }

    /// Opens a channel. A server counts a session until it has reaped the last process of it, which
    /// can be a little after the channel's end, so a refusal is not final at once.
    fn open_channel(&self, waiter: &Waiter, step: &'static str) -> Result<Channel, SshError> {
        let mut waiter = Waiter { session: waiter.session.clone(), wait: waiter.wait.clone() };
        let mut refusal = None;
        loop {
            let failed = match waiter.until_done(|| self.session.channel_session()) {
                Ok(channel) => return Ok(channel),
                Err(StepError::Ssh(error)) if error.code() == CHANNEL_REFUSED => {
                    if refusal.replace(error.message().to_owned()).is_none() {
                        let last_try = Instant::now() + REFUSED_LIMIT;
                        waiter.wait.deadline = waiter.wait.deadline.min(last_try);
                    }
                    match waiter.wait.slice() {
                        Ok(pause) => {
                            thread::sleep(pause.min(REFUSED_PAUSE));
                            continue;
                        }
                        Err(error) => error,
                    }
                }
                Err(error) => error.into(),
            };
            return Err(match refusal {
                Some(reason) if failed.kind() == io::ErrorKind::TimedOut => {
                    SshError::NoSession { step, reason }
                }
                _ => self.explain(failed, step),
            });
        }
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

/// Makes the handshake, checks the host key and authenticates. Returns the host key's fingerprint.
fn log_in(
    session: &Session,
    endpoint: &Endpoint<'_>,
    keys: &Keys<'_>,
    limits: &Limits,
    interrupt: &Interrupt,
) -> Result<String, SshError> {
    keys.trust.prefer_known_types(session, endpoint)?;
    let waiter = || Waiter { session: session.clone(), wait: Wait::new(interrupt, limits.connect) };
    let mut handshaking = session.clone();
    match waiter().until_done(|| handshaking.handshake()) {
        Err(StepError::Ssh(error)) if NO_AGREEMENT.contains(&error.code()) => {
            let error = endpoint.explain(StepError::Ssh(error), "the SSH handshake", limits);
            return Err(explain_handshake(error, session, endpoint, limits, interrupt));
        }
        result => result.map_err(|error| endpoint.explain(error, "the SSH handshake", limits))?,
    }
    let host_key_fingerprint = keys.trust.check(session, endpoint)?;
    keys.credentials.authenticate(&waiter(), endpoint, limits)?;
    Ok(host_key_fingerprint)
}

/// Names the kind of algorithm that client and server do not share. Returns `error` if they share
/// all.
fn explain_handshake(
    error: SshError,
    session: &Session,
    endpoint: &Endpoint<'_>,
    limits: &Limits,
    interrupt: &Interrupt,
) -> SshError {
    let wait = Wait::new(interrupt, limits.connect);
    let disagreement = match endpoint.proxy {
        None => connect((endpoint.host, endpoint.port), limits, interrupt)
            .ok()
            .and_then(|stream| disagreement(session, stream, &wait)),
        Some(command) => start_proxy(endpoint, command)
            .ok()
            .and_then(|(_proxy, stream)| disagreement(session, stream, &wait)),
    };
    match disagreement {
        Some(Disagreement { kind, ours, theirs }) => SshError::NoCommonAlgorithm {
            host: endpoint.host.into(),
            kind,
            ours: ours.join(", "),
            theirs: theirs.join(", "),
        },
        None => error,
    }
}

fn start_proxy(
    endpoint: &Endpoint<'_>,
    command: &ProxyCommand,
) -> Result<(Proxy, UnixStream), SshError> {
    Proxy::start(command).map_err(|error| SshError::Proxy {
        host: endpoint.host.into(),
        command: command.to_string(),
        reason: error.to_string(),
    })
}
