//! What guests on this host need before the first of them starts: the host for themselves, images, disks, room.

use crate::image::{BootImage, cache_folder};
use crate::qemu::{DataDisk, Launch};
use crate::room::Room;
use crate::{
    Accelerator, Address, Check, GuestError, HostLock, HostProbe, ImageError, Interrupt,
    QemuMachine, TestbedKind, examine, obstacles,
};
use std::fs;
use std::path::PathBuf;

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
    for machine in machines {
        let checks = examine(&HostProbe::gather_for(&machine.settings));
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
    match Room::parse(&meminfo, cpus).lack(machines) {
        Some(reason) => Err(GuestError::NoRoom { reason }),
        None => Ok(()),
    }
}
