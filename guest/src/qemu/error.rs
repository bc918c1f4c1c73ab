//! What can go wrong with a machine under QEMU.

use super::kvm::KvmDefect;
use crate::cache_folder::NoCacheFolder;
use crate::image::ImageError;
use crate::trusted_file::Distrust;
use sevbench_facts::Protection;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// A machine that QEMU could not run. If the user can fix it, the message ends with what to type.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the fields are in the messages, and named by what they hold")]
pub enum QemuError {
    /// QEMU is not installed.
    #[error(
        "qemu-system-x86_64 is missing: type `apt-get install qemu-system-x86`; for SEV-SNP on \
         Debian 12, `apt-get install -t bookworm-backports qemu-system-x86`"
    )]
    NoQemu,
    /// There is no firmware.
    #[error(
        "no firmware for the guest: type `apt-get install ovmf`, or set firmware under [machine] in \
         sevbench.toml"
    )]
    NoFirmware,
    /// The firmware that the user named is not a file.
    #[error(
        "there is no firmware {}: set firmware under [machine] in sevbench.toml, or in the \
         machine's address, to a file",
        path.display()
    )]
    FirmwareFile { path: PathBuf },
    /// Others can change the firmware that the user named.
    #[error(transparent)]
    Distrust(#[from] Distrust),
    /// KVM was requested and is not usable.
    #[error("KVM is not usable here: {0}; drop accelerator=kvm to have the guest emulated")]
    NoKvm(KvmDefect),
    /// The processor or the kernel cannot protect a guest this way.
    #[error("this machine cannot run a {protection} guest: {reason}")]
    NoProtection { protection: Protection, reason: String },
    /// A file cannot be made into a data disk.
    #[error(
        "cannot make the data disk {}: {source}; free some space there, or set SEVBENCH_CACHE to \
         another folder",
        path.display()
    )]
    DataDisk { path: PathBuf, source: io::Error },
    /// A block device cannot be a data disk.
    #[error("{} cannot be a data disk: {reason}", path.display())]
    DataDevice { path: PathBuf, reason: String },
    /// There is no image to boot.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// There is no folder for the data disks.
    #[error(transparent)]
    NoCacheFolder(#[from] NoCacheFolder),
    /// QEMU did not start, or did not answer.
    #[error("QEMU did not start the guest: {reason}")]
    Start { reason: String },
    /// QEMU started the machine, but the guest did not come up.
    #[error(
        "the guest did not come up: {reason}; QEMU said: {said}; the end of its console:\n{console}"
    )]
    Boot { reason: String, said: String, console: String },
    /// The user ended the wait.
    #[error("interrupted")]
    Interrupted,
}
