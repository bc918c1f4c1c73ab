//! How a guest's CPUs run: under KVM if it is really usable, else under TCG.

use super::error::QemuError;
use super::settings::WantedAccelerator;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;

/// The only version of KVM's interface (linux/kvm.h), and the request for it.
const API_VERSION: libc::c_int = 12;
const GET_API_VERSION: libc::Ioctl = 0xae00;
/// The request for a capability of KVM; here, its VM types, one bit for each.
const CHECK_EXTENSION: libc::Ioctl = 0xae03;
const CAP_VM_TYPES: libc::c_ulong = 235;

/// How a guest's CPUs run, as records name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AcceleratorKind {
    /// On the processor itself.
    Kvm,
    /// Emulated.
    Tcg,
}

impl fmt::Display for AcceleratorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kvm => "KVM",
            Self::Tcg => "TCG",
        })
    }
}

/// How a guest's CPUs run on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Accelerator {
    /// On the processor itself.
    Kvm,
    /// Emulated, for this reason.
    Tcg {
        /// Why not by KVM.
        reason: String,
    },
}

impl Accelerator {
    /// The accelerator to use for a setting.
    ///
    /// # Errors
    /// If KVM is required and not usable.
    pub(crate) fn choose(wanted: WantedAccelerator) -> Result<Self, QemuError> {
        match (wanted, kvm_defect()) {
            (WantedAccelerator::Tcg, _) => Ok(Self::Tcg { reason: "as requested".into() }),
            (WantedAccelerator::Auto | WantedAccelerator::Kvm, None) => Ok(Self::Kvm),
            (WantedAccelerator::Auto, Some(reason)) => Ok(Self::Tcg { reason }),
            (WantedAccelerator::Kvm, Some(reason)) => Err(QemuError::NoKvm { reason }),
        }
    }

    pub(crate) const fn kind(&self) -> AcceleratorKind {
        match self {
            Self::Kvm => AcceleratorKind::Kvm,
            Self::Tcg { .. } => AcceleratorKind::Tcg,
        }
    }
}

/// Why KVM is not usable here. `/dev/kvm` can exist, and even answer, and still be useless.
pub(crate) fn kvm_defect() -> Option<String> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    if !cpuinfo.lines().any(|line| {
        line.starts_with("flags")
            && line.split_whitespace().any(|flag| flag == "svm" || flag == "vmx")
    }) {
        return Some("this CPU offers neither svm nor vmx".into());
    }
    let version = open().and_then(|kvm| ask(&kvm, GET_API_VERSION, 0));
    match version {
        Ok(API_VERSION) => None,
        Ok(version) => {
            Some(format!("/dev/kvm speaks version {version} of its interface, not {API_VERSION}"))
        }
        Err(error) => Some(format!("/dev/kvm: {error}")),
    }
}

/// The VM types that KVM supports, one bit for each (`KVM_X86_*_VM` of asm/kvm.h); `None` if it
/// does not say.
pub(crate) fn kvm_machine_types() -> Option<u32> {
    let types = open().and_then(|kvm| ask(&kvm, CHECK_EXTENSION, CAP_VM_TYPES));
    types.ok().map(libc::c_int::cast_unsigned)
}

fn open() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/kvm")
}

fn ask(kvm: &File, request: libc::Ioctl, argument: libc::c_ulong) -> io::Result<libc::c_int> {
    // SAFETY: both requests of this file take a number, not a pointer, and return a number.
    match unsafe { libc::ioctl(kvm.as_raw_fd(), request, argument) } {
        -1 => Err(io::Error::last_os_error()),
        answer => Ok(answer),
    }
}
