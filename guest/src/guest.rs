//! One running machine: starts or reaches it, and runs processes in it. Knows nothing about what
//! they are for.

use crate::address::{Address, SshAddress};
use crate::data_file::DataFile;
use crate::error::GuestError;
use crate::executable::Executable;
use crate::image::BootImage;
use crate::limits::{Interrupt, Limits};
use crate::loopback::{LoopbackError, LoopbackServer, USER};
use crate::qemu::{BootPhases, Launch, LaunchRecord, QemuMachine, QemuProcess};
use crate::ssh::{
    self, ClientSettings, Connection, Credentials, Endpoint, HostTrust, Keys, KnownHostsFiles,
    RemoteProcess, Shipped, SshError,
};
use std::io::Read;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

/// The limit for each step of a connection to a guest that may be emulated.
const EMULATED_CONNECT_LIMIT: Duration = Duration::from_secs(60);
/// The limit for each step of a connection through a proxy.
const PROXIED_CONNECT_LIMIT: Duration = Duration::from_secs(60);
/// How long a guest may take to finish its boot once its SSH server answers.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);
/// How much output of the command that waits for the boot is read.
const SETTLE_LEN_MAX: u64 = 4096;

/// A running machine and the SSH connection to it. Dropping it closes the connection, and ends a
/// machine that we started.
pub struct Guest {
    // Declared first, so that it is dropped before the server.
    connection: Connection,
    kind: Kind,
}

struct Qemu {
    process: QemuProcess,
    image: BootImage,
}

/// How OpenSSH's client logs in to a guest that we booted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestAccess {
    /// The port on 127.0.0.1 that leads to its SSH server.
    pub port: u16,
    /// The account.
    pub user: String,
    /// The private key that it accepts, in OpenSSH's format.
    pub client_key: String,
    /// Its host key, in the format of known_hosts.
    pub host_key: String,
}

enum Kind {
    Loopback(Box<LoopbackServer>),
    Qemu(Box<Qemu>),
    Ssh { directory: Option<String> },
}

impl Guest {
    /// Starts or reaches the machine: `loopback` runs `server`, an executable that calls
    /// [`serve_loopback`](crate::serve_loopback), in a child process.
    ///
    /// # Errors
    /// If it does not start, cannot be reached, has an unknown host key or refuses ours.
    pub fn start(
        address: &Address,
        server: &Path,
        limits: &Limits,
        interrupt: &Interrupt,
    ) -> Result<Self, GuestError> {
        match address {
            Address::Loopback => Self::start_loopback(server, limits, interrupt),
            Address::Qemu(machine) => Self::boot(machine, limits, interrupt),
            Address::Ssh(ssh) => Self::reach(ssh, limits, interrupt),
        }
    }

    /// Boots a machine under QEMU.
    pub(crate) fn boot(
        machine: &QemuMachine,
        limits: &Limits,
        interrupt: &Interrupt,
    ) -> Result<Self, GuestError> {
        let image = BootImage::find(&machine.settings.image)?;
        let disks = machine.data_disks()?;
        let launch = Launch::plan(machine, &image.files, &disks)?;
        let mut process = QemuProcess::start(&launch, image.seed.as_ref(), limits, interrupt)?;
        let endpoint = Endpoint {
            host: &Ipv4Addr::LOCALHOST.to_string(),
            port: process.port,
            user: &image.user,
            proxy: None,
            ssh_command: "cargo sevbench guest ssh",
        };
        let keys = Keys {
            trust: HostTrust::Pinned(&image.host_key),
            credentials: Credentials::Memory(&image.client_key),
        };
        // An emulated guest is slow at cryptography.
        let limits = Limits { connect: limits.connect.max(EMULATED_CONNECT_LIMIT), ..*limits };
        let connection = Connection::open(&endpoint, &keys, &limits, interrupt).map_err(
            |error| match error {
                SshError::Interrupted => GuestError::Interrupted,
                error => process.explain(&error.to_string()).into(),
            },
        )?;
        Ok(Self { connection, kind: Kind::Qemu(Box::new(Qemu { process, image })) })
    }

