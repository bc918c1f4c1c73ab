//! What guests on this host need before the first of them starts: exclusive use of the host, an
//! image, disks, memory and CPUs.

use crate::address::Address;
use crate::capacity::HostCapacity;
use crate::error::GuestError;
use crate::host::{CheckScope, HostProbe, Obstacles, TestbedKind, examine};
use crate::host_lock::HostLock;
use crate::image::BootImage;
use crate::limits::Interrupt;
use crate::qemu::{Accelerator, Launch, QemuMachine};
use std::fs;

/// A host that is ready for guests. Dropping it lets other runs start.
#[derive(Debug)]
pub struct Prepared {
    _lock: Option<HostLock>,
}

/// Takes the host's lock, checks that all machines among `addresses` can run here at once, and
/// makes the disks that do not exist yet. Reports what takes time.
///
/// # Errors
/// If another run has guests here, or a machine needs something that the host lacks.
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
    for machine in &machines {
        check_host(machine)?;
    }
    let lock = HostLock::take()?;
    capacity().check(&machines)?;
    for (index, machine) in machines.into_iter().enumerate() {
        let image = BootImage::find(&machine.settings.image)?;
        let launch = Launch::plan(machine, &image.files, &[])?;
        if let (0, Accelerator::Tcg { reason }) = (index, &launch.accelerator) {
            tell(&format!("guests are emulated (TCG), which is slow: {reason}"));
        }
        machine.prepare_data_disks(interrupt, tell)?;
    }
    Ok(Prepared { _lock: Some(lock) })
}

/// Checks what a machine needs from the host whatever its settings are. [`prepare`] checks the rest
/// itself.
fn check_host(machine: &QemuMachine) -> Result<(), Obstacles> {
    let mut checks = examine(&HostProbe::gather_for(&machine.settings));
    checks.retain(|check| check.scope == CheckScope::Host);
    let kind = TestbedKind::of(machine.treatment);
    Obstacles::find(machine.treatment.name(), &checks, kind).map_or(Ok(()), Err)
}

fn capacity() -> HostCapacity {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    HostCapacity::parse(&meminfo, cpus)
}
