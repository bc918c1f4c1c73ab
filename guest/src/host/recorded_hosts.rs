//! Hosts for the doctor's tests: a machine without KVM, a complete host, the host of "Performance
//! Evaluation of AMD Secure Encrypted Virtualization" (Castellotti, TU Munich), a workstation and a
//! bare machine.

use super::firmware::Firmware;
use super::host_facts::{Device, HostFacts, KvmAmd, Switches};
use super::probe::{HostProbe, ImageState};
use super::qemu_probe::{Qemu, QemuCapabilities};
use super::sev_device::SevFirmware;
use crate::qemu::{Extension, KvmDefect};
use sevbench_facts::SevCpuid;

/// CPUID 0x8000001F of Castellotti's EPYC 7713P.
pub(super) const EPYC_7713P: SevCpuid =
    SevCpuid { eax: 0x0101_fd3f, ebx: 0x0000_4173, ecx: 509, edx: 128 };

pub(super) fn qemu(version: (u32, u32, u32), line: &str) -> QemuCapabilities {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    QemuCapabilities {
        version,
        line: format!("QEMU emulator version {line}"),
        objects: set(&["memory-backend-memfd", "sev-guest", "sev-snp-guest"]),
        devices: set(&["virtio-blk-pci", "virtio-net-pci", "virtio-scsi-pci", "scsi-hd", "nvme"]),
        cpus: set(&["EPYC-v4", "max"]),
    }
}

pub(super) fn facts(named: &[(&str, &str)]) -> HostFacts {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    HostFacts { named: named.iter().map(pair).collect(), ..HostFacts::default() }
}

/// A machine with all programs and without KVM: a small virtual machine that offers neither svm nor
/// vmx.
pub(super) fn no_kvm() -> HostProbe {
    let facts = facts(&[
        ("kernel", "6.1.0"),
        ("CPU model", "AMD EPYC"),
        ("CPU vendor", "AuthenticAMD"),
        ("microcode", "0x1000065"),
        ("CPUs online", "0-1"),
        ("NUMA nodes", "0"),
        ("clock source", "tsc"),
        ("KSM", "0"),
        ("transparent huge pages", "madvise"),
        ("transparent huge pages, shared", "never"),
        ("cpuidle driver", "haltpoll"),
        ("cpuidle governor", "haltpoll"),
        ("mem_encrypt", "not given"),
        ("CPU flags", "hypervisor"),
    ]);
    let memory_available_bytes = Some(23 << 30);
    let switches = Switches { smt: Some(false), ..Switches::default() };
    HostProbe {
        facts: HostFacts {
            memory_available_bytes,
            switches,
            is_virtual: true,
            kvm_device: Device::Opens,
            ..facts
        },
        kvm_defect: Some(KvmDefect::NoExtension),
        qemu: Qemu::Usable(qemu((10, 0, 2), "10.0.2 (Debian 1:10.0.2+ds-2)")),
        firmware: Some(Firmware {
            path: "/usr/share/ovmf/OVMF.fd".into(),
            len_bytes: 2 << 20,
            sev_es: true,
            sev_snp: true,
        }),
        image: ImageState::Built("/cache/images/36/root.img".into()),
        image_folder: "/cache/images".into(),
        disk_free_bytes: Some(40 << 30),
        image_bytes: 2560 << 20,
        guest_memory_bytes: 1 << 30,
        default_cpu: true,
        lock_limit_bytes: Some(8 << 20),
        capabilities: u64::MAX,
        gcore: true,
        ..HostProbe::default()
    }
}

/// A host that lacks nothing.
pub(super) fn snp_host() -> HostProbe {
    let mut probe = no_kvm();
    for (name, value) in [
        ("kernel", "6.11.4"),
        ("CPU model", "AMD EPYC 7713P 64-Core Processor"),
        ("CPU flags", "svm sme sev sev_es sev_snp"),
        ("CPUs online", "0-127"),
        ("governor", "performance"),
        ("transparent huge pages, shared", "advise"),
        ("MSR 0xC0010010 SME", "on"),
        ("TSME", "off"),
        ("ptrace scope", "1"),
    ] {
        probe.facts.named.insert(name.into(), value.into());
    }
    let (yes, no) = (Some(true), Some(false));
    probe.facts.switches =
        Switches { boost: no, smt: no, sme: yes, tsme: no, ..Switches::default() };
    probe.facts.is_virtual = false;
    probe.facts.kvm_amd = KvmAmd { sev: yes, sev_es: yes, sev_snp: yes };
    probe.facts.sev = Some(EPYC_7713P);
    probe.facts.sev_device = Device::Opens;
    probe.sev_firmware = Some(Ok(SevFirmware { api: (1, 55), build: 21, guests: 0 }));
    probe.ptrace_scope = Some(1);
    probe.kvm_machine_types = Some(0b1_1101);
    HostProbe { kvm_defect: None, ..probe }
}

/// Castellotti's host: its kernel and its QEMU use a SEV-SNP interface that was never merged.
pub(super) fn study() -> HostProbe {
    let mut probe = snp_host();
    probe.facts.named.insert("kernel".into(), "6.3.0-rc2".into());
    probe.kvm_machine_types = Some(0b11);
    probe.qemu = Qemu::Usable(qemu((8, 0, 0), "8.0.0 (v8.0.0-ga248931)"));
    probe
}

/// An Intel workstation, which has no SEV.
pub(super) fn intel() -> HostProbe {
    let mut probe = no_kvm();
    for (name, value) in [
        ("CPU model", "12th Gen Intel(R) Core(TM) i7-1260P"),
        ("CPU vendor", "GenuineIntel"),
        ("CPU flags", "vmx"),
        ("governor", "powersave"),
        ("KSM", "1"),
        ("clock source", "hpet"),
    ] {
        probe.facts.named.insert(name.into(), value.into());
    }
    probe.facts.switches = Switches { boost: Some(true), smt: Some(true), ..Switches::default() };
    probe.facts.is_virtual = false;
    HostProbe {
        kvm_defect: None,
        kvm_machine_types: Some(1),
        capabilities: 0,
        ptrace_scope: Some(1),
        ..probe
    }
}

/// A bare machine: nothing is installed, nothing can be read.
pub(super) fn bare() -> HostProbe {
    HostProbe {
        facts: facts(&[("CPU flags", "svm")]),
        kvm_defect: Some(KvmDefect::NoDevice(
            Extension::Svm,
            "No such file or directory (os error 2)".into(),
        )),
        missing_programs: vec![("mmdebstrap", "mmdebstrap"), ("mke2fs", "e2fsprogs")],
        image_folder: "/cache/images".into(),
        disk_free_bytes: Some(1 << 30),
        image_bytes: 2560 << 20,
        guest_memory_bytes: 1 << 30,
        lock_limit_bytes: Some(8 << 20),
        ..HostProbe::default()
    }
}
