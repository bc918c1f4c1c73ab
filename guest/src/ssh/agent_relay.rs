//! A socket between libssh2 and the SSH agent. libssh2 waits for an agent without a limit. This
//! relay gives up at a deadline or when the user cancels, which libssh2 sees as the agent's end.

use crate::wait::Wait;
use sevbench_process::poll;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;
use tempfile::TempDir;

const PIECE_LEN: usize = 16 << 10;

/// The relay's socket, in a private folder. It serves one connection.
pub(super) struct AgentRelay {
    path: PathBuf,
    _folder: TempDir,
}

impl AgentRelay {
    /// Starts to serve, on a thread that ends with the connection or the wait.
    pub(super) fn start(agent: &Path, wait: Wait) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("sevbench-agent-").tempdir()?;
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path)?;
        let agent = connect(agent)?;
        let serve = move || -> io::Result<()> {
            wait.until_ready(listener.as_raw_fd(), libc::POLLIN)?;
            let (client, _) = listener.accept()?;
            client.set_nonblocking(true)?;
            relay(&mut Socket::from(client), &mut { agent }, &wait)
        };
        // Its error is that the agent does not answer, which libssh2 reports.
        thread::Builder::new().name("ssh-agent".into()).spawn(move || serve().ok())?;
        Ok(Self { path, _folder: folder })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Connects without waiting: a full queue of connections is an error.
pub(super) fn connect(agent: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(agent)?)?;
    Ok(socket)
}

/// Copies bytes in both directions until one side ends.
fn relay(client: &mut Socket, agent: &mut Socket, wait: &Wait) -> io::Result<()> {
    loop {
        let polled = [client.as_raw_fd(), agent.as_raw_fd()];
        let mut polled = polled.map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
        poll(&mut polled, wait.slice()?)?;
        if polled[0].revents != 0 && !pass(client, agent, wait)? {
            return Ok(());
        }
        if polled[1].revents != 0 && !pass(agent, client, wait)? {
            return Ok(());
        }
    }
}

/// Passes on what has arrived. Returns whether the side may say more.
fn pass(from: &mut Socket, to: &mut Socket, wait: &Wait) -> io::Result<bool> {
    let mut piece = [0; PIECE_LEN];
    let mut left = match from.read(&mut piece) {
        Ok(0) => return Ok(false),
        Ok(len) => &piece[..len],
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
        Err(error) => return Err(error),
    };
    while !left.is_empty() {
        match to.write(left) {
            Ok(len) => left = &left[len..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wait.until_ready(to.as_raw_fd(), libc::POLLOUT)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
