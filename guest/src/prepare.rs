//! What guests on this host need before the first of them starts: exclusive use of the host, an
//! image, disks, memory and CPUs.

use crate::address::{Address, ClientConfig, SshAddress};
use crate::capacity::HostCapacity;
use crate::error::GuestError;
use crate::host::{Obstacles, TestbedKind, examine_host};
use crate::host_lock::{HostLock, HostLockError};
use crate::image::BootImage;
use crate::limits::Interrupt;
use crate::qemu::{Accelerator, Launch, QemuMachine};
use crate::ssh::{ClientSettings, check_configuration};
use std::fs;

/// A host that is ready for guests. Dropping it lets other runs start.
#[derive(Debug)]
pub struct Prepared {
    _lock: Option<HostLock>,
}

/// Whether a run needs the host for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostUse {
    /// No other run may have guests here.
    Exclusive,
    /// Another run may: the user accepts that both are disturbed.
    Shared,
}

/// Checks the SSH settings of machines that are already running. Takes the host's lock, checks that
/// all machines that are booted can run here at once, and makes the disks that do not exist yet.
/// Reports what takes time, and who disturbs the run.
///
/// # Errors
/// If another run has guests here, or a machine needs something that the host lacks.
pub fn prepare(
    addresses: &[&Address],
    host_use: HostUse,
    interrupt: &Interrupt,
    tell: &mut dyn FnMut(&str),
) -> Result<Prepared, GuestError> {
    for address in addresses {
        if let Address::Ssh(ssh) = address {
            check_client_settings(ssh, interrupt, tell)?;
        }
    }
    let machines: Vec<&QemuMachine> =
        addresses.iter().filter_map(|address| address.machine()).collect();
    if machines.is_empty() {
        let is_here = addresses.iter().any(|address| **address == Address::Loopback);
        let lock = if is_here { lock_loopback(tell) } else { None };
        return Ok(Prepared { _lock: lock });
    }
    for machine in &machines {
        check_host(machine)?;
    }
    let lock = match (HostLock::take(interrupt), host_use) {
        (Ok(lock), _) => Some(lock),
        (Err(HostLockError::Interrupted), _) => return Err(GuestError::Interrupted),
        (Err(HostLockError::Busy { owner }), HostUse::Shared) => {
            tell(&disturbed_by(&owner));
            None
        }
        (Err(error), _) => return Err(error.into()),
    };
    capacity().check(&machines)?;
    for (index, machine) in machines.into_iter().enumerate() {
        let image = BootImage::find(&machine.settings.image)?;
        let launch = Launch::plan(machine, &image.files, &[])?;
        if let (0, Accelerator::Tcg(reason)) = (index, &launch.accelerator) {
            tell(&format!("guests are emulated (TCG), which is slow: {reason}"));
        }
        machine.prepare_data_disks(interrupt, tell)?;
    }
    Ok(Prepared { _lock: lock })
}

/// Checks the configuration of OpenSSH's client for an address, and reports which of its settings
/// sevbench ignores.
fn check_client_settings(
    address: &SshAddress,
    interrupt: &Interrupt,
    tell: &mut dyn FnMut(&str),
) -> Result<(), GuestError> {
    if let ClientConfig::File(file) = &address.config {
        check_configuration(file)?;
    }
    ClientSettings::resolve(address, interrupt)?;
    let unused = ClientSettings::unused(address, interrupt)?;
    if !unused.is_empty() {
        let (host, unused) = (&address.host, unused.join(", "));
        tell(&format!("warning: sevbench ignores these SSH settings for {host}: {unused}"));
    }
    Ok(())
}

/// Notices another run without guests.
fn lock_loopback(tell: &mut dyn FnMut(&str)) -> Option<HostLock> {
    HostLock::take_loopback().unwrap_or_else(|owner| {
        tell(&disturbed_by(&owner));
        None
    })
}

fn disturbed_by(owner: &str) -> String {
    format!("warning: {owner} is using this host as well: the two runs disturb each other")
}

/// Checks what a machine needs from the host itself. [`prepare`] checks its image and its memory.
fn check_host(machine: &QemuMachine) -> Result<(), Obstacles> {
    let checks = examine_host(&machine.settings);
    let kind = TestbedKind::of(machine.treatment);
    Obstacles::find(machine.treatment.name(), &checks, kind).map_or(Ok(()), Err)
}

fn capacity() -> HostCapacity {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    HostCapacity::parse(&meminfo, cpus)
}
