//! A guest held for interactive use. One process holds it and ends with it; others find it through
//! files in the cache folder.

use crate::address::Address;
use crate::cache_folder::{NoCacheFolder, cache_folder, make_private};
use crate::error::GuestError;
use crate::guest::{Guest, GuestAccess};
use crate::limits::{Interrupt, Limits};
use crate::prepare::{HostUse, prepare};
use crate::qemu::QemuMachine;
use crate::wait::Wait;
use serde::{Deserialize, Serialize};
use sevbench_process::ProcessIdentity;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use thiserror::Error;

/// The time between two checks of the guest and of the interrupt.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How long a holder has to end its guest.
const END_LIMIT: Duration = Duration::from_secs(20);

const FOLDER: &str = "held-guest";
const RECORD_FILE: &str = "guest.json";
const CLIENT_KEY_FILE: &str = "client_key";
const KNOWN_HOSTS_FILE: &str = "known_hosts";

/// A guest that a process holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldGuest {
    /// The number of the process that holds it.
    pub holder: u32,
    /// When that process started, in clock ticks since boot: its number may be reused.
    holder_start: u64,
    /// The name of its arm.
    pub arm: String,
    /// The port on 127.0.0.1 that leads to its SSH server.
    pub port: u16,
    /// The account to log in to.
    pub user: String,
    /// The folder of its files.
    #[serde(skip)]
    folder: PathBuf,
}

/// A held guest that could not be started, found or ended.
#[derive(Debug, Error)]
pub enum HeldGuestError {
    /// The guest did not come up.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// There is no folder for its files.
    #[error(transparent)]
    NoCacheFolder(#[from] NoCacheFolder),
    /// Its files cannot be written.
    #[error("cannot write to {}: {source}", path.display())]
    Files {
        /// Their folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its holder does not end it.
    #[error(
        "process {holder} still holds the guest after {} s: type `kill -9 {holder}`",
        limit.as_secs()
    )]
    StillHeld {
        /// The process.
        holder: u32,
        /// How long it had.
        limit: Duration,
    },
}

impl HeldGuest {
    /// Boots a machine and holds it until the interrupt is set or the machine ends. Calls `ready`
    /// once it is up.
    ///
    /// # Errors
    /// If it does not come up; nothing is left behind then.
    pub fn hold(
        arm: &str,
        machine: &QemuMachine,
        interrupt: &Interrupt,
        tell: &mut dyn FnMut(&str),
        ready: &mut dyn FnMut(&Self),
    ) -> Result<(), HeldGuestError> {
        let address = Address::Qemu(Box::new(machine.clone()));
        let _prepared = prepare(&[&address], HostUse::Exclusive, interrupt, tell)?;
        let mut guest = Guest::boot(machine, &Limits::default(), interrupt)?;
        let folder = cache_folder(FOLDER)?;
        let files = Files::write(&folder, arm, &guest)
            .map_err(|source| HeldGuestError::Files { path: folder.clone(), source })?;
        ready(&files.guest);
        while !interrupt.is_set() && guest.defect().is_none() {
            thread::sleep(POLL_INTERVAL);
        }
        Ok(guest.shut_down()?)
    }

    /// The guest that is held on this host, if there is one.
    ///
    /// # Errors
    /// If there is no folder for its files.
    pub fn find() -> Result<Option<Self>, NoCacheFolder> {
        let folder = cache_folder(FOLDER)?;
        let text = fs::read_to_string(folder.join(RECORD_FILE)).unwrap_or_default();
        let found = serde_json::from_str::<Self>(&text).ok();
        Ok(found.filter(Self::is_held).map(|guest| Self { folder, ..guest }))
    }

    /// The arguments with which OpenSSH's client logs in.
    pub fn ssh_arguments(&self) -> Vec<String> {
        let option = |text: String| ["-o".to_owned(), text];
        let file = |name: &str| self.folder.join(name).display().to_string();
        let mut arguments =
            vec!["-p".into(), self.port.to_string(), "-i".into(), file(CLIENT_KEY_FILE)];
        arguments.extend(option(format!("UserKnownHostsFile=\"{}\"", file(KNOWN_HOSTS_FILE))));
        arguments.extend(option("StrictHostKeyChecking=yes".into()));
        arguments.extend(option("IdentitiesOnly=yes".into()));
        arguments.push(format!("{}@127.0.0.1", self.user));
        arguments
    }

    /// Asks the holder to end the guest, and waits until it has.
    ///
    /// # Errors
    /// If the holder does not end it in time.
    pub fn end(&self) -> Result<(), HeldGuestError> {
        // A holder that refuses the signal is reported below.
        self.identity().signal(libc::SIGTERM).ok();
        let wait = Wait::uninterrupted(END_LIMIT);
        while self.is_held() {
            if wait.slice().is_err() {
                return Err(HeldGuestError::StillHeld { holder: self.holder, limit: END_LIMIT });
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// Whether the recorded process still runs, and not another one that reused its number.
    fn is_held(&self) -> bool {
        self.identity().is_alive()
    }

    const fn identity(&self) -> ProcessIdentity {
        ProcessIdentity { id: self.holder, start: self.holder_start }
    }
}

/// The files through which others find the guest. Dropping them removes them.
struct Files {
    guest: HeldGuest,
}

impl Files {
    /// Writes them into a folder that only its owner can read.
    fn write(folder: &Path, arm: &str, guest: &Guest) -> io::Result<Self> {
        let Some(GuestAccess { port, user, client_key, host_key }) = guest.access() else {
            return Err(io::Error::other("the guest has no forwarded port"));
        };
        fs::remove_dir_all(folder).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        make_private(folder)?;
        let holder = std::process::id();
        let holder_start = ProcessIdentity::of(holder).map_or(0, |identity| identity.start);
        let (arm, folder) = (arm.into(), folder.into());
        let guest = HeldGuest { holder, holder_start, arm, port, user, folder };
        let files = Self { guest };
        files.write_file(CLIENT_KEY_FILE, &client_key)?;
        files.write_file(KNOWN_HOSTS_FILE, &format!("[127.0.0.1]:{port} {host_key}\n"))?;
        files.write_file(RECORD_FILE, &serde_json::to_string(&files.guest)?)?;
        Ok(files)
    }

    fn write_file(&self, name: &str, text: &str) -> io::Result<()> {
        let path = self.guest.folder.join(name);
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // Files that stay name a process that is gone; the next holder removes them.
        fs::remove_dir_all(&self.guest.folder).ok();
    }
}
