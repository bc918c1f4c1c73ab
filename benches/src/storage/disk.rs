//! The guest's data disks, found by serial number. A name such as /dev/vdb depends on the order of
//! discovery and may belong to the root disk.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Length of the header before the serial number in a SCSI disk's page of vital product data.
const SCSI_PAGE_HEADER_LEN: usize = 4;

/// The interface through which a data disk is attached to the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// virtio-blk.
    VirtioBlk,
    /// A SCSI disk behind virtio-scsi.
    VirtioScsi,
    /// NVMe.
    Nvme,
}

impl Attachment {
    /// The serial number of the data disk with this attachment.
    pub fn serial(self) -> String {
        format!("sevbench-{self}")
    }

    /// The file with the serial number of the block device `name`, if it has this attachment.
    fn serial_file(self, name: &str) -> Option<&'static str> {
        let (prefix, file) = match self {
            Self::VirtioBlk => ("vd", "serial"),
            Self::VirtioScsi => ("sd", "device/vpd_pg80"),
            Self::Nvme => ("nvme", "device/serial"),
        };
        name.starts_with(prefix).then_some(file)
    }

    /// Extracts the serial number from the contents of that file.
    fn read_serial(self, bytes: &[u8]) -> String {
        let skipped = if self == Self::VirtioScsi { SCSI_PAGE_HEADER_LEN } else { 0 };
        let text = String::from_utf8_lossy(bytes.get(skipped..).unwrap_or_default()).into_owned();
        text.trim_matches(|c: char| c.is_whitespace() || c == '\0').to_owned()
    }
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::VirtioBlk => "virtio-blk",
            Self::VirtioScsi => "virtio-scsi",
            Self::Nvme => "nvme",
        })
    }
}

/// A data disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The device file.
    pub path: PathBuf,
    /// Major and minor device number.
    number: (u32, u32),
}

/// Why a data disk cannot be used.
#[derive(Debug, Error)]
pub enum DiskError {
    /// There is no such disk.
    #[error("no disk in this guest has the serial number `{serial}`")]
    Absent {
        /// The expected serial number.
        serial: String,
    },
    /// Several disks match.
    #[error("more than one disk has the serial number `{serial}`: {names}")]
    Ambiguous {
        /// The expected serial number.
        serial: String,
        /// The names of the disks.
        names: String,
    },
    /// The block devices cannot be listed.
    #[error("cannot list the disks in {path}: {source}")]
    List {
        /// The folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The device file cannot be read.
    #[error("cannot read {path}: {source}")]
    Open {
        /// The device file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The device file belongs to another device.
    #[error("{path} is not the disk with the device number {}:{}", .number.0, .number.1)]
    Other {
        /// The device file.
        path: PathBuf,
        /// Major and minor device number of the disk.
        number: (u32, u32),
    },
}

impl DiskError {
    /// What the user can do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Absent { .. } => {
                "use a testbed whose guests have data disks, \
                 or give the guest a disk with this serial number"
            }
            Self::Ambiguous { .. } => "give each disk of the guest a different serial number",
            Self::List { .. } => "mount /sys in the guest",
            Self::Open { .. } => {
                "use an address whose user can read the guest's disks, such as ssh://root@HOST"
            }
            Self::Other { .. } => {
                "have udev or devtmpfs create the device files in the guest's /dev"
            }
        }
    }
}

impl Disk {
    /// Finds the data disk with this attachment. `sys` is where sysfs is mounted, usually `/sys`.
    ///
    /// # Errors
    /// If there is not exactly one such disk, or the disks cannot be listed.
    pub fn find(sys: &Path, attachment: Attachment) -> Result<Self, DiskError> {
        let folder = sys.join("block");
        let serial = attachment.serial();
        let entries = fs::read_dir(&folder)
            .map_err(|source| DiskError::List { path: folder.clone(), source })?;
        let mut found: Vec<(String, (u32, u32))> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter_map(|name| {
                let file = folder.join(&name).join(attachment.serial_file(&name)?);
                let found = attachment.read_serial(&fs::read(file).ok()?);
                let number = read_number(&folder.join(&name).join("dev"))?;
                (found == serial).then_some((name, number))
            })
            .collect();
        found.sort();
        match found.as_slice() {
            [] => Err(DiskError::Absent { serial }),
            [(name, number)] => Ok(Self { path: Path::new("/dev").join(name), number: *number }),
            several => {
                let names: Vec<&str> = several.iter().map(|(name, _)| name.as_str()).collect();
                Err(DiskError::Ambiguous { serial, names: names.join(", ") })
            }
        }
    }

