//! Pure: QEMU's command line for a machine. Options that all arms share are written once.

use super::accelerator::Accelerator;
use super::disks::{Controller, DataDisk, SCSI_CONTROLLER};
use super::machine::QemuMachine;
use super::settings::{Backing, MachineSettings};
use crate::escape;
use crate::image::ImageFiles;
use crate::treatment::Treatment;
use std::path::Path;

/// The program that runs machines.
pub(crate) const QEMU: &str = "qemu-system-x86_64";
/// The port of the guest's SSH server.
const GUEST_SSH_PORT: u16 = 22;
/// Physical address bits that encryption takes from a guest; QEMU requires at least 1.
const REDUCED_PHYS_BITS: u32 = 1;
/// The size of TCG's translation cache. A boot fits in it; with less, code is translated repeatedly
/// and a boot takes a third longer.
const TRANSLATED_MIB: u32 = 48;
/// The id of the seed for cloud-init.
const SEED_ID: &str = "seed";

/// What a machine is connected to.
#[derive(Clone, Debug)]
pub(crate) struct Wiring<'a> {
    pub(crate) accelerator: &'a Accelerator,
    pub(crate) firmware: &'a Path,
    pub(crate) image: &'a ImageFiles,
    pub(crate) data_disks: &'a [DataDisk],
    pub(crate) console: Console,
    pub(crate) control: Control,
    /// The port on 127.0.0.1 that leads to the guest's SSH server; 0 lets the kernel choose.
    pub(crate) ssh_port: u16,
    /// The address bit that marks a page as encrypted, from CPUID 0x8000001F.
    pub(crate) c_bit: u32,
    /// The descriptor of the seed for cloud-init.
    pub(crate) seed_fd: Option<i32>,
}

/// Where the guest's serial console goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Console {
    /// To an inherited descriptor.
    Descriptor(i32),
    /// To the terminal, together with QEMU's monitor.
    Terminal,
}

/// How QEMU is controlled.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Control {
    /// By QMP on an inherited descriptor.
    Descriptor(i32),
    /// By a person, on the terminal.
    Terminal,
}

/// QEMU's arguments for a machine.
pub(crate) fn command_line(machine: &QemuMachine, wiring: &Wiring<'_>) -> Vec<String> {
    let QemuMachine { treatment, settings, .. } = machine;
    let platform = if *treatment == Treatment::Nosev { "" } else { ",iommu_platform=on" };
    let mut line: Vec<String> =
        ["-nodefaults", "-no-user-config", "-nographic", "-no-reboot"].map(str::to_owned).into();
    let mut add = |name: &str, value: String| line.extend([name.to_owned(), value]);
    add("-name", format!("sevbench-{}", treatment.name()));
    let (machine_type, object) = protection(*treatment, settings, wiring.c_bit);
    add("-machine", machine_type);
    if let Some(object) = object {
        add("-object", object);
    }
    add("-accel", accelerator(wiring.accelerator));
    add("-cpu", cpu_model(settings, wiring.accelerator).into());
    add("-smp", settings.vcpus.to_string());
    add("-m", format!("{}M", settings.memory_mib));
    add("-object", memory_backend(settings));
    add("-bios", wiring.firmware.display().to_string());
    if let Some(kernel) = &wiring.image.kernel {
        add("-kernel", kernel.display().to_string());
        add("-append", kernel_command_line(machine, wiring.image));
    }
    if let Some(initrd) = &wiring.image.initrd {
        add("-initrd", initrd.display().to_string());
    }
    add("-object", "iothread,id=io0".into());
    // `snapshot=on` is a copy-on-write overlay in an unlinked file: it vanishes with QEMU, however
    // that ends.
    let (format, root) = (wiring.image.format.name(), escape::for_qemu(&wiring.image.root));
    add("-drive", format!("if=none,id=root,format={format},snapshot=on,file={root}"));
    // If QEMU loads a kernel, that boots first.
    let first = if wiring.image.kernel.is_none() { ",bootindex=0" } else { "" };
    let root = format!("drive=root,serial=sevbench-root{first}");
    add("-device", format!("virtio-blk-pci,{root},disable-legacy=on{platform}"));
    if let Some(fd) = wiring.seed_fd {
        let file = format!("file=/proc/self/fd/{fd}");
        add("-drive", format!("if=none,id={SEED_ID},format=raw,readonly=on,{file}"));
        add("-device", format!("virtio-blk-pci,drive={SEED_ID},disable-legacy=on{platform}"));
    }
    for (name, value) in data_disks(settings, wiring.data_disks, platform) {
        add(name, value);
    }
    // The guest cannot reach any network.
    let forward = format!("hostfwd=tcp:127.0.0.1:{}-:{GUEST_SSH_PORT}", wiring.ssh_port);
    add("-netdev", format!("user,id=net,restrict=on,{forward}"));
    add("-device", format!("virtio-net-pci,netdev=net,romfile=,disable-legacy=on{platform}"));
    match wiring.console {
        Console::Descriptor(fd) => add("-serial", format!("file:/proc/self/fd/{fd}")),
        Console::Terminal => add("-serial", "mon:stdio".into()),
    }
    if let Control::Descriptor(fd) = wiring.control {
        add("-chardev", format!("socket,id=control,fd={fd}"));
        add("-mon", "chardev=control,mode=control".into());
        // The CPUs wait until they are pinned.
        line.push("-S".into());
    }
    line.extend(settings.qemu_arguments.iter().cloned());
    line
}

