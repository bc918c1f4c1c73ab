//! The disks on which storage is measured: files that are made once, or unused block devices of the
//! host.

use super::disk_settings::DataDisks;
use super::error::QemuError;
use super::machine::QemuMachine;
use crate::cache_folder::{NoCacheFolder, cache_folder, make_private};
use crate::limits::Interrupt;
use rand::Rng;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The id of the virtio-scsi controller on QEMU's command line.
pub(crate) const SCSI_CONTROLLER: &str = "scsi0";

/// How much is written at once.
const PIECE_LEN: usize = 1 << 20;
/// A sector size that every disk supports.
const SECTOR_LEN: usize = 512;
/// How much of a device's start and end is checked for data. Every partition table and nearly every
/// file system has data there.
const LOOK_LEN: u64 = 1 << 20;
/// The unit of `st_blocks`. A file takes fewer blocks than its length only if it has holes.
const BLOCK_LEN: u64 = 512;

/// The controller through which a guest sees a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controller {
    /// virtio-blk.
    VirtioBlk,
    /// virtio-scsi.
    VirtioScsi,
    /// NVMe.
    Nvme,
}

/// One disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DataDisk {
    pub(crate) controller: Controller,
    pub(crate) path: PathBuf,
    /// Whether it is a block device of the host instead of a file.
    pub(crate) is_device: bool,
}

impl QemuMachine {
    /// Where its data disks are. [`QemuMachine::prepare_data_disks`] makes them.
    pub(crate) fn data_disks(&self) -> Result<Vec<DataDisk>, NoCacheFolder> {
        Ok(self.settings.data_disks.locate(&disks_folder()?))
    }

    /// Makes the data disks that do not exist yet, and checks the devices; reports what takes time.
    ///
    /// # Errors
    /// If a device is in use or holds data, or the disk is full.
    pub(crate) fn prepare_data_disks(
        &self,
        interrupt: &Interrupt,
        tell: &mut dyn FnMut(&str),
    ) -> Result<(), QemuError> {
        self.settings.data_disks.prepare(&disks_folder()?, interrupt, tell).map(drop)
    }
}

fn disks_folder() -> Result<PathBuf, NoCacheFolder> {
    cache_folder("disks")
}

impl Controller {
    /// All.
    pub const ALL: [Self; 3] = [Self::VirtioBlk, Self::VirtioScsi, Self::Nvme];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::VirtioBlk => "virtio-blk",
            Self::VirtioScsi => "virtio-scsi",
            Self::Nvme => "nvme",
        }
    }

    /// The serial number by which a guest finds the disk.
    pub const fn serial(self) -> &'static str {
        match self {
            Self::VirtioBlk => "sevbench-virtio-blk",
            Self::VirtioScsi => "sevbench-virtio-scsi",
            Self::Nvme => "sevbench-nvme",
        }
    }
}

impl DataDisks {
    const fn device(&self, controller: Controller) -> Option<&PathBuf> {
        match controller {
            Controller::VirtioBlk => self.virtio_blk.as_ref(),
            Controller::VirtioScsi => self.virtio_scsi.as_ref(),
            Controller::Nvme => self.nvme.as_ref(),
        }
    }

    /// The disks, whether or not their files exist yet.
    fn locate(&self, folder: &Path) -> Vec<DataDisk> {
        let disk = |controller: Controller| match self.device(controller) {
            Some(path) => DataDisk { controller, path: path.clone(), is_device: true },
            None => {
                let name = format!("{}-{}MiB.raw", controller.name(), self.size_mib);
                DataDisk { controller, path: folder.join(name), is_device: false }
            }
        };
        Controller::ALL.map(disk).into()
    }

