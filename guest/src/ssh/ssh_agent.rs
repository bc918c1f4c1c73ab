//! The SSH agent's keys. libssh2 waits for an agent without a limit, so it is asked first whether
//! it answers.

use super::client_settings::AgentSocket;
use crate::limits::is_interrupt;
use crate::wait::Wait;
use socket2::{Domain, SockAddr, Socket, Type};
use ssh2::{Agent, PublicKey, Session};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use thiserror::Error;

/// How long the agent may take to answer.
const LIMIT: Duration = Duration::from_secs(5);
/// The request for the list of keys: its length, and its number.
const LIST_REQUEST: [u8; 5] = [0, 0, 0, 1, 11];

/// A connected agent.
pub(super) struct SshAgent {
    pub(super) agent: Agent,
    pub(super) keys: Vec<PublicKey>,
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
    /// The number of this public key.
    pub(super) fn find(&self, public_key: &Option<Vec<u8>>) -> Option<usize> {
        let wanted = public_key.as_deref()?;
        self.keys.iter().position(|key| key.blob() == wanted)
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
    let broken = |source| AgentProblem::Broken { path: path.clone(), source };
    let mut agent = session.agent().map_err(broken)?;
    agent.set_identity_path(&path).map_err(broken)?;
    agent.connect().map_err(broken)?;
    agent.list_identities().map_err(broken)?;
    let keys = agent.identities().map_err(broken)?;
    Ok(Some(SshAgent { agent, keys }))
}

/// Whether the agent begins to answer.
fn check(path: &Path, wait: &Wait) -> io::Result<()> {
    let mut socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    // A full queue of connections is an error here, not a wait.
    socket.connect(&SockAddr::unix(path)?)?;
    socket.write_all(&LIST_REQUEST)?;
    wait.until_ready(socket.as_raw_fd(), libc::POLLIN)?;
    match socket.read(&mut [0; LIST_REQUEST.len()])? {
        0 => Err(io::Error::other("it closed the connection")),
        _ => Ok(()),
    }
}
