//! What guests on this host need before the first of them starts: the host for themselves, images, disks, room.

use crate::image::{BootImage, cache_folder};
use crate::qemu::{DataDisk, Launch};
use crate::{
    Accelerator, Address, Check, GuestError, HostLock, HostProbe, ImageError, Interrupt,
    QemuMachine, TestbedKind, examine, obstacles,
};
use std::fs;
use std::path::PathBuf;

/// What one QEMU takes of the host's memory beside its guest's.
const QEMU_MIB: u64 = 100;

/// The host, made ready for guests. Dropping it lets other runs begin.
#[derive(Debug)]
pub struct Prepared {
    _lock: Option<HostLock>,
}

/// Takes the host's lock, checks that every machine among `addresses` can be made, all of them at once, and makes the
/// disks that are not there; tells what takes time.
///
/// # Errors
/// If another run has guests here, or something that a machine needs is missing.
pub fn prepare(
    addresses: &[&Address],
    interrupt: &Interrupt,
    tell: &mut dyn FnMut(&str),
) -> Result<Prepared, GuestError> {
    let machines: Vec<&QemuMachine> =
        addresses.iter().filter_map(|address| address.machine()).collect();
    if machines.is_empty() {
        return Ok(Prepared { _lock: None });
    }
    check_host(&machines)?;
    let lock = HostLock::take()?;
    check_room(&machines)?;
    for (index, machine) in machines.into_iter().enumerate() {
        let image = BootImage::find(&machine.settings.image)?;
        let launch = Launch::plan(machine, &image.files, &[])?;
        if let (0, Accelerator::Tcg { reason }) = (index, &launch.accelerator) {
            tell(&format!("guests are emulated (TCG), which is slow: {reason}"));
        }
        machine.settings.data_disks.prepare(&disks_folder()?, interrupt, tell)?;
    }
    Ok(Prepared { _lock: Some(lock) })
}

/// Whether the host has what the machines need whatever they are set to. Firmware, image, memory and room may be set, and
/// are looked at by themselves.
fn check_host(machines: &[&QemuMachine]) -> Result<(), GuestError> {
    const BY_SETTINGS: [&str; 5] = ["firmware", "guest image", "image programs", "memory", "disk"];
    let checks = examine(&HostProbe::gather());
    for machine in machines {
        let kind = TestbedKind::of(machine.treatment);
        let mut obstacles = obstacles(&checks, kind);
        obstacles.retain(|check| !BY_SETTINGS.contains(&check.subject));
        if !obstacles.is_empty() {
            let line = |check: &&Check| {
                let remedy = check.remedy.as_deref().unwrap_or("see `cargo sevbench doctor`");
                format!("\n  {}: {}; {remedy}", check.subject, check.found)
            };
            let failed = obstacles.iter().map(line).collect();
            return Err(GuestError::Obstacles { arm: machine.treatment.name(), failed });
        }
    }
    Ok(())
}

/// The data disks of a machine, which [`prepare`] has made.
pub(crate) fn data_disks(machine: &QemuMachine) -> Result<Vec<DataDisk>, ImageError> {
    Ok(machine.settings.data_disks.locate(&disks_folder()?))
}

fn disks_folder() -> Result<PathBuf, ImageError> {
    cache_folder("disks")
}

/// Whether the host has the memory for all machines together, and the CPUs for each.
fn check_room(machines: &[&QemuMachine]) -> Result<(), GuestError> {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    match lack_of_room(machines, available_mib(&meminfo), cpus) {
        Some(reason) => Err(GuestError::NoRoom { reason }),
        None => Ok(()),
    }
}

fn available_mib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? >> 10)
}

fn lack_of_room(
    machines: &[&QemuMachine],
    available_mib: Option<u64>,
    cpus: u64,
) -> Option<String> {
    let needed_mib: u64 =
        machines.iter().map(|machine| u64::from(machine.settings.memory_mib) + QEMU_MIB).sum();
    if let Some(available_mib) = available_mib.filter(|available| *available < needed_mib) {
        return Some(format!(
            "{} guests need {needed_mib} MiB of memory and {available_mib} MiB are free: lower memory_mib, or free some",
            machines.len()
        ));
    }
    let most = machines.iter().map(|machine| u64::from(machine.settings.vcpus)).max()?;
    (most > cpus).then(|| {
        format!("a guest is to have {most} vCPUs and this host has {cpus} CPUs: lower vcpus")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MachineSettings, Treatment};

    #[test]
    fn more_than_there_is_is_refused_before_anything_starts() {
        let settings = MachineSettings { vcpus: 4, memory_mib: 2048, ..MachineSettings::default() };
        let machine = QemuMachine::new(Treatment::Nosev, settings);
        let two = [&machine, &machine];
        assert_eq!(lack_of_room(&two, Some(4296), 4), None);
        assert!(lack_of_room(&two, Some(4295), 4).is_some_and(|text| text.contains("4296 MiB")));
        assert!(lack_of_room(&two, None, 3).is_some_and(|text| text.contains("lower vcpus")));
        assert_eq!(available_mib("MemTotal: 9 kB\nMemAvailable:   2048 kB\n"), Some(2));
        assert_eq!(available_mib("MemAvailable: much"), None);
    }
}
