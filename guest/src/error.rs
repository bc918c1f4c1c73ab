//! Everything that can go wrong with a guest. Most variants wrap the error of one module.

use crate::cache_folder::NoCacheFolder;
use crate::capacity::CapacityError;
use crate::host::Obstacles;
use crate::host_lock::HostLockError;
use crate::image::ImageError;
use crate::loopback::LoopbackError;
use crate::qemu::QemuError;
use crate::ssh::SshError;
use thiserror::Error;

/// A guest that could not be started, reached or used. If the user can fix it, the message ends
/// with what to type.
#[derive(Debug, Error)]
pub enum GuestError {
    /// The machine could not be reached, or did not do what it was asked over SSH.
    #[error(transparent)]
    Ssh(SshError),
    /// The loopback server failed.
    #[error(transparent)]
    Loopback(LoopbackError),
    /// QEMU did not run the machine.
    #[error(transparent)]
    Qemu(QemuError),
    /// There is no image to boot.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The host lacks something that any such guest needs.
    #[error(transparent)]
    Obstacles(#[from] Obstacles),
    /// The host is too small for these guests.
    #[error(transparent)]
    Capacity(#[from] CapacityError),
    /// Another run has guests on this host.
    #[error(transparent)]
    HostLock(#[from] HostLockError),
    /// There is no folder for images and disks.
    #[error(transparent)]
    NoCacheFolder(#[from] NoCacheFolder),
    /// The user ended the wait.
    #[error("interrupted")]
    Interrupted,
}

impl From<SshError> for GuestError {
    fn from(error: SshError) -> Self {
        match error {
            SshError::Interrupted => Self::Interrupted,
            error => Self::Ssh(error),
        }
    }
}

impl From<LoopbackError> for GuestError {
    fn from(error: LoopbackError) -> Self {
        match error {
            LoopbackError::Interrupted => Self::Interrupted,
            error => Self::Loopback(error),
        }
    }
}

impl From<QemuError> for GuestError {
    fn from(error: QemuError) -> Self {
        match error {
            QemuError::Interrupted => Self::Interrupted,
            QemuError::Image(error) => Self::Image(error),
            QemuError::NoCacheFolder(error) => Self::NoCacheFolder(error),
            error => Self::Qemu(error),
        }
    }
}
