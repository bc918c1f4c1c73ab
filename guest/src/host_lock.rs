//! Allows one run with guests at a time on a host, among processes that share a network namespace.
//! The lock is an abstract socket name: it ends with its owner and leaves no file.

use std::io;
use std::mem;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use thiserror::Error;

/// The lock's name in the kernel's abstract socket namespace.
const NAME: &str = "sevbench-guests-on-this-host";

/// Held for as long as guests may run.
#[derive(Debug)]
pub struct HostLock {
    _listener: UnixListener,
}

/// A lock that was not taken.
#[derive(Debug, Error)]
pub enum HostLockError {
    /// Another run has guests on this host.
    #[error(
        "{owner} has guests on this host, and two runs at once would disturb each other: wait until \
         it has finished, or type `cargo sevbench guest down` if that process holds a guest"
    )]
    Busy {
        /// The process that has the lock.
        owner: String,
    },
    /// The kernel refuses the lock.
    #[error("cannot take the lock for guests on this host: {reason}")]
    Failed {
        /// Why.
        reason: String,
    },
}

impl HostLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// If another process holds it; the error names that process.
    pub fn take() -> Result<Self, HostLockError> {
        let failed = |error: io::Error| HostLockError::Failed { reason: error.to_string() };
        let address = SocketAddr::from_abstract_name(NAME).map_err(failed)?;
        match UnixListener::bind_addr(&address) {
            Ok(listener) => Ok(Self { _listener: listener }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                Err(HostLockError::Busy { owner: owner(&address) })
            }
            Err(error) => Err(failed(error)),
        }
    }
}

/// A description of the process that holds the lock.
fn owner(address: &SocketAddr) -> String {
    let id = UnixStream::connect_addr(address).and_then(|stream| peer(&stream));
    match id {
        Ok(id) => {
            let command = std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
            format!("process {id} ({})", command.trim())
        }
        Err(_) => "another process".into(),
    }
}

/// The process at the other end of a connection.
fn peer(stream: &UnixStream) -> io::Result<libc::pid_t> {
    let mut credentials = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut len = mem::size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the pointers are to a whole structure and to its length, which the call fills and
    // does not keep.
    let result = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &raw mut len,
        )
    };
    if result == 0 { Ok(credentials.pid) } else { Err(io::Error::last_os_error()) }
}
