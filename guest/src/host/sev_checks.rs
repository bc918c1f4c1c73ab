//! Pure: checks of what a guest with SEV, SEV-ES or SEV-SNP needs, from the processor up to the
//! guest's firmware.

use super::HostProbe;
use super::check::{Check, TestbedKind};
use super::host_facts::Device;
use super::qemu_checks::NEWER_QEMU;
use super::qemu_probe::{Qemu, QemuCapabilities};
use sevbench_facts::SevCpuid;
use sevbench_facts::text::UNKNOWN;
use sevbench_text::counted;

/// Testbeds with at least SEV-ES, and the one with SEV-SNP.
const ES: &[TestbedKind] = &[TestbedKind::SevEs, TestbedKind::Snp];
const SNP: &[TestbedKind] = &[TestbedKind::Snp];
/// Testbeds whose guest memory KVM pins and so counts as locked. With SEV-SNP, guest memory is not
/// the process's own.
const PINNED: &[TestbedKind] = &[TestbedKind::Sev, TestbedKind::SevEs];

/// The first QEMU that supports SEV-SNP through the interface of Linux 6.11.
const SNP_VERSION_MIN: (u32, u32, u32) = (9, 1, 0);
/// The oldest firmware interface with which Linux enables SEV-SNP (drivers/crypto/ccp/sev-dev.c).
const SNP_API_MIN: (u8, u8) = (1, 51);
/// The bit for SEV-SNP among KVM's VM types (`KVM_X86_SNP_VM`).
const SNP_MACHINE: u32 = 1 << 4;
/// `CAP_IPC_LOCK`, the right to lock any amount of memory.
const CAP_IPC_LOCK: u64 = 1 << 14;

const NO_SUCH_PROCESSOR: &str = "run on an AMD EPYC host (7001 for SEV, 7002 for SEV-ES, 7003 for \
                                 SEV-SNP, or later); on this machine, type `cargo bench --bench \
                                 memory -- --testbed qemu` to measure the cost of bounce buffers";
const SET_UP_SNP: &str = "enable SEV-SNP and its RMP table in the firmware setup, add \
                          kvm_amd.sev_snp=1 iommu=nopt to the kernel's command line, reboot, and \
                          look at `dmesg | grep -i -e sev -e rmp`";
const NEWER_KERNEL: &str = "boot Linux 6.11 or later, built with CONFIG_KVM_AMD_SEV";

pub(super) fn checks(probe: &HostProbe) -> Vec<Check> {
    let mut checks = vec![host_encryption(probe)];
    let cpuid = probe.facts.sev.unwrap_or_default();
    checks.push(processor(probe.facts.sev));
    if !cpuid.sev() {
        return checks;
    }
    checks.extend(asids(cpuid));
    checks.extend(module(probe, cpuid));
    checks.push(device(probe));
    checks.extend(secure_processor(probe, cpuid));
    if cpuid.sev_snp() && probe.kvm_defect.is_none() {
        checks.push(snp_machine(probe));
    }
    if let Qemu::Usable(capabilities) = &probe.qemu {
        checks.push(sev_object(capabilities));
        checks.push(snp_object(capabilities));
    }
    checks.extend(firmware(probe));
    checks.push(lock_limit(probe));
    checks
}

/// If the host's own memory is encrypted, the control arm pays for encryption too.
fn host_encryption(probe: &HostProbe) -> Check {
    let fact = |name| probe.facts.fact(name);
    let found = format!(
        "SME bit {}, mem_encrypt {}, TSME {}",
        fact("MSR 0xC0010010 SME"),
        fact("mem_encrypt"),
        fact("TSME")
    );
    let switches = probe.facts.switches;
    // The kernel's parameter has an effect only if the firmware allows it.
    let sme = switches.mem_encrypt == Some(true) && switches.sme != Some(false);
    if sme || switches.tsme == Some(true) {
        let found = format!("{found}: the control arm's memory is encrypted as well");
        let remedy = "disable TSME in the firmware setup and boot with mem_encrypt=off";
        return Check::note("host encryption", found, Some(remedy));
    }
    Check::fine("host encryption", &[], found)
}

