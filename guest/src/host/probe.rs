//! Gathers what the doctor examines, by asking the system. Judges nothing.

use super::firmware::Firmware;
use super::host_facts::{Device, HostFacts};
use super::qemu_probe::Qemu;
use super::sev_device::SevFirmware;
use super::tree::Tree;
use crate::image::{ImageError, Recipe, find_image, images_folder, missing_programs};
use crate::qemu::{
    KvmDefect, MachineSettings, QemuMachine, WantedAccelerator, firmware, kvm_defect,
    kvm_machine_types,
};
use crate::treatment::Treatment;
use sevbench_facts::text::field;
use sevbench_process::is_installed;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What a build needs beyond the image itself: packages, and the archive of the root file system.
const BUILD_MIB: u64 = 1024;

/// The state of a host, as plain data.
#[derive(Clone, Debug, Default)]
pub struct HostProbe {
    /// The facts of the machine.
    pub facts: HostFacts,
    /// Why KVM is not usable; `None` if it is.
    pub kvm_defect: Option<KvmDefect>,
    /// The VM types that KVM supports, one bit for each.
    pub kvm_machine_types: Option<u32>,
    /// The QEMU that runs guests.
    pub(super) qemu: Qemu,
    /// The guests' firmware.
    pub(super) firmware: Option<Firmware>,
    /// The image that guests boot from.
    pub(super) image: ImageState,
    /// Programs that an image build needs and that are missing, each with its package.
    pub(super) missing_programs: Vec<(&'static str, &'static str)>,
    /// Where images are kept, and the free space there.
    pub(super) image_folder: PathBuf,
    pub(super) disk_free_bytes: Option<u64>,
    /// The space that building an image takes.
    pub(super) image_bytes: u64,
    /// The memory of a guest.
    pub(super) guest_memory_bytes: u64,
    /// Whether guests under KVM have the default CPU model.
    pub(super) default_cpu: bool,
    /// The status of the secure processor's firmware, or why it is unknown; `None` if there is no
    /// device.
    pub(super) sev_firmware: Option<Result<SevFirmware, String>>,
    /// How much memory this process may lock; `None` if there is no limit.
    pub(super) lock_limit_bytes: Option<u64>,
    /// Capabilities of this process, one bit for each (capabilities(7)).
    pub(super) capabilities: u64,
    /// Whether gcore of gdb is installed.
    pub(super) gcore: bool,
    /// Yama's ptrace restriction; `None` if the kernel has no Yama.
    pub(super) ptrace_scope: Option<u32>,
}

/// The state of the guest's image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum ImageState {
    /// It has not been built yet.
    #[default]
    NotBuilt,
    /// The image that guests boot from.
    Built(PathBuf),
    /// It cannot be used, for this reason.
    Broken(String),
}

impl HostProbe {
    /// Probes this machine for guests with default settings. Takes as long as QEMU needs to list
    /// its features.
    pub fn gather() -> Self {
        Self::gather_for(&MachineSettings::default())
    }

    /// Probes this machine for guests with these settings.
    pub fn gather_for(settings: &MachineSettings) -> Self {
        let facts = HostFacts::gather();
        let tree = Tree::below("/");
        let kvm_defect = kvm_defect();
        let kvm_machine_types = kvm_defect.is_none().then(kvm_machine_types).flatten();
        let machine = QemuMachine::new(Treatment::Nosev, settings.clone());
        let firmware = firmware(&machine).ok().and_then(|path| Firmware::probe(&path).ok());
        let sev_firmware = (facts.sev_device != Device::Absent)
            .then(|| SevFirmware::ask().map_err(|error| error.to_string()));
        let recipe = Recipe::debian();
        let image_bytes =
            recipe.as_ref().map_or(0, |recipe| (u64::from(recipe.root_size_mib) + BUILD_MIB) << 20);
        let image_folder = images_folder().unwrap_or_default();
        Self {
            kvm_defect,
            kvm_machine_types,
            qemu: Qemu::probe(),
            firmware,
            image: image_state(recipe),
            missing_programs: missing_programs(),
            disk_free_bytes: free_bytes(&image_folder),
            image_folder,
            image_bytes,
            guest_memory_bytes: u64::from(settings.memory_mib) << 20,
            default_cpu: settings.cpu_model.is_none()
                && settings.accelerator != WantedAccelerator::Tcg,
            sev_firmware,
            lock_limit_bytes: lock_limit_bytes(),
            capabilities: capabilities(&tree.text("/proc/self/status").unwrap_or_default()),
            gcore: is_installed("gcore"),
            ptrace_scope: facts.fact("ptrace scope").parse().ok(),
            facts,
        }
    }
}

fn image_state(recipe: Result<Recipe, ImageError>) -> ImageState {
    match recipe.and_then(|recipe| find_image(&recipe)) {
        Ok(image) => ImageState::Built(image.root),
        Err(ImageError::NotBuilt) => ImageState::NotBuilt,
        Err(error) => ImageState::Broken(error.to_string()),
    }
}

/// The space available to us at a folder, which may not exist yet.
fn free_bytes(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.is_dir())?;
    let path = CString::new(there.as_os_str().as_bytes()).ok()?;
    // SAFETY: all zeros is a value of this plain structure.
    let mut answer: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for the call: to a text that ends with zero, and to a
    // structure to write into.
    match unsafe { libc::statvfs(path.as_ptr(), &raw mut answer) } {
        0 => answer.f_bavail.checked_mul(answer.f_frsize),
        _ => None,
    }
}

fn lock_limit_bytes() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a structure that the call writes into.
    match unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) } {
        0 if limit.rlim_cur != libc::RLIM_INFINITY => Some(limit.rlim_cur),
        _ => None,
    }
}

/// The effective capabilities in the text of /proc/self/status.
fn capabilities(status: &str) -> u64 {
    let mask = field(status, "CapEff").and_then(|mask| u64::from_str_radix(mask, 16).ok());
    mask.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn capabilities_are_parsed() {
        assert_eq!(capabilities("Name:\tx\nCapEff:\t000001ffffffffff\n"), 0x1ff_ffff_ffff);
        assert_eq!(capabilities(""), 0);
    }

    #[test]
    fn free_space_is_that_of_the_nearest_existing_folder() {
        assert!(free_bytes(Path::new("/nowhere/at/all")).is_some());
        assert_eq!(free_bytes(Path::new("")), None);
    }

    #[test]
    fn this_machine_can_be_probed() {
        let probe = HostProbe::gather();
        assert!(probe.facts.memory_available_bytes.is_some());
        assert!(probe.guest_memory_bytes > 0 && probe.image_bytes > 0);
    }

    proptest! {
        #[test]
        fn any_status_is_parsed_without_a_panic(text in "(CapEff:|[0-9a-f]|\t|\n|.){0,60}") {
            let _ = capabilities(&text);
        }
    }
}
