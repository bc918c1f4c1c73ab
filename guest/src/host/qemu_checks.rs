//! Pure: checks of what any guest needs: KVM or TCG, QEMU, firmware, an image.

use super::HostProbe;
use super::check::{Check, TestbedKind};
use super::probe::ImageState;
use super::qemu_probe::{Qemu, QemuCapabilities};
use crate::qemu::{Extension, KvmDefect};

/// The oldest supported QEMU. 7.2 is Debian 12's, and the first whose TCG emulates AVX2: under an
/// older one, an emulated guest would measure copy routines that no real machine uses.
const VERSION_MIN: (u32, u32, u32) = (7, 2, 0);
/// How to get a newer one.
pub(super) const NEWER_QEMU: &str =
    "type `apt-get install -t bookworm-backports qemu-system-x86`, or build one from qemu.org";
/// The objects and devices of every guest.
const OBJECTS: [&str; 1] = ["memory-backend-memfd"];
const DEVICES: [&str; 2] = ["virtio-blk-pci", "virtio-net-pci"];
/// Devices of the disks that are only measured.
const STORAGE: [&str; 3] = ["virtio-scsi-pci", "scsi-hd", "nvme"];
/// The guests' CPU model under KVM.
const CPU: &str = "EPYC-v4";

pub(super) fn checks(probe: &HostProbe) -> Vec<Check> {
    let mut checks = vec![kvm(probe)];
    match &probe.qemu {
        Qemu::Missing => {
            let remedy = "type `apt-get install qemu-system-x86`; for SEV-SNP on Debian 12, \
                          `apt-get install -t bookworm-backports qemu-system-x86`";
            checks.push(Check::failed("QEMU", TestbedKind::GUESTS, "missing".into(), remedy));
        }
        Qemu::Broken(reason) => {
            let remedy = "type `qemu-system-x86_64 --version` to see its output";
            checks.push(Check::failed("QEMU", TestbedKind::GUESTS, reason.clone(), remedy));
        }
        Qemu::Usable(capabilities) => {
            checks.extend([
                version(capabilities),
                parts(probe, capabilities),
                storage(capabilities),
            ]);
        }
    }
    checks.extend([firmware, image, programs].map(|check| check(probe).of_settings()));
    checks
}

fn kvm(probe: &HostProbe) -> Check {
    let Some(defect) = &probe.kvm_defect else {
        return Check::fine("KVM", TestbedKind::PROTECTED, "usable".into());
    };
    let remedy = match defect {
        KvmDefect::NoExtension => {
            "enable virtualisation (SVM, AMD-V) in the firmware setup, and check that `grep -cw \
             svm /proc/cpuinfo` counts CPUs; most virtual machines do not offer it"
        }
        KvmDefect::NoDevice(Extension::Vmx, _) => {
            "type `modprobe kvm_intel` as root and look at `dmesg | grep -i kvm`"
        }
        KvmDefect::NoDevice(Extension::Svm, _) => {
            "type `modprobe kvm_amd` as root and look at `dmesg | grep -i kvm`"
        }
        KvmDefect::Unusable(_) => "look at `dmesg | grep -i kvm`",
        KvmDefect::Denied(_) => "type `sudo usermod -aG kvm $USER` and log in again",
        KvmDefect::OtherInterface(_) => {
            "boot a kernel with version 12 of KVM's interface, as every one since 2.6.22"
        }
    };
    Check::failed("KVM", TestbedKind::PROTECTED, defect.to_string(), remedy)
}

fn version(capabilities: &QemuCapabilities) -> Check {
    let (major, minor, micro) = capabilities.version;
    if capabilities.version >= VERSION_MIN {
        let found = capabilities.line.trim_start_matches("QEMU emulator version ").into();
        return Check::fine("QEMU", TestbedKind::GUESTS, found);
    }
    let found = format!("{major}.{minor}.{micro}; the oldest supported version is 7.2");
    Check::failed("QEMU", TestbedKind::GUESTS, found, NEWER_QEMU)
}

fn parts(probe: &HostProbe, capabilities: &QemuCapabilities) -> Check {
    // Emulated guests have another model, which every version supports.
    let needs_cpu = probe.kvm_defect.is_none() && probe.default_cpu;
    let cpu = (needs_cpu && !capabilities.cpus.contains(CPU)).then_some(CPU);
    let objects = OBJECTS.into_iter().filter(|name| !capabilities.objects.contains(*name));
    let devices = DEVICES.into_iter().filter(|name| !capabilities.devices.contains(*name));
    let missing: Vec<&str> = objects.chain(devices).chain(cpu).collect();
    if missing.is_empty() {
        return Check::fine(
            "guest devices",
            TestbedKind::GUESTS,
            "QEMU supports all of them".into(),
        );
    }
    let found = format!("QEMU does not support {}", missing.join(", "));
    Check::failed("guest devices", TestbedKind::GUESTS, found, NEWER_QEMU)
}

fn storage(capabilities: &QemuCapabilities) -> Check {
    let missing: Vec<&str> =
        STORAGE.into_iter().filter(|name| !capabilities.devices.contains(*name)).collect();
    if missing.is_empty() {
        return Check::fine("storage devices", &[], "virtio-blk, virtio-scsi, nvme".into());
    }
    let found = format!("QEMU does not support {}: these cannot be measured", missing.join(", "));
    Check::note("storage devices", found, Some(NEWER_QEMU))
}

fn firmware(probe: &HostProbe) -> Check {
    match &probe.firmware {
        Some(firmware) => {
            let found = format!("{}, {} KiB", firmware.path.display(), firmware.len_bytes >> 10);
            Check::fine("firmware", TestbedKind::GUESTS, found)
        }
        None => {
            let remedy = "type `apt-get install ovmf`";
            Check::failed("firmware", TestbedKind::GUESTS, "OVMF is missing".into(), remedy)
        }
    }
}

fn image(probe: &HostProbe) -> Check {
    match &probe.image {
        ImageState::Built(path) => {
            Check::fine("guest image", TestbedKind::GUESTS, path.display().to_string())
        }
        ImageState::NotBuilt => {
            let remedy = "type `cargo sevbench guest build`";
            Check::failed("guest image", TestbedKind::GUESTS, "not built yet".into(), remedy)
        }
        ImageState::Broken(reason) => {
            let folder = &probe.image_folder;
            let remedy = if folder.as_os_str().is_empty() {
                "type `export SEVBENCH_CACHE=FOLDER`".into()
            } else {
                let folder = folder.display();
                format!("type `rm -r {folder}` and `cargo sevbench guest build`")
            };
            Check::failed("guest image", TestbedKind::GUESTS, reason.clone(), remedy)
        }
    }
}

/// An obstacle only if there is an image to build.
fn programs(probe: &HostProbe) -> Check {
    if probe.missing_programs.is_empty() {
        return Check::fine("image build tools", &[], "installed".into());
    }
    let names = |part: fn(&(&'static str, &'static str)) -> &'static str, between: &str| {
        probe.missing_programs.iter().map(part).collect::<Vec<_>>().join(between)
    };
    let found = format!("missing: {}", names(|(program, _)| program, ", "));
    let remedy = format!("type `apt-get install {}`", names(|(_, package)| package, " "));
    match &probe.image {
        ImageState::Built(_) => Check::note("image build tools", found, Some(&remedy)),
        _ => Check::failed("image build tools", TestbedKind::GUESTS, found, remedy),
    }
}
