//! What a user sets for a testbed's machines, in `sevbench.toml` or in an address. All arms of a
//! testbed share the settings: they differ only in the treatment.

use super::disk_settings::DataDisks;
use super::ranges::{number_in, wanted};
use crate::image::ImageSettings;
use crate::typed_folder::resolve;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The vCPUs of a machine.
pub(super) const VCPUS: RangeInclusive<u32> = 1..=1024;
/// Less memory does not boot; more than 16 TiB is a mistake.
pub(super) const MEMORY_MIB: RangeInclusive<u32> = 256..=16 << 20;
/// Host CPUs to pin to, as many as a CPU set holds, and host NUMA nodes.
const HOST_INDEX: RangeInclusive<u32> = 0..=libc::CPU_SETSIZE.cast_unsigned() - 1;

/// The settings of a testbed's machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MachineSettings {
    /// vCPUs of a guest; by default two if the host has them.
    #[serde(deserialize_with = "vcpus")]
    pub vcpus: u32,
    /// Memory of a guest.
    #[serde(deserialize_with = "memory_mib")]
    pub memory_mib: u32,
    /// `auto`, `kvm` or `tcg`.
    pub accelerator: WantedAccelerator,
    /// QEMU's machine type.
    #[serde(deserialize_with = "word")]
    pub machine: String,
    /// QEMU's CPU model; `None` for the default of the accelerator.
    pub cpu_model: Option<String>,
    /// The firmware, for `-bios`; `None` for the system's OVMF.
    pub firmware: Option<PathBuf>,
    /// Words to append to the kernel's command line.
    pub kernel_command_line: String,
    /// Further arguments of QEMU.
    pub qemu_arguments: Vec<String>,
    /// How the host backs a guest's memory.
    pub backing: Backing,
    /// Whether QEMU measures kernel, initrd and command line into a confidential guest; needs a
    /// firmware that checks them.
    pub kernel_hashes: bool,
    /// The host CPU for each vCPU.
    #[serde(deserialize_with = "host_indices")]
    pub vcpu_pins: Vec<u32>,
    /// The host CPUs for the I/O threads.
    #[serde(deserialize_with = "host_indices")]
    pub io_pins: Vec<u32>,
    /// The host NUMA node for a guest's memory.
    #[serde(deserialize_with = "host_index")]
    pub numa_node: Option<u32>,
    /// The disks on which storage is measured.
    pub data_disks: DataDisks,
    /// The image to boot.
    pub image: ImageSettings,
}

impl MachineSettings {
    /// Makes its relative paths count from `folder`.
    pub fn resolve_paths(&mut self, folder: &Path) {
        let Self { firmware, data_disks, image, .. } = self;
        let DataDisks { virtio_blk, virtio_scsi, nvme, .. } = data_disks;
        let ImageSettings { recipe, disk, kernel, initrd, key, host_key, root: _, user: _ } = image;
        let of_machine = [firmware, virtio_blk, virtio_scsi, nvme];
        let of_image = [recipe, disk, kernel, initrd, key, host_key];
        resolve(folder, of_machine.into_iter().chain(of_image));
    }
}

/// How a machine's CPUs should run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WantedAccelerator {
    /// KVM if it is usable, else TCG.
    #[default]
    Auto,
    /// KVM, or an error.
    Kvm,
    /// TCG: emulated.
    Tcg,
}

/// How the host backs a guest's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backing {
    /// A memfd of base pages.
    #[default]
    Memfd,
    /// A memfd of the host's huge pages, which must be reserved.
    Hugetlb,
    /// Anonymous memory. Like the others, it is allocated before the guest starts.
    Anonymous,
}

/// An option with an invalid value.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{name}={value}` is not valid: {wanted}")]
pub struct SettingError {
    /// The option.
    pub name: &'static str,
    /// What was written.
    pub value: String,
    /// What can be written.
    pub wanted: String,
}

impl Default for MachineSettings {
    fn default() -> Self {
        Self {
            vcpus: default_vcpus(),
            memory_mib: 1024,
            accelerator: WantedAccelerator::Auto,
            machine: "q35".into(),
            cpu_model: None,
            firmware: None,
            kernel_command_line: String::new(),
            qemu_arguments: Vec::new(),
            backing: Backing::Memfd,
            kernel_hashes: false,
            vcpu_pins: Vec::new(),
            io_pins: Vec::new(),
            numa_node: None,
            data_disks: DataDisks::default(),
            image: ImageSettings::default(),
        }
    }
}

impl MachineSettings {
    /// Takes an option of an address. Returns false if it is not an option of machines.
    pub(super) fn take_option(&mut self, name: &str, value: &str) -> Result<bool, SettingError> {
        let refused =
            |name: &'static str, wanted: String| SettingError { name, value: value.into(), wanted };
        let number = |name, range: &RangeInclusive<u32>| {
            let number = value.parse().ok().filter(|number| range.contains(number));
            number.ok_or_else(|| refused(name, wanted(range)))
        };
        match name {
            "vcpus" => self.vcpus = number("vcpus", &VCPUS)?,
            "memory_mib" => self.memory_mib = number("memory_mib", &MEMORY_MIB)?,
            "firmware" => self.firmware = Some(value.into()),
            "accelerator" => {
                self.accelerator = match value {
                    "auto" => WantedAccelerator::Auto,
                    "kvm" => WantedAccelerator::Kvm,
                    "tcg" => WantedAccelerator::Tcg,
                    _ => return Err(refused("accelerator", "write auto, kvm or tcg".into())),
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl WantedAccelerator {
    /// Its name in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
}

impl Backing {
    /// Its name in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memfd => "memfd",
            Self::Hugetlb => "hugetlb",
            Self::Anonymous => "anonymous",
        }
    }
}

/// One for what is measured, and one for everything else in the guest; only one on a host with a
/// single CPU.
fn default_vcpus() -> u32 {
    std::thread::available_parallelism().map_or(1, |cpus| cpus.get().min(2) as u32)
}

fn vcpus<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    number_in(deserializer, &VCPUS)
}

fn memory_mib<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    number_in(deserializer, &MEMORY_MIB)
}

fn host_index<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    number_in(deserializer, &HOST_INDEX).map(Some)
}

fn host_indices<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    let numbers = Vec::<u32>::deserialize(deserializer)?;
    match numbers.iter().find(|number| !HOST_INDEX.contains(number)) {
        Some(number) => {
            Err(D::Error::custom(format!("`{number}` is not valid: {}", wanted(&HOST_INDEX))))
        }
        None => Ok(numbers),
    }
}

/// A word that QEMU accepts between two commas.
fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let usable = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.is_empty() || !text.chars().all(usable) {
        return Err(D::Error::custom(format!(
            "`{text}` is not valid: write a name such as \"q35\""
        )));
    }
    Ok(text)
}
