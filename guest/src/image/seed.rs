//! The seed from which cloud-init installs keys (NoCloud): a small FAT file system in memory.

use crate::key::make_key_pair;
use fatfs::{FileSystem, FormatVolumeOptions, FsOptions, format_volume};
use russh::keys::ssh_key::PublicKey;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};

/// The label by which cloud-init finds it.
const LABEL: [u8; 11] = *b"CIDATA     ";
/// A small size that suits FAT.
const LEN: u64 = 1 << 20;

/// A seed with fresh keys. It vanishes with this process and the QEMU that holds it.
#[derive(Debug)]
pub(crate) struct Seed {
    file: File,
    pub(super) host_key: PublicKey,
    pub(super) client_key: String,
}

impl Seed {
    /// Makes fresh keys for the guest and for `user`, and a file system from which cloud-init
    /// installs them.
    pub(super) fn make(user: &str) -> io::Result<Self> {
        let (host_private, host_public) = make_key_pair().map_err(io::Error::other)?;
        let (client_key, client_public) = make_key_pair().map_err(io::Error::other)?;
        let file = memory_file()?;
        file.set_len(LEN)?;
        format_volume(&file, FormatVolumeOptions::new().volume_label(LABEL))?;
        (&file).rewind()?;
        {
            let volume = FileSystem::new(&file, FsOptions::new())?;
            let files = [
                // A new instance name makes cloud-init run again.
                ("meta-data", format!("instance-id: sevbench-{}\n", instance(&host_public))),
                ("user-data", user_data(user, &host_private, &host_public, &client_public)),
            ];
            for (name, text) in files {
                volume.root_dir().create_file(name)?.write_all(text.as_bytes())?;
            }
            volume.unmount()?;
        }
        let host_key = PublicKey::from_openssh(&host_public).map_err(io::Error::other)?;
        Ok(Self { file, host_key, client_key })
    }

    /// The descriptor of the file system, for a child to inherit.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

fn memory_file() -> io::Result<File> {
    // SAFETY: the name is a terminated string, and the result is checked before it is owned.
    match unsafe { libc::memfd_create(c"sevbench-seed".as_ptr(), libc::MFD_CLOEXEC) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the descriptor is open, and nothing else owns it.
        fd => Ok(unsafe { File::from_raw_fd(fd) }),
    }
}

/// An identifier made of the end of a public key.
fn instance(public_key: &str) -> String {
    let usable = public_key.chars().filter(char::is_ascii_alphanumeric).collect::<Vec<_>>();
    usable[usable.len().saturating_sub(16)..].iter().collect()
}

fn user_data(user: &str, host_private: &str, host_public: &str, client_public: &str) -> String {
    let host_private: String = host_private.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "#cloud-config\n\
         disable_root: false\n\
         bootcmd:\n  - [modprobe, -q, msr]\n\
         ssh_deletekeys: true\n\
         ssh_genkeytypes: []\n\
         ssh_keys:\n  ed25519_private: |\n{host_private}  ed25519_public: {host_public}\n\
         users:\n  - name: {user}\n    lock_passwd: true\n    ssh_authorized_keys:\n      - {client_public}\n"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use std::io::Read;

    #[test]
    fn seed_is_a_labelled_file_system_with_both_files() {
        let seed = Seed::make("root").unwrap();
        (&seed.file).rewind().unwrap();
        let volume = FileSystem::new(&seed.file, FsOptions::new()).unwrap();
        assert_eq!(volume.volume_label(), "CIDATA");
        let mut text = String::new();
        volume.root_dir().open_file("user-data").unwrap().read_to_string(&mut text).unwrap();
        assert!(text.starts_with("#cloud-config\n") && text.contains("OPENSSH PRIVATE KEY"));
        assert!(text.contains(seed.host_key.to_openssh().unwrap().trim()));
        assert!(volume.root_dir().open_file("meta-data").is_ok());
    }
}