fn processor(cpuid: Option<SevCpuid>) -> Check {
    let subject = "processor's SEV";
    let failed = |needed_by, found: &str| {
        Check::failed(subject, needed_by, found.to_owned(), NO_SUCH_PROCESSOR)
    };
    let Some(cpuid) = cpuid else {
        return failed(TestbedKind::PROTECTED, "not supported (no CPUID 0x8000001F)");
    };
    let found = match (cpuid.sev(), cpuid.sev_es(), cpuid.sev_snp()) {
        (false, ..) => {
            return failed(TestbedKind::PROTECTED, "not supported (CPUID 0x8000001F)");
        }
        (_, false, _) => return failed(ES, "SEV, but neither SEV-ES nor SEV-SNP"),
        (_, _, false) => return failed(SNP, "SEV and SEV-ES, but not SEV-SNP"),
        (true, true, true) => "SEV, SEV-ES and SEV-SNP",
    };
    let found = format!("{found}, C-bit {}", cpuid.c_bit());
    Check::fine(subject, TestbedKind::PROTECTED, found)
}

/// How many guests of each kind the firmware setup allows.
fn asids(cpuid: SevCpuid) -> Vec<Check> {
    let subject = "ASIDs";
    let (plain, protected) = cpuid.asids();
    let found = format!("{plain} for guests with SEV, {protected} with SEV-ES or SEV-SNP");
    let setting = "in the firmware setup, set the smallest SEV ASID";
    let mut checks = Vec::new();
    if plain == 0 {
        let remedy = format!("{setting} below {}, and reboot", cpuid.guests());
        checks.push(Check::failed(subject, &[TestbedKind::Sev], found.clone(), remedy));
    }
    if protected == 0 && cpuid.sev_es() {
        let remedy = format!("{setting} to 2 or more, and reboot");
        checks.push(Check::failed(subject, ES, found.clone(), remedy));
    }
    if checks.is_empty() {
        checks.push(Check::fine(subject, TestbedKind::PROTECTED, found));
    }
    checks
}

/// A parameter of the module kvm_amd.
struct Parameter {
    name: &'static str,
    value: Option<bool>,
    /// Whether the processor supports what it enables.
    offered: bool,
    needed_by: &'static [TestbedKind],
    remedy: &'static str,
}

fn parameters(probe: &HostProbe, cpuid: SevCpuid) -> [Parameter; 3] {
    let values = probe.facts.kvm_amd;
    [
        Parameter {
            name: "sev",
            value: values.sev,
            offered: cpuid.sev(),
            needed_by: TestbedKind::PROTECTED,
            remedy: "type `modprobe -r kvm_amd && modprobe kvm_amd sev=1 sev_es=1` as root, and look at \
                     `dmesg | grep -i sev`",
        },
        Parameter {
            name: "sev_es",
            value: values.sev_es,
            offered: cpuid.sev_es(),
            needed_by: ES,
            remedy: "type `modprobe -r kvm_amd && modprobe kvm_amd sev_es=1` as root, and look at \
                     `dmesg | grep -i sev`",
        },
        Parameter {
            name: "sev_snp",
            value: values.sev_snp,
            offered: cpuid.sev_snp(),
            needed_by: SNP,
            remedy: SET_UP_SNP,
        },
    ]
}

/// What KVM is set to offer, of what the processor supports. One check if everything is enabled.
fn module(probe: &HostProbe, cpuid: SevCpuid) -> Vec<Check> {
    let subject = "module kvm_amd";
    let parameters = parameters(probe, cpuid).into_iter().filter(|parameter| parameter.offered);
    let (given, missing): (Vec<_>, Vec<_>) =
        parameters.partition(|parameter| parameter.value == Some(true));
    if missing.is_empty() {
        let found = given.iter().map(|parameter| format!("{}=Y", parameter.name));
        let found = found.collect::<Vec<_>>().join(" ");
        return vec![Check::fine(subject, TestbedKind::PROTECTED, found)];
    }
    let failed = missing.into_iter().map(|Parameter { name, value, needed_by, remedy, .. }| {
        if value.is_some() {
            return Check::failed(subject, needed_by, format!("{name}=N"), remedy);
        }
        let found = format!("it has no parameter {name}, or is not loaded");
        let remedy = format!("type `modprobe kvm_amd` as root, or {NEWER_KERNEL}");
        Check::failed(subject, needed_by, found, remedy)
    });
    failed.collect()
}

fn device(probe: &HostProbe) -> Check {
    match &probe.facts.sev_device {
        Device::Opens => Check::fine("/dev/sev", TestbedKind::PROTECTED, "opens".into()),
        Device::Absent => {
            let remedy = "type `modprobe ccp` as root and look at `dmesg | grep -i ccp`; SEV may be \
                          disabled in the firmware setup";
            Check::failed("/dev/sev", TestbedKind::PROTECTED, "absent".into(), remedy)
        }
        Device::Refused(reason) => {
            let remedy = "run as root, or type `chgrp kvm /dev/sev && chmod g+rw /dev/sev` as \
                          root and join the group kvm";
            Check::failed("/dev/sev", TestbedKind::PROTECTED, reason.clone(), remedy)
        }
    }
}