    /// Makes the files that do not exist yet, and checks the devices.
    ///
    /// # Errors
    /// If a device is in use or holds data, or the disk is full.
    fn prepare(
        &self,
        folder: &Path,
        interrupt: &Interrupt,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Vec<DataDisk>, QemuError> {
        let disks = self.locate(folder);
        for DataDisk { path, is_device, .. } in &disks {
            if *is_device {
                check_device(path, self.overwrite)?;
                continue;
            }
            let len = u64::from(self.size_mib) << 20;
            let whole =
                |found: &fs::Metadata| found.len() == len && found.blocks() * BLOCK_LEN >= len;
            if !fs::metadata(path).is_ok_and(|found| whole(&found)) {
                tell(&format!("making the data disk {} ({} MiB)", path.display(), self.size_mib));
                make_file(path, len, interrupt)?;
            }
        }
        Ok(disks)
    }
}

/// Writes a file of random bytes, so that reads reach the disk instead of a hole. It gets its name
/// once it is complete.
fn make_file(path: &Path, len: u64, interrupt: &Interrupt) -> Result<(), QemuError> {
    let failed = |source| QemuError::DataDisk { path: path.into(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    make_private(folder).map_err(failed)?;
    let mut file =
        tempfile::Builder::new().prefix(".unfinished-").tempfile_in(folder).map_err(failed)?;
    let mut piece = vec![0; PIECE_LEN];
    UnwrapErr(SysRng).fill_bytes(&mut piece);
    for start in (0..len).step_by(PIECE_LEN) {
        if interrupt.is_set() {
            return Err(QemuError::Interrupted);
        }
        // Each sector gets its own number, so that a disk cannot deduplicate sectors.
        for (place, sector) in (start..).step_by(SECTOR_LEN).zip(piece.chunks_mut(SECTOR_LEN)) {
            sector[..8].copy_from_slice(&place.to_le_bytes());
        }
        file.write_all(&piece).map_err(failed)?;
    }
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Checks that a device may be used: nothing else uses it, and it is empty or the user allows it.
fn check_device(path: &Path, overwrite: bool) -> Result<(), QemuError> {
    let refused = |reason: String| QemuError::DataDevice { path: path.into(), reason };
    let failed = |source: io::Error| refused(source.to_string());
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.file_type().is_block_device() {
        let hint = "to measure a file instead, remove it from [machine.data_disks]";
        return Err(refused(format!("it is not a block device: {hint}")));
    }
    let (major, minor) = (libc::major(metadata.rdev()), libc::minor(metadata.rdev()));
    let folder = PathBuf::from(format!("/sys/dev/block/{major}:{minor}"));
    let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(failed)?;
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    if let Some(user) = user_of(&folder, &mounts, &swaps) {
        return Err(refused(format!("{user}: name a device that nothing uses")));
    }
    // The kernel refuses this while a file system, a volume or an array uses the device.
    let mut device = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_EXCL)
        .open(path)
        .map_err(failed)?;
    if !overwrite && holds_data(&mut device).map_err(failed)? {
        let hint = "to allow that, set `overwrite = true` under [machine.data_disks]";
        return Err(refused(format!("it holds data; sevbench would only read it: {hint}")));
    }
    Ok(())
}

/// What uses a device or one of its partitions.
fn user_of(folder: &Path, mounts: &str, swaps: &str) -> Option<String> {
    let mut folders = vec![folder.to_owned()];
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    folders
        .extend(entries.map(|entry| entry.path()).filter(|path| path.join("partition").is_file()));
    folders.iter().find_map(|folder| {
        let number = fs::read_to_string(folder.join("dev")).unwrap_or_default();
        let mount = mounts.lines().find(|line| line.split(' ').nth(2) == Some(number.trim()));
        if let Some(point) = mount.and_then(|line| line.split(' ').nth(4)) {
            return Some(format!("it is mounted at {point}"));
        }
        let name = fs::canonicalize(folder).ok()?.file_name()?.to_string_lossy().into_owned();
        if swaps.lines().any(|line| line.split_whitespace().next() == Some(&format!("/dev/{name}")))
        {
            return Some("it is used as swap".into());
        }
        let holder = fs::read_dir(folder.join("holders")).ok()?.flatten().next()?;
        Some(format!("{} uses it", holder.file_name().to_string_lossy()))
    })
}

fn holds_data(device: &mut (impl Read + Seek)) -> io::Result<bool> {
    let len = device.seek(SeekFrom::End(0))?;
    for start in [0, len.saturating_sub(LOOK_LEN)] {
        device.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        device.take(LOOK_LEN).read_to_end(&mut bytes)?;
        if bytes.iter().any(|byte| *byte != 0) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use std::fs::File;
    use std::io::Cursor;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn files_are_made_complete_and_once() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("disks");
        let disks = DataDisks { size_mib: 16, ..DataDisks::default() };
        let mut told = Vec::new();
        let made = disks
            .prepare(&folder, &Interrupt::new(), &mut |line| told.push(line.to_owned()))
            .unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert_eq!((made.len(), told.len()), (3, 3));
        let len = fs::metadata(&made[0].path).unwrap().len();
        assert_eq!(len, 16 << 20);
        disks.prepare(&folder, &Interrupt::new(), &mut |_| panic!("made again")).unwrap();
        // A file with holes is made again.
        File::create(&made[1].path).unwrap().set_len(len).unwrap();
        let mut again = 0;
        disks.prepare(&folder, &Interrupt::new(), &mut |_| again += 1).unwrap();
        assert_eq!(again, 1);
    }

    #[test]
    fn interrupted_preparation_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let interrupt = Interrupt::new();
        interrupt.set();
        let error = DataDisks::default().prepare(folder.path(), &interrupt, &mut |_| ());
        assert!(matches!(error, Err(QemuError::Interrupted)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn non_devices_and_devices_with_data_are_refused() {
        let error = check_device(Path::new("/dev/null"), true).unwrap_err().to_string();
        assert!(error.contains("not a block device"), "{error}");
        let mut empty = Cursor::new(vec![0; 3 << 20]);
        assert!(!holds_data(&mut empty).unwrap());
        empty.get_mut()[(3 << 20) - 5] = 1;
        assert!(holds_data(&mut empty).unwrap());
    }

    #[test]
    fn device_with_a_mounted_partition_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let partition = folder.path().join("sdb1");
        fs::create_dir_all(partition.join("holders")).unwrap();
        fs::create_dir_all(folder.path().join("holders")).unwrap();
        fs::write(folder.path().join("dev"), "8:16\n").unwrap();
        fs::write(partition.join("dev"), "8:17\n").unwrap();
        fs::write(partition.join("partition"), "1\n").unwrap();
        let mounts = "36 35 8:17 / /data rw - ext4 /dev/sdb1 rw\n";
        assert_eq!(user_of(folder.path(), mounts, "").unwrap(), "it is mounted at /data");
        assert_eq!(user_of(folder.path(), "36 35 8:1 / / rw - ext4 /dev/sda1 rw\n", ""), None);
        let swaps = "Filename Type\n/dev/sdb1 partition 1 0 -2\n";
        assert_eq!(user_of(folder.path(), "", swaps).unwrap(), "it is used as swap");
        fs::create_dir(partition.join("holders/md0")).unwrap();
        assert_eq!(user_of(folder.path(), "", "").unwrap(), "md0 uses it");
    }
}
