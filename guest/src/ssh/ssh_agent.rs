//! The SSH agent's keys. libssh2 waits for an agent without a limit, so a relay stands in between.

use super::agent_relay::{AgentRelay, connect};
use super::client_settings::AgentSocket;
use super::key_file::{KeyFile, is_security_key};
use crate::limits::is_interrupt;
use crate::wait::Wait;
use ssh2::{Agent, PublicKey, Session};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use thiserror::Error;

/// How long the agent may take to answer a simple question.
const LIMIT: Duration = Duration::from_secs(5);
/// How long it may take for all signatures. It may ask its user.
pub(super) const SIGN_LIMIT: Duration = Duration::from_secs(60);
/// The request for the list of keys: its length, and its number.
const LIST_REQUEST: [u8; 5] = [0, 0, 0, 1, 11];

/// A connected agent.
pub(super) struct SshAgent {
    // Declared first, so that its connection is closed before the relay ends.
    pub(super) agent: Agent,
    pub(super) keys: Vec<PublicKey>,
    /// How many of its keys libssh2 cannot use.
    pub(super) unusable: usize,
    _relay: AgentRelay,
}

/// An agent that is no use.
#[derive(Debug, Error)]
pub(super) enum AgentProblem {
    #[error("the SSH agent at {}: {source}", path.display())]
    Silent { path: PathBuf, source: io::Error },
    #[error("the SSH agent at {}: {}", path.display(), source.message())]
    Broken { path: PathBuf, source: ssh2::Error },
    #[error("interrupted")]
    Interrupted,
}

impl SshAgent {
    /// The numbers of the certificate and the key of a file.
    pub(super) fn keys_of(&self, file: &KeyFile) -> Vec<usize> {
        let find = |blob: &[u8]| self.keys.iter().position(|key| key.blob() == blob);
        let wanted = [&file.certificate_key, &file.public_key];
        wanted.into_iter().flatten().filter_map(|blob| find(blob)).collect()
    }
}

/// Connects to the agent and asks for its keys; `None` if there is none.
pub(super) fn open(
    session: &Session,
    socket: &AgentSocket,
    wait: &Wait,
) -> Result<Option<SshAgent>, AgentProblem> {
    let path = match socket {
        AgentSocket::Unused => return Ok(None),
        AgentSocket::Path(path) => path.clone(),
        AgentSocket::Environment => match std::env::var_os("SSH_AUTH_SOCK") {
            Some(path) if !path.is_empty() => path.into(),
            _ => return Ok(None),
        },
    };
    let wait = Wait { deadline: wait.deadline.min(Instant::now() + LIMIT), ..wait.clone() };
    match check(&path, &wait) {
        Ok(()) => {}
        Err(error) if is_interrupt(&error) => return Err(AgentProblem::Interrupted),
        // As for OpenSSH's client, a socket that nobody serves is as good as none.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            let source =
                io::Error::other(format!("it does not answer within {} s", LIMIT.as_secs()));
            return Err(AgentProblem::Silent { path, source });
        }
        Err(source) => return Err(AgentProblem::Silent { path, source }),
    }
    let silent = |source| AgentProblem::Silent { path: path.clone(), source };
    let relay = AgentRelay::start(&path, Wait::new(&wait.interrupt, SIGN_LIMIT)).map_err(silent)?;
    let broken = |source| AgentProblem::Broken { path: path.clone(), source };
    let mut agent = session.agent().map_err(broken)?;
    agent.set_identity_path(relay.path()).map_err(broken)?;
    agent.connect().map_err(broken)?;
    agent.list_identities().map_err(broken)?;
    let all = agent.identities().map_err(broken)?;
    let count = all.len();
    let keys: Vec<PublicKey> = all.into_iter().filter(|key| !is_security_key(key.blob())).collect();
    let unusable = count - keys.len();
    Ok(Some(SshAgent { agent, keys, unusable, _relay: relay }))
}

/// Whether the agent begins to answer.
fn check(path: &Path, wait: &Wait) -> io::Result<()> {
    let mut socket = connect(path)?;
    socket.write_all(&LIST_REQUEST)?;
    wait.until_ready(socket.as_raw_fd(), libc::POLLIN)?;
    match socket.read(&mut [0; LIST_REQUEST.len()])? {
        0 => Err(io::Error::other("it closed the connection")),
        _ => Ok(()),
    }
}
