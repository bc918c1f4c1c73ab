//! What a machine is launched with on this host (accelerator, firmware, C-bit), and the record of
//! the launch.

use super::accelerator::{Accelerator, AcceleratorKind};
use super::command::{Console, Control, QEMU, Wiring, command_line, cpu_model};
use super::disks::DataDisk;
use super::error::QemuError;
use super::machine::QemuMachine;
use crate::image::ImageFiles;
use crate::treatment::Treatment;
use crate::trusted_file::distrust;
use serde::{Deserialize, Serialize};
use sevbench_facts::{Protection, SevCpuid};
use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::path::PathBuf;

/// Where Debian, Fedora and Arch keep a firmware that `-bios` accepts.
const FIRMWARES: [&str; 3] =
    ["/usr/share/ovmf/OVMF.fd", "/usr/share/edk2/ovmf/OVMF.fd", "/usr/share/edk2/x64/OVMF.4m.fd"];
/// The C-bit in a command line for display, on a host that has none.
const SHOWN_C_BIT: u32 = 51;
/// The port in a command line for display.
const SHOWN_SSH_PORT: u16 = 2222;

/// How a machine was launched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LaunchRecord {
    /// In a line, for people.
    pub description: String,
    /// How its CPUs run; `None` in a record that does not say.
    pub accelerator: Option<AcceleratorKind>,
    /// The protection that it was launched with.
    pub protection: Option<Protection>,
    /// What QEMU reports about the protection (`query-sev`).
    pub query_sev: Option<String>,
    /// The whole command line.
    pub command: Vec<String>,
    /// What must be the same in all arms.
    pub facts: BTreeMap<String, String>,
}

/// Everything that is decided before QEMU starts.
pub(crate) struct Launch<'a> {
    pub(crate) machine: &'a QemuMachine,
    pub(crate) image: &'a ImageFiles,
    pub(crate) data_disks: &'a [DataDisk],
    pub(crate) accelerator: Accelerator,
    firmware: PathBuf,
    c_bit: u32,
}

impl<'a> Launch<'a> {
    /// Plans the launch of a machine on this host.
    ///
    /// # Errors
    /// If KVM, the protection or the firmware is not available.
    pub(crate) fn plan(
        machine: &'a QemuMachine,
        image: &'a ImageFiles,
        data_disks: &'a [DataDisk],
    ) -> Result<Self, QemuError> {
        let accelerator = Accelerator::choose(machine.settings.accelerator)?;
        let c_bit = c_bit(machine.treatment, &accelerator)?;
        let firmware = firmware(machine)?;
        Ok(Self { machine, image, data_disks, accelerator, firmware, c_bit })
    }

    /// Plans a launch for display; works on any host.
    fn shown(
        machine: &'a QemuMachine,
        image: &'a ImageFiles,
        data_disks: &'a [DataDisk],
    ) -> Result<Self, QemuError> {
        let accelerator = match machine.treatment.protection() {
            Some(_) => Accelerator::Kvm,
            None => Accelerator::choose(machine.settings.accelerator)?,
        };
        let cpuid = SevCpuid::read().filter(|cpuid| cpuid.sev());
        let c_bit = cpuid.map_or(SHOWN_C_BIT, SevCpuid::c_bit);
        let set = machine.settings.firmware.clone();
        let firmware = set.or_else(|| firmware(machine).ok()).unwrap_or(FIRMWARES[0].into());
        Ok(Self { machine, image, data_disks, accelerator, firmware, c_bit })
    }

    /// QEMU's arguments, with its console and its control connection on these descriptors.
    pub(crate) fn arguments(
        &self,
        console_fd: RawFd,
        control_fd: RawFd,
        seed_fd: Option<RawFd>,
    ) -> Vec<String> {
        self.line(Console::Descriptor(console_fd), Control::Descriptor(control_fd), 0, seed_fd)
    }

    /// QEMU's arguments, with its monitor on the terminal.
    fn interactive_arguments(&self) -> Vec<String> {
        self.line(Console::Terminal, Control::Terminal, SHOWN_SSH_PORT, None)
    }

    fn line(
        &self,
        console: Console,
        control: Control,
        ssh_port: u16,
        seed_fd: Option<RawFd>,
    ) -> Vec<String> {
        let wiring = Wiring {
            accelerator: &self.accelerator,
            firmware: &self.firmware,
            image: self.image,
            data_disks: self.data_disks,
            console,
            control,
            ssh_port,
            c_bit: self.c_bit,
            seed_fd,
        };
        command_line(self.machine, &wiring)
    }

