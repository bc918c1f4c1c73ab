//! One running machine: started or reached, and asked to run processes. Knows nothing of what they are for.

use crate::loopback::{LoopbackServer, USER};
use crate::ssh::{self, Connection, Credentials, Endpoint, HostTrust, RemoteProcess, Shipped};
use crate::{Address, Executable, GuestError, Interrupt, Limits, SshAddress};
use std::net::Ipv4Addr;

/// A running machine and the SSH connection to it. Dropping it closes the connection, and ends a machine that we
/// started.
pub struct Guest {
    // First, so that it is closed before the server is ended.
    connection: Connection,
    kind: Kind,
}

enum Kind {
    Loopback(Box<LoopbackServer>),
    Ssh { directory: Option<String> },
}

impl Guest {
    /// Starts the machine, or reaches it: `loopback` runs `executable` as a server in a child process.
    ///
    /// # Errors
    /// If it does not start, cannot be reached, is not trusted or does not trust us.
    pub fn start(
        address: &Address,
        executable: &Executable,
        limits: &Limits,
        interrupt: &Interrupt,
    ) -> Result<Self, GuestError> {
        match address {
            Address::Loopback => Self::start_loopback(executable, limits, interrupt),
            Address::Ssh(ssh) => Self::reach(ssh, limits, interrupt),
        }
    }

    fn start_loopback(
        executable: &Executable,
        limits: &Limits,
        interrupt: &Interrupt,
    ) -> Result<Self, GuestError> {
        let server = LoopbackServer::start(&executable.path, limits, interrupt)?;
        let endpoint = Endpoint {
            host: &Ipv4Addr::LOCALHOST.to_string(),
            port: server.port,
            user: USER,
            trust: HostTrust::Pinned(&server.host_key),
            credentials: Credentials::Memory(&server.client_key),
        };
        let connection = Connection::open(&endpoint, limits, interrupt)
            .map_err(|error| server.explain(error))?;
        Ok(Self { connection, kind: Kind::Loopback(Box::new(server)) })
    }

    fn reach(ssh: &SshAddress, limits: &Limits, interrupt: &Interrupt) -> Result<Self, GuestError> {
        let endpoint = Endpoint {
            host: &ssh.host,
            port: ssh.port,
            user: &ssh.user,
            trust: HostTrust::KnownHosts(ssh.known_hosts.as_deref()),
            credentials: ssh.key.as_deref().map_or(Credentials::Default, Credentials::File),
        };
        let connection = Connection::open(&endpoint, limits, interrupt)?;
        Ok(Self { connection, kind: Kind::Ssh { directory: ssh.directory.clone() } })
    }

    /// Puts the executable into the guest, unless one with its hash is there.
    ///
    /// # Errors
    /// If the guest is of another architecture, has no room, or cannot run it; or if it is dynamically linked and so
    /// may lack its libraries there.
    pub fn ship(&mut self, executable: &Executable) -> Result<Shipped, GuestError> {
        match &self.kind {
            Kind::Loopback(_) => {
                ssh::ship(&self.connection, executable, None).map_err(name_temporary_folder)
            }
            Kind::Ssh { directory } => {
                if let Some(interpreter) = executable.interpreter.clone() {
                    return Err(GuestError::Dynamic { interpreter });
                }
                ssh::ship(&self.connection, executable, directory.as_deref())
            }
        }
    }

    /// Starts the shipped executable with arguments.
    ///
    /// # Errors
    /// If the guest's shell does not get as far as starting it. Where the executable itself cannot be run, its output
    /// ends, and [`RemoteProcess::cannot_run`] says why.
    pub fn spawn(
        &mut self,
        shipped: &Shipped,
        arguments: &[&str],
    ) -> Result<RemoteProcess, GuestError> {
        ssh::start(&self.connection, shipped, arguments)
    }

    /// SHA-256 of the host's key, as OpenSSH prints it.
    pub fn host_key_fingerprint(&self) -> &str {
        &self.connection.host_key_fingerprint
    }

    /// Closes the connection, and ends a machine that we started.
    ///
    /// # Errors
    /// If a machine that we started leaves something behind.
    pub fn shut_down(self) -> Result<(), GuestError> {
        let Self { connection, kind } = self;
        connection.close();
        drop(connection);
        match kind {
            Kind::Loopback(server) => server.shut_down(),
            Kind::Ssh { .. } => Ok(()),
        }
    }
}

/// A loopback guest has no `?dir=`: its home is in the folder for temporary files.
fn name_temporary_folder(error: GuestError) -> GuestError {
    let (GuestError::Directory { reason }
    | GuestError::Upload { reason, .. }
    | GuestError::CannotRun { reason, .. }) = error
    else {
        return error;
    };
    let hint = "set TMPDIR to a folder with room that is not mounted noexec";
    GuestError::Loopback { reason: format!("{reason}; {hint}") }
}
