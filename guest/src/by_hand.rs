//! A guest for work by hand: one process holds it and ends with it, others find it by the files that the holder leaves
//! in the cache folder.

use crate::image::cache_folder;
use crate::wait::Wait;
use crate::{Address, Guest, GuestAccess, GuestError, Interrupt, Limits, QemuMachine, prepare};
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// The time between two looks at the guest and at the wish to end.
const LOOK_PAUSE: Duration = Duration::from_millis(200);
/// How long a holder has to end its guest.
const END_LIMIT: Duration = Duration::from_secs(20);

const STATE: &str = "guest.json";
const CLIENT_KEY: &str = "client_key";
const KNOWN_HOSTS: &str = "known_hosts";

/// A guest that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestByHand {
    /// The process that holds it.
    pub holder: u32,
    /// Its arm's name.
    pub arm: String,
    /// The port on 127.0.0.1 that leads to its SSH server.
    pub port: u16,
    /// The account to log in to.
    pub user: String,
    /// The folder of its files.
    #[serde(skip)]
    folder: PathBuf,
}

impl GuestByHand {
    /// Boots a machine and holds it until the interrupt is set or it ends; says once that it is up.
    ///
    /// # Errors
    /// If it does not come up; nothing is left then.
    pub fn hold(
        arm: &str,
        machine: &QemuMachine,
        interrupt: &Interrupt,
        tell: &mut dyn FnMut(&str),
        ready: &mut dyn FnMut(&Self),
    ) -> Result<(), GuestError> {
        let address = Address::Qemu(Box::new(machine.clone()));
        let _prepared = prepare(&[&address], interrupt, tell)?;
        let mut guest = Guest::boot(machine, &Limits::default(), interrupt)?;
        let folder = folder()?;
        let files = Files::make(&folder, arm, &guest)
            .map_err(|source| GuestError::ByHand { path: folder.clone(), source })?;
        ready(&files.guest);
        while !interrupt.is_set() && guest.defect().is_none() {
            thread::sleep(LOOK_PAUSE);
        }
        guest.shut_down()
    }

    /// The guest that is held on this host, if there is one.
    ///
    /// # Errors
    /// If there is no folder for its files.
    pub fn find() -> Result<Option<Self>, GuestError> {
        let folder = folder()?;
        let text = fs::read_to_string(folder.join(STATE)).unwrap_or_default();
        let found = serde_json::from_str::<Self>(&text).ok();
        Ok(found.filter(Self::is_held).map(|guest| Self { folder, ..guest }))
    }

    /// The arguments of OpenSSH's client that lead into it.
    pub fn ssh_arguments(&self) -> Vec<String> {
        let option = |text: String| ["-o".to_owned(), text];
        let file = |name: &str| self.folder.join(name).display().to_string();
        let mut arguments = vec!["-p".into(), self.port.to_string(), "-i".into(), file(CLIENT_KEY)];
        arguments.extend(option(format!("UserKnownHostsFile=\"{}\"", file(KNOWN_HOSTS))));
        arguments.extend(option("StrictHostKeyChecking=yes".into()));
        arguments.extend(option("IdentitiesOnly=yes".into()));
        arguments.push(format!("{}@127.0.0.1", self.user));
        arguments
    }

    /// Has its holder end it, and waits for that.
    ///
    /// # Errors
    /// If it goes on all the same.
    pub fn end(&self) -> Result<(), GuestError> {
        // SAFETY: kill takes two numbers; that this process is a holder was just looked at.
        unsafe { libc::kill(self.holder.cast_signed(), libc::SIGTERM) };
        let wait = Wait::uninterrupted(END_LIMIT);
        while self.is_held() {
            if wait.slice().is_err() {
                let (holder, limit) = (self.holder, END_LIMIT.as_secs());
                let reason = format!(
                    "process {holder} still holds it after {limit} s: type `kill -9 {holder}`"
                );
                return Err(GuestError::Qemu { reason });
            }
            thread::sleep(LOOK_PAUSE);
        }
        Ok(())
    }

    /// Whether the process that is named is a holder of guests, and no other that has its number since.
    fn is_held(&self) -> bool {
        let command = fs::read(format!("/proc/{}/cmdline", self.holder)).unwrap_or_default();
        command.split(|byte| *byte == 0).any(|word| word == b"hold")
    }
}

/// A folder that only its owner may look into.
fn folder() -> Result<PathBuf, GuestError> {
    Ok(cache_folder("by-hand")?)
}

/// The files by which others find the guest. Dropping it removes them.
struct Files {
    guest: GuestByHand,
}

impl Files {
    fn make(folder: &Path, arm: &str, guest: &Guest) -> io::Result<Self> {
        let Some(GuestAccess { port, user, client_key, host_key }) = guest.access() else {
            return Err(io::Error::other("the guest has no forwarded port"));
        };
        fs::remove_dir_all(folder).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let holder = std::process::id();
        let guest = GuestByHand { holder, arm: arm.into(), port, user, folder: folder.into() };
        let files = Self { guest };
        files.write(CLIENT_KEY, &client_key)?;
        files.write(KNOWN_HOSTS, &format!("[127.0.0.1]:{port} {host_key}\n"))?;
        files.write(STATE, &serde_json::to_string(&files.guest)?)?;
        Ok(files)
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let path = self.guest.folder.join(name);
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // What is left names a process that is gone, and the next holder removes it.
        fs::remove_dir_all(&self.guest.folder).ok();
    }
}