    /// The record of a machine that runs.
    pub(crate) fn record(
        &self,
        version: &str,
        query_sev: Option<String>,
        command: Vec<String>,
    ) -> LaunchRecord {
        let settings = &self.machine.settings;
        let mut description = format!("QEMU {version}, {}", self.accelerator.kind());
        let words = self.machine.treatment_words();
        if !words.is_empty() {
            description += &format!(", {}", words.join(" "));
        }
        let pins = |pins: &[u32]| match pins {
            [] => "none".to_owned(),
            pins => pins.iter().map(u32::to_string).collect::<Vec<_>>().join(" "),
        };
        let disks = &settings.data_disks;
        let disk = |disk: &DataDisk| match disk.is_device {
            true => disk.path.display().to_string(),
            false => format!("file of {} MiB", disks.size_mib),
        };
        let places: Vec<String> = self.data_disks.iter().map(disk).collect();
        let facts = [
            ("QEMU", version.to_owned()),
            ("accelerator", self.accelerator.kind().to_string()),
            ("machine type", settings.machine.clone()),
            ("CPU model", cpu_model(settings, &self.accelerator).into()),
            ("vCPUs", settings.vcpus.to_string()),
            ("guest memory", format!("{} MiB", settings.memory_mib)),
            ("memory backing", backing(self.machine)),
            ("NUMA node", settings.numa_node.map_or("any".into(), |node| node.to_string())),
            ("firmware", self.firmware.display().to_string()),
            ("image", self.image.name.clone()),
            ("vCPU pins", pins(&settings.vcpu_pins)),
            ("I/O pins", pins(&settings.io_pins)),
            ("disk cache mode", disks.cache.name().into()),
            ("disk AIO", disks.aio.name(disks.cache).into()),
            ("data disks", places.join(", ")),
            ("further QEMU arguments", settings.qemu_arguments.join(" ")),
        ];
        LaunchRecord {
            description,
            accelerator: Some(self.accelerator.kind()),
            protection: self.machine.treatment.protection(),
            query_sev,
            command,
            facts: facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }
}

/// The program and arguments with which a person would start a machine: its console and QEMU's
/// monitor on the terminal, the guest's SSH server on port 2222. Works on any host, whatever the
/// machine needs.
///
/// # Errors
/// If a file that the settings name cannot be read.
pub fn interactive_command(machine: &QemuMachine) -> Result<Vec<String>, QemuError> {
    let image = ImageFiles::locate(&machine.settings.image)?;
    let disks = machine.data_disks()?;
    let arguments = Launch::shown(machine, &image, &disks)?.interactive_arguments();
    Ok([QEMU.to_owned()].into_iter().chain(arguments).collect())
}

/// The C-bit of this processor, if it can run the treatment.
fn c_bit(treatment: Treatment, accelerator: &Accelerator) -> Result<u32, QemuError> {
    let Some(protection) = treatment.protection() else { return Ok(0) };
    let cpuid = SevCpuid::read().unwrap_or_default();
    match (cpuid.offers(protection), accelerator) {
        (true, Accelerator::Kvm) => Ok(cpuid.c_bit()),
        (true, Accelerator::Tcg(reason)) => {
            Err(QemuError::NoProtection { protection, reason: reason.of_protected() })
        }
        (false, _) => {
            let reason = "its processor does not offer that (CPUID 0x8000001F)".into();
            Err(QemuError::NoProtection { protection, reason })
        }
    }
}

/// The private memory of a SEV-SNP guest is allocated by the kernel in base pages, whatever backs
/// the shared memory.
fn backing(machine: &QemuMachine) -> String {
    let shared = machine.settings.backing.name();
    match machine.treatment {
        Treatment::Snp => format!("guest_memfd (private), {shared} (shared)"),
        _ => shared.into(),
    }
}

pub(crate) fn firmware(machine: &QemuMachine) -> Result<PathBuf, QemuError> {
    match &machine.settings.firmware {
        Some(path) if path.is_file() => match distrust(path) {
            Ok(Some(distrust)) => Err(distrust.into()),
            // QEMU says why it cannot read it.
            Ok(None) | Err(_) => Ok(path.clone()),
        },
        Some(path) => Err(QemuError::FirmwareFile { path: path.clone() }),
        None => {
            let mut known = FIRMWARES.iter().map(PathBuf::from);
            known.find(|path| path.is_file()).ok_or(QemuError::NoFirmware)
        }
    }
}
