//! Whether KVM is usable here, and which machines it supports.

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

/// Why KVM is not usable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvmDefect {
    /// The CPU has no extension for virtual machines, or does not offer it.
    NoExtension,
    /// `/dev/kvm` does not exist; the error says so.
    NoDevice(Extension, String),
    /// This user may not open `/dev/kvm`, with this error.
    Denied(String),
    /// `/dev/kvm` cannot be used, with this error.
    Unusable(String),
    /// `/dev/kvm` speaks another version of its interface.
    OtherInterface(libc::c_int),
}

impl fmt::Display for KvmDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoExtension => f.write_str("this CPU offers neither svm nor vmx"),
            Self::NoDevice(_, error) | Self::Denied(error) | Self::Unusable(error) => {
                write!(f, "/dev/kvm: {error}")
            }
            Self::OtherInterface(version) => {
                write!(f, "/dev/kvm speaks version {version} of its interface, not {API_VERSION}")
            }
        }
    }
}

/// A CPU's extension for virtual machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// AMD's (AMD-V).
    Svm,
    /// Intel's (VT-x).
    Vmx,
}

impl Extension {
    fn from_cpuinfo(cpuinfo: &str) -> Option<Self> {
        let flags = cpuinfo.lines().filter(|line| line.starts_with("flags"));
        flags.flat_map(str::split_whitespace).find_map(|flag| match flag {
            "svm" => Some(Self::Svm),
            "vmx" => Some(Self::Vmx),
            _ => None,
        })
    }
}

/// Why KVM is not usable here. `/dev/kvm` can exist, and even answer, and still be useless.
pub(crate) fn kvm_defect() -> Option<KvmDefect> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let Some(extension) = Extension::from_cpuinfo(&cpuinfo) else {
        return Some(KvmDefect::NoExtension);
    };
    match open().and_then(|kvm| ask(&kvm, GET_API_VERSION, 0)) {
        Ok(API_VERSION) => None,
        Ok(version) => Some(KvmDefect::OtherInterface(version)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Some(KvmDefect::NoDevice(extension, error.to_string()))
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Some(KvmDefect::Denied(error.to_string()))
        }
        Err(error) => Some(KvmDefect::Unusable(error.to_string())),
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
