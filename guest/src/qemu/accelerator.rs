//! How the CPUs of a guest are run: by KVM where it is really usable, else by TCG.

use super::error::QemuError;
use super::settings::WantedAccelerator;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;

/// The one version of KVM's interface that there is (linux/kvm.h), and how it is asked for.
const API_VERSION: libc::c_int = 12;
const GET_API_VERSION: libc::Ioctl = 0xae00;
/// Asks what KVM can do; here: which types of machine it makes, a bit for each.
const CHECK_EXTENSION: libc::Ioctl = 0xae03;
const CAP_VM_TYPES: libc::c_ulong = 235;

/// How the CPUs of a guest are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Accelerator {
    /// By the processor itself.
    Kvm,
    /// Emulated, for this reason.
    Tcg {
        /// Why not by KVM.
        reason: String,
    },
}

impl Accelerator {
    /// What is used where this is wanted.
    ///
    /// # Errors
    /// If KVM is wanted and is not usable.
    pub(crate) fn choose(wanted: WantedAccelerator) -> Result<Self, QemuError> {
        match (wanted, kvm_defect()) {
            (WantedAccelerator::Tcg, _) => Ok(Self::Tcg { reason: "as asked for".into() }),
            (WantedAccelerator::Auto | WantedAccelerator::Kvm, None) => Ok(Self::Kvm),
            (WantedAccelerator::Auto, Some(reason)) => Ok(Self::Tcg { reason }),
            (WantedAccelerator::Kvm, Some(reason)) => Err(QemuError::NoKvm { reason }),
        }
    }

    /// As QEMU and people write it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Kvm => "KVM",
            Self::Tcg { .. } => "TCG",
        }
    }
}

/// What is wrong with KVM here. `/dev/kvm` can be there, and even answer, and still be of no use.
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

/// The types of machine that KVM makes, a bit for each (`KVM_X86_*_VM` of asm/kvm.h); none where it does not say.
pub(crate) fn kvm_machine_types() -> Option<u32> {
    let types = open().and_then(|kvm| ask(&kvm, CHECK_EXTENSION, CAP_VM_TYPES));
    types.ok().map(libc::c_int::cast_unsigned)
}

fn open() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/kvm")
}

fn ask(kvm: &File, request: libc::Ioctl, argument: libc::c_ulong) -> io::Result<libc::c_int> {
    // SAFETY: both requests of this file take a number, no pointer, and give a number.
    match unsafe { libc::ioctl(kvm.as_raw_fd(), request, argument) } {
        -1 => Err(io::Error::last_os_error()),
        answer => Ok(answer),
    }
}