    /// Checks that the device file can be read and belongs to the disk that was found.
    ///
    /// # Errors
    /// If either check fails.
    pub fn check_device_file(&self) -> Result<(), DiskError> {
        let path = self.path.clone();
        let metadata = OpenOptions::new().read(true).open(&path).and_then(|file| file.metadata());
        let metadata = metadata.map_err(|source| DiskError::Open { path: path.clone(), source })?;
        let number = (libc::major(metadata.rdev()), libc::minor(metadata.rdev()));
        if metadata.file_type().is_block_device() && number == self.number {
            Ok(())
        } else {
            Err(DiskError::Other { path, number: self.number })
        }
    }
}

/// Reads a device number, which the kernel writes as `254:16`.
fn read_number(file: &Path) -> Option<(u32, u32)> {
    let text = fs::read_to_string(file).ok()?;
    let (major, minor) = text.trim().split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use Attachment::{Nvme, VirtioBlk, VirtioScsi};

    /// A sysfs tree with a root disk and a data disk of each attachment.
    fn tree() -> tempfile::TempDir {
        let sys = tempfile::tempdir().unwrap();
        add(sys.path(), "vda", "254:0", ("serial", b"sevbench-root"));
        // A virtio serial number has at most 20 bytes and no line feed.
        add(sys.path(), "vdb", "254:16", ("serial", b"sevbench-virtio-blk"));
        add(sys.path(), "sda", "8:0", ("device/vpd_pg80", b"\0\x80\0\x14sevbench-virtio-scsi"));
        // NVMe pads with spaces.
        add(sys.path(), "nvme0n1", "259:0", ("device/serial", b"sevbench-nvme       \n"));
        fs::create_dir_all(sys.path().join("block/loop0")).unwrap();
        sys
    }

    fn add(sys: &Path, name: &str, number: &str, (file, bytes): (&str, &[u8])) {
        let folder = sys.join("block").join(name);
        fs::create_dir_all(folder.join("device")).unwrap();
        fs::write(folder.join("dev"), format!("{number}\n")).unwrap();
        fs::write(folder.join(file), bytes).unwrap();
    }

    #[test]
    fn disks_are_found_by_serial_number() {
        let sys = tree();
        for (attachment, path, number) in [
            (VirtioBlk, "/dev/vdb", (254, 16)),
            (VirtioScsi, "/dev/sda", (8, 0)),
            (Nvme, "/dev/nvme0n1", (259, 0)),
        ] {
            let disk = Disk { path: path.into(), number };
            assert_eq!(Disk::find(sys.path(), attachment).unwrap(), disk);
        }
    }

    #[test]
    fn disk_with_another_serial_number_is_not_used() {
        let sys = tree();
        fs::write(sys.path().join("block/vdb/serial"), "sevbench-virtio-blk2").unwrap();
        fs::write(sys.path().join("block/sda/device/vpd_pg80"), b"\0\x80").unwrap();
        fs::remove_file(sys.path().join("block/nvme0n1/device/serial")).unwrap();
        for attachment in [VirtioBlk, VirtioScsi, Nvme] {
            let error = Disk::find(sys.path(), attachment).unwrap_err();
            assert!(error.to_string().contains(&attachment.serial()), "{error}");
        }
    }

    #[test]
    fn serial_number_on_another_attachment_does_not_match() {
        let sys = tempfile::tempdir().unwrap();
        add(sys.path(), "sda", "8:0", ("serial", b"sevbench-virtio-blk"));
        assert!(matches!(Disk::find(sys.path(), VirtioBlk), Err(DiskError::Absent { .. })));
    }

    #[test]
    fn two_disks_with_the_same_serial_number_are_an_error() {
        let sys = tree();
        add(sys.path(), "vdc", "254:32", ("serial", b"sevbench-virtio-blk"));
        let error = Disk::find(sys.path(), VirtioBlk).unwrap_err();
        assert!(error.to_string().ends_with("vdb, vdc"), "{error}");
    }

    #[test]
    fn missing_folder_of_block_devices_is_named() {
        let error = Disk::find(Path::new("/nowhere"), Nvme).unwrap_err();
        assert!(error.to_string().contains("/nowhere/block"), "{error}");
    }

    #[test]
    fn device_file_of_another_device_is_an_error() {
        let disk = Disk { path: "/dev/null".into(), number: (1, 3) };
        assert!(matches!(disk.check_device_file(), Err(DiskError::Other { .. })));
        let absent = Disk { path: "/dev/sevbench-absent".into(), number: (1, 3) };
        assert!(matches!(absent.check_device_file(), Err(DiskError::Open { .. })));
    }
}