/// The kernel's command line of an arm.
pub(crate) fn kernel_command_line(machine: &QemuMachine, image: &ImageFiles) -> String {
    let root = format!("root={}", image.kernel_root);
    // Level 6 includes notices: the first, the kernel's version, marks the end of a boot phase.
    let common = ["console=ttyS0", "panic=-1", "loglevel=6", "systemd.show_status=auto"];
    let mut words = vec![root];
    words.extend(common.map(str::to_owned));
    words.extend(machine.treatment_words());
    words.extend(machine.settings.kernel_command_line.split_whitespace().map(str::to_owned));
    words.join(" ")
}

/// The machine type, and the object that protects the machine.
fn protection(
    treatment: Treatment,
    settings: &MachineSettings,
    c_bit: u32,
) -> (String, Option<String>) {
    let mut bits = format!("id=sev0,cbitpos={c_bit},reduced-phys-bits={REDUCED_PHYS_BITS}");
    if settings.kernel_hashes {
        bits += ",kernel-hashes=on";
    }
    let object = match treatment {
        Treatment::Nosev | Treatment::Bounce => None,
        Treatment::Sev => Some(format!("sev-guest,{bits},policy=0x1")),
        Treatment::SevEs => Some(format!("sev-guest,{bits},policy=0x5")),
        Treatment::Snp => Some(format!("sev-snp-guest,{bits},policy=0x30000")),
    };
    // Protected guests have no system management mode, so no arm has it.
    let machine = format!("{},smm=off,memory-backend=ram1", settings.machine);
    match object {
        None => (machine, None),
        Some(object) => (format!("{machine},confidential-guest-support=sev0"), Some(object)),
    }
}

/// TCG caches translated code. By default the cache would take a quarter of a GiB in addition to
/// the guest's memory.
fn accelerator(accelerator: &Accelerator) -> String {
    match accelerator {
        Accelerator::Kvm => "kvm".into(),
        Accelerator::Tcg(_) => format!("tcg,tb-size={TRANSLATED_MIB}"),
    }
}

/// The CPU model of every arm.
pub(crate) fn cpu_model<'a>(settings: &'a MachineSettings, accelerator: &Accelerator) -> &'a str {
    match (&settings.cpu_model, accelerator) {
        (Some(model), _) => model,
        (None, Accelerator::Kvm) => "EPYC-v4,host-phys-bits=true",
        // Everything that TCG can emulate, without warnings about the rest. QEMU 10 emulates a
        // string instruction some fifteen times slower after an interrupt in its middle, so the C
        // library must not use them for copies.
        (None, Accelerator::Tcg(_)) => "max,erms=off,fsrm=off",
    }
}

fn memory_backend(settings: &MachineSettings) -> String {
    let size = format!("id=ram1,size={}M", settings.memory_mib);
    let node = match settings.numa_node {
        Some(node) => format!(",host-nodes={node},policy=bind"),
        None => String::new(),
    };
    match settings.backing {
        Backing::Memfd => format!("memory-backend-memfd,{size},share=true,prealloc=on{node}"),
        Backing::Hugetlb => {
            format!("memory-backend-memfd,{size},share=true,prealloc=on,hugetlb=on{node}")
        }
        Backing::Anonymous => format!("memory-backend-ram,{size},prealloc=on{node}"),
    }
}

/// The disks on which storage is measured, and their controllers. All arms share them: no two arms
/// run at once, and a file's position on the host's disk is then the same for all. They are
/// read-only, since what one arm writes another would read.
fn data_disks(
    settings: &MachineSettings,
    disks: &[DataDisk],
    platform: &str,
) -> Vec<(&'static str, String)> {
    let cache = settings.data_disks.cache;
    let aio = settings.data_disks.aio.name(cache);
    let mut line = Vec::new();
    for DataDisk { controller, path, is_device } in disks {
        let id = controller.name();
        let driver = if *is_device { "host_device" } else { "file" };
        line.push((
            "-drive",
            format!(
                "if=none,id={id},format=raw,readonly=on,cache={},aio={aio},rerror=report,\
                 file.driver={driver},file.filename={}",
                cache.name(),
                escape::for_qemu(path)
            ),
        ));
        let device = format!("drive={id},serial={}", controller.serial());
        let virtio = format!("iothread=io0,disable-legacy=on{platform}");
        match controller {
            Controller::VirtioBlk => {
                line.push(("-device", format!("virtio-blk-pci,{device},{virtio}")));
            }
            Controller::VirtioScsi => {
                line.push(("-device", format!("virtio-scsi-pci,id={SCSI_CONTROLLER},{virtio}")));
                line.push(("-device", format!("scsi-hd,bus={SCSI_CONTROLLER}.0,{device}")));
            }
            Controller::Nvme => line.push(("-device", format!("nvme,{device}"))),
        }
    }
    line
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