fn secure_processor(probe: &HostProbe, cpuid: SevCpuid) -> Option<Check> {
    let subject = "SEV firmware";
    Some(match probe.sev_firmware.as_ref()? {
        Err(reason) => {
            let remedy = Some("run as root, and look at `dmesg | grep -i -e ccp -e sev`");
            Check::note(subject, format!("does not report its version: {reason}"), remedy)
        }
        Ok(firmware) => {
            let ((major, minor), build) = (firmware.api, firmware.build);
            let guests = counted(firmware.guests, "guest");
            let found = format!("{major}.{minor} build {build}, running {guests}");
            if firmware.api < SNP_API_MIN && cpuid.sev_snp() {
                let found = format!("{found}; SEV-SNP needs 1.51");
                let remedy = "update the machine's firmware, or put AMD's newer amd_sev_*.sbin \
                              into /lib/firmware/amd";
                return Some(Check::failed(subject, SNP, found, remedy));
            }
            Check::fine(subject, TestbedKind::PROTECTED, found)
        }
    })
}

/// Early kernels with SEV-SNP, and Castellotti's, have a different interface from the one that
/// was merged.
fn snp_machine(probe: &HostProbe) -> Check {
    let subject = "KVM's SNP guests";
    match probe.kvm_machine_types {
        Some(types) if types & SNP_MACHINE != 0 => Check::fine(subject, SNP, "offered".into()),
        Some(_) => {
            let kernel = probe.facts.fact("kernel");
            let found = format!("the KVM of kernel {kernel} does not support them");
            Check::failed(subject, SNP, found, NEWER_KERNEL)
        }
        None => Check::note(subject, UNKNOWN.into(), None),
    }
}

fn sev_object(capabilities: &QemuCapabilities) -> Check {
    if capabilities.objects.contains("sev-guest") {
        return Check::fine("QEMU's SEV", PINNED, "supports sev-guest".into());
    }
    let found = "this QEMU was built without sev-guest".into();
    Check::failed("QEMU's SEV", PINNED, found, NEWER_QEMU)
}

fn snp_object(capabilities: &QemuCapabilities) -> Check {
    let (major, minor, micro) = capabilities.version;
    let known = capabilities.objects.contains("sev-snp-guest");
    let subject = "QEMU's SEV-SNP";
    match (capabilities.version >= SNP_VERSION_MIN, known) {
        (true, true) => Check::fine(subject, SNP, "supports sev-snp-guest".into()),
        (true, false) => {
            let found = "this QEMU was built without sev-snp-guest".into();
            Check::failed(subject, SNP, found, NEWER_QEMU)
        }
        (false, _) => {
            let found = format!("{major}.{minor}.{micro}; SEV-SNP needs 9.1");
            Check::failed(subject, SNP, found, NEWER_QEMU)
        }
    }
}

fn firmware(probe: &HostProbe) -> Option<Check> {
    let firmware = probe.firmware.as_ref()?;
    let subject = "firmware's SEV";
    let remedy = "type `apt-get install ovmf` (2022.02 or later), or set firmware under [machine] \
                  in sevbench.toml";
    Some(match (firmware.sev_es, firmware.sev_snp) {
        (true, true) => Check::fine(subject, ES, "starts SEV-ES and SEV-SNP guests".into()),
        (true, false) => Check::failed(subject, SNP, "cannot start SEV-SNP guests".into(), remedy),
        (false, _) => Check::failed(subject, ES, "cannot start SEV-ES guests".into(), remedy),
    })
}

fn lock_limit(probe: &HostProbe) -> Check {
    let subject = "memory lock limit";
    let needed = probe.guest_memory_bytes;
    if probe.capabilities & CAP_IPC_LOCK != 0 {
        return Check::fine(subject, PINNED, "no limit for this user".into());
    }
    match probe.lock_limit_bytes {
        Some(limit) if limit < needed => {
            let found = format!("{} MiB, but a guest needs {} MiB", limit >> 20, needed >> 20);
            let remedy = "run as root, or type `ulimit -l unlimited` (root allows it in \
                          /etc/security/limits.conf)";
            Check::failed(subject, PINNED, found, remedy)
        }
        Some(limit) => Check::fine(subject, PINNED, format!("{} MiB", limit >> 20)),
        None => Check::fine(subject, PINNED, "no limit".into()),
    }
}