    fn start_loopback(
        server: &Path,
        limits: &Limits,
        interrupt: &Interrupt,
    ) -> Result<Self, GuestError> {
        let server = LoopbackServer::start(server, limits, interrupt)?;
        let endpoint = Endpoint {
            host: &Ipv4Addr::LOCALHOST.to_string(),
            port: server.port,
            user: USER,
            proxy: None,
            ssh_command: "ssh",
        };
        let keys = Keys {
            trust: HostTrust::Pinned(&server.host_key),
            credentials: Credentials::Memory(&server.client_key),
        };
        let connection =
            Connection::open(&endpoint, &keys, limits, interrupt).map_err(|error| match error {
                SshError::Interrupted => GuestError::Interrupted,
                error => server.explain(&error.to_string()).into(),
            })?;
        Ok(Self { connection, kind: Kind::Loopback(Box::new(server)) })
    }

    fn reach(ssh: &SshAddress, limits: &Limits, interrupt: &Interrupt) -> Result<Self, GuestError> {
        let settings = ClientSettings::resolve(ssh, interrupt)?;
        let endpoint = Endpoint {
            host: &settings.host,
            port: settings.port,
            user: &settings.user,
            proxy: settings.proxy.as_ref(),
            ssh_command: &ssh_command(ssh),
        };
        let known_hosts = KnownHostsFiles {
            named: ssh.known_hosts.as_deref(),
            users: &settings.known_hosts,
            system: &settings.system_known_hosts,
            alias: settings.host_key_alias.as_deref(),
        };
        let keys = Keys {
            trust: HostTrust::KnownHosts(known_hosts),
            credentials: Credentials::of(&settings, ssh.key.as_deref()),
        };
        // A proxy makes connections of its own first.
        let proxied = settings.proxy.as_ref().map(|_| limits.connect.max(PROXIED_CONNECT_LIMIT));
        let connect = settings.connect_limit.or(proxied).unwrap_or(limits.connect);
        let limits = Limits { connect, ..*limits };
        let connection = Connection::open(&endpoint, &keys, &limits, interrupt)?;
        Ok(Self { connection, kind: Kind::Ssh { directory: ssh.directory.clone() } })
    }

    /// Copies the executable into the guest, unless the guest has one with its hash.
    ///
    /// # Errors
    /// If the guest has another architecture, has no space, or cannot run it; or if the executable
    /// is dynamically linked, since the guest may lack its libraries.
    pub fn ship(&mut self, executable: &Executable) -> Result<Shipped, GuestError> {
        match &self.kind {
            Kind::Loopback(_) => {
                ssh::ship(&self.connection, executable, None).map_err(suggest_temporary_folder)
            }
            Kind::Qemu(_) => self.ship_static(executable, None),
            Kind::Ssh { directory } => self.ship_static(executable, directory.as_deref()),
        }
    }

    /// Copies a file into the guest, beside the executables, unless the guest has one with its
    /// hash. Its name there is its hash.
    ///
    /// # Errors
    /// If the guest has no space for it.
    pub fn ship_file(&mut self, file: &DataFile) -> Result<Shipped, GuestError> {
        let directory = match &self.kind {
            Kind::Ssh { directory } => directory.as_deref(),
            Kind::Loopback(_) | Kind::Qemu(_) => None,
        };
        Ok(ssh::ship_file(&self.connection, file, directory)?)
    }

    fn ship_static(
        &self,
        executable: &Executable,
        directory: Option<&str>,
    ) -> Result<Shipped, GuestError> {
        executable.check_static().map_err(SshError::from)?;
        Ok(ssh::ship(&self.connection, executable, directory)?)
    }

    const fn qemu(&self) -> Option<&QemuProcess> {
        match &self.kind {
            Kind::Qemu(qemu) => Some(&qemu.process),
            Kind::Loopback(_) | Kind::Ssh { .. } => None,
        }
    }

    /// How OpenSSH's client logs in, if we booted the guest.
    pub fn access(&self) -> Option<GuestAccess> {
        let Kind::Qemu(qemu) = &self.kind else { return None };
        let Qemu { process, image } = &**qemu;
        Some(GuestAccess {
            port: process.port,
            user: image.user.clone(),
            client_key: image.client_key.clone(),
            host_key: image.host_key.to_openssh().ok()?,
        })
    }

