//! What a user sets for the disks on which storage is measured.

use super::ranges::number_in;
use serde::{Deserialize, Deserializer, Serialize};
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// The size of a data disk: from the smallest that makes sense for a bench to 16 TiB.
const DISK_SIZE_MIB: RangeInclusive<u32> = 16..=16 << 20;

/// Three disks of the same size, one on each kind of controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataDisks {
    /// The size of the disks that are files.
    #[serde(deserialize_with = "disk_size_mib")]
    pub size_mib: u32,
    /// How the host caches them.
    pub cache: CacheMode,
    /// How QEMU reads them.
    pub aio: Aio,
    /// A block device of the host instead of a file, on virtio-blk.
    pub virtio_blk: Option<PathBuf>,
    /// The same on virtio-scsi.
    pub virtio_scsi: Option<PathBuf>,
    /// The same on NVMe.
    pub nvme: Option<PathBuf>,
    /// Whether a block device that holds data may be used. It is only read.
    pub overwrite: bool,
}

/// QEMU's cache modes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheMode {
    /// Bypasses the host's page cache.
    #[default]
    None,
    /// The same, and every write reaches the disk.
    Directsync,
    /// Through the page cache; every write reaches the disk.
    Writethrough,
    /// Through the page cache.
    Writeback,
    /// Through the page cache, and a guest's flushes are ignored.
    Unsafe,
}

/// How QEMU reads a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aio {
    /// Linux AIO if the cache mode allows it, else threads.
    #[default]
    Auto,
    /// Linux AIO.
    Native,
    /// `io_uring`.
    IoUring,
    /// Threads.
    Threads,
}

impl Default for DataDisks {
    fn default() -> Self {
        Self {
            size_mib: 512,
            cache: CacheMode::None,
            aio: Aio::Auto,
            virtio_blk: None,
            virtio_scsi: None,
            nvme: None,
            overwrite: false,
        }
    }
}

impl CacheMode {
    /// QEMU's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Directsync => "directsync",
            Self::Writethrough => "writethrough",
            Self::Writeback => "writeback",
            Self::Unsafe => "unsafe",
        }
    }

    /// Whether it bypasses the host's page cache.
    pub const fn is_direct(self) -> bool {
        matches!(self, Self::None | Self::Directsync)
    }
}

impl Aio {
    /// QEMU's name for it, with this cache mode.
    pub const fn name(self, cache: CacheMode) -> &'static str {
        match self {
            Self::Native => "native",
            Self::IoUring => "io_uring",
            Self::Auto if cache.is_direct() => "native",
            Self::Auto | Self::Threads => "threads",
        }
    }
}

fn disk_size_mib<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    number_in(deserializer, &DISK_SIZE_MIB)
}