    /// How QEMU was launched; `None` if we did not boot the machine.
    pub fn launch_record(&self) -> Option<&LaunchRecord> {
        self.qemu().map(|process| &process.record)
    }

    /// How long each phase of its boot took, if we booted it under QEMU.
    pub fn boot_phases(&self) -> Option<BootPhases> {
        self.qemu().map(|process| process.phases)
    }

    /// The QEMU process, if we booted the machine.
    pub fn machine_process_id(&self) -> Option<u32> {
        self.qemu().map(QemuProcess::id)
    }

    /// Whether the QEMU process of a machine that we booted is stopped, as by SIGSTOP. The guest
    /// cannot tell.
    pub fn is_stopped(&self) -> bool {
        self.machine_process_id().is_some_and(sevbench_process::is_stopped)
    }

    /// Waits until a guest that we booted has finished its boot; otherwise the rest of the boot
    /// would be measured too. Best effort: a guest without systemd is not waited for.
    pub fn wait_until_booted(&self) {
        if self.qemu().is_none() {
            return;
        }
        let command = "systemctl is-system-running --wait";
        if let Ok(mut process) = self.connection.exec(command, "waiting for the end of the boot") {
            process.set_deadline(Instant::now() + SETTLE_LIMIT);
            process.by_ref().take(SETTLE_LEN_MAX).read_to_end(&mut Vec::new()).ok();
        }
    }

    /// Why the machine no longer responds; `None` if it does, or if we did not boot it.
    pub fn defect(&mut self) -> Option<String> {
        match &mut self.kind {
            Kind::Qemu(qemu) => qemu.process.defect(),
            Kind::Loopback(_) | Kind::Ssh { .. } => None,
        }
    }

    /// Stops or resumes the CPUs of a machine that we booted, so that it is idle while another
    /// machine is measured. Other machines are not affected.
    ///
    /// # Errors
    /// If QEMU refuses, or does not answer.
    pub fn set_paused(&mut self, paused: bool) -> Result<(), GuestError> {
        match &mut self.kind {
            Kind::Qemu(qemu) => {
                let process = &mut qemu.process;
                let result = process.set_paused(paused);
                result.map_err(|error| process.explain(&error.to_string()).into())
            }
            Kind::Loopback(_) | Kind::Ssh { .. } => Ok(()),
        }
    }

    /// Starts the shipped executable with arguments.
    ///
    /// # Errors
    /// If the guest's shell does not start it. If the executable itself cannot be run, its output
    /// ends, and [`RemoteProcess::cannot_run`] says why.
    pub fn spawn(
        &mut self,
        shipped: &Shipped,
        arguments: &[&str],
    ) -> Result<RemoteProcess, GuestError> {
        Ok(ssh::start(&self.connection, shipped, arguments)?)
    }

    /// SHA-256 of the host's key, as OpenSSH prints it.
    pub fn host_key_fingerprint(&self) -> &str {
        &self.connection.host_key_fingerprint
    }

    /// How many segments TCP has retransmitted from here since the connection began; `None` if
    /// unknown.
    pub fn transport_retries(&self) -> Option<u32> {
        self.connection.transport_retries()
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
            Kind::Loopback(server) => Ok(server.shut_down()?),
            Kind::Qemu(mut qemu) => {
                qemu.process.end();
                Ok(())
            }
            Kind::Ssh { .. } => Ok(()),
        }
    }
}

/// How a person reaches a machine with OpenSSH's client.
fn ssh_command(ssh: &SshAddress) -> String {
    let mut words = vec!["ssh".to_owned()];
    if let Some(config) = ssh.config.argument() {
        words.push(format!("-F {}", config.display()));
    }
    if let Some(port) = ssh.port {
        words.push(format!("-p {port}"));
    }
    let user = ssh.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
    words.push(format!("{user}{}", ssh.host));
    words.join(" ")
}

/// A loopback guest has no `?dir=`: its home is in the folder for temporary files.
fn suggest_temporary_folder(error: SshError) -> GuestError {
    let (SshError::Directory { reason }
    | SshError::Upload { reason, .. }
    | SshError::CannotRun { reason, .. }) = error
    else {
        return error.into();
    };
    let hint = "set TMPDIR to a folder with free space that is not mounted noexec";
    LoopbackError::Server { reason: format!("{reason}; {hint}") }.into()
}
