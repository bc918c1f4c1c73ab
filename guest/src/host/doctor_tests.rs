//! The doctor on recorded hosts.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::doctor::{Check, CheckStatus, TestbedKind, examine, obstacles, testbed_support};
use super::firmware::Firmware;
use super::host_facts::{Device, HostFacts, KvmAmd};
use super::probe::{HostProbe, ImageState};
use super::qemu_probe::{Qemu, QemuCapabilities};
use super::sev_device::SevFirmware;
use sevbench_facts::SevCpuid;

/// CPUID 0x8000001F of the study's EPYC 7713P.
const EPYC_7713P: SevCpuid = SevCpuid { eax: 0x0101_fd3f, ebx: 0x0000_4173, ecx: 509, edx: 128 };

fn qemu(version: (u32, u32, u32), line: &str) -> QemuCapabilities {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    QemuCapabilities {
        version,
        line: format!("QEMU emulator version {line}"),
        objects: set(&["memory-backend-memfd", "sev-guest", "sev-snp-guest"]),
        devices: set(&["virtio-blk-pci", "virtio-net-pci", "virtio-scsi-pci", "scsi-hd", "nvme"]),
        cpus: set(&["EPYC-v4", "max"]),
    }
}

fn facts(named: &[(&str, &str)]) -> HostFacts {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    HostFacts { named: named.iter().map(pair).collect(), ..HostFacts::default() }
}

/// A machine with all programs and without KVM: a small virtual machine that offers neither svm nor
/// vmx.
fn no_kvm() -> HostProbe {
    let facts = facts(&[
        ("kernel", "6.1.0"),
        ("CPU model", "AMD EPYC"),
        ("CPU vendor", "AuthenticAMD"),
        ("CPU flags", "hypervisor"),
        ("microcode", "0x1000065"),
        ("CPUs online", "0-1"),
        ("NUMA nodes", "0"),
        ("SMT active", "0"),
        ("clock source", "tsc"),
        ("KSM", "0"),
        ("transparent huge pages", "madvise"),
        ("transparent huge pages, shared", "never"),
        ("cpuidle driver", "haltpoll"),
        ("cpuidle governor", "haltpoll"),
        ("mem_encrypt", "not given"),
    ]);
    let memory_available_bytes = Some(23 << 30);
    HostProbe {
        facts: HostFacts { memory_available_bytes, kvm_device: Device::Opens, ..facts },
        kvm_defect: Some("this CPU offers neither svm nor vmx".into()),
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
        lock_limit_bytes: Some(8 << 20),
        capabilities: u64::MAX,
        gcore: true,
        ..HostProbe::default()
    }
}

/// A host that lacks nothing.
fn snp_host() -> HostProbe {
    let mut probe = no_kvm();
    for (name, value) in [
        ("kernel", "6.11.4"),
        ("CPU model", "AMD EPYC 7713P 64-Core Processor"),
        ("CPU flags", "svm sme sev sev_es sev_snp"),
        ("CPUs online", "0-127"),
        ("governor", "performance"),
        ("boost", "off"),
        ("transparent huge pages, shared", "advise"),
        ("MSR 0xC0010010 SME", "on"),
        ("TSME", "off"),
        ("ptrace scope", "1"),
    ] {
        probe.facts.named.insert(name.into(), value.into());
    }
    let yes = Some(true);
    probe.facts.kvm_amd = KvmAmd { sev: yes, sev_es: yes, sev_snp: yes };
    probe.facts.sev = Some(EPYC_7713P);
    probe.facts.sev_device = Device::Opens;
    probe.sev_firmware = Some(Ok(SevFirmware { api: (1, 55), build: 21, state: 1, guests: 0 }));
    probe.ptrace_scope = Some(1);
    probe.kvm_machine_types = Some(0b1_1101);
    HostProbe { kvm_defect: None, ..probe }
}

/// The study's host: its kernel and its QEMU speak an interface that did not come to be.
fn study() -> HostProbe {
    let mut probe = snp_host();
    probe.facts.named.insert("kernel".into(), "6.3.0-rc2".into());
    probe.kvm_machine_types = Some(0b11);
    probe.qemu = Qemu::Usable(qemu((8, 0, 0), "8.0.0 (v8.0.0-ga248931)"));
    probe
}

/// A workstation of another maker.
fn intel() -> HostProbe {
    let mut probe = no_kvm();
    for (name, value) in [
        ("CPU model", "12th Gen Intel(R) Core(TM) i7-1260P"),
        ("CPU vendor", "GenuineIntel"),
        ("CPU flags", "vmx"),
        ("governor", "powersave"),
        ("boost", "on"),
        ("SMT active", "1"),
        ("KSM", "1"),
        ("clock source", "hpet"),
    ] {
        probe.facts.named.insert(name.into(), value.into());
    }
    HostProbe {
        kvm_defect: None,
        kvm_machine_types: Some(1),
        capabilities: 0,
        ptrace_scope: Some(1),
        ..probe
    }
}

/// A bare machine: nothing is installed, nothing can be read.
fn bare() -> HostProbe {
    HostProbe {
        facts: facts(&[("CPU flags", "svm")]),
        kvm_defect: Some("/dev/kvm: No such file or directory (os error 2)".into()),
        missing_programs: vec![("mmdebstrap", "mmdebstrap"), ("mke2fs", "e2fsprogs")],
        image_folder: "/cache/images".into(),
        disk_free_bytes: Some(1 << 30),
        image_bytes: 2560 << 20,
        guest_memory_bytes: 1 << 30,
        lock_limit_bytes: Some(8 << 20),
        ..HostProbe::default()
    }
}

/// The checks that are not fine, and the support, as text.
fn told(probe: &HostProbe) -> String {
    let checks = examine(probe);
    let line = |check: &Check| {
        let remedy = check.remedy.as_ref().map_or(String::new(), |text| format!("\n    -> {text}"));
        let needed: Vec<&str> = check.needed_by.iter().map(|testbed| testbed.name()).collect();
        let needed = needed.join(" ");
        format!("{:?} {} [{needed}]: {}{remedy}", check.status, check.subject, check.found)
    };
    let telling = checks.iter().filter(|check| check.status != CheckStatus::Fine).map(line);
    let support = testbed_support(probe, &checks).into_iter().map(|testbed| {
        let usable = if testbed.usable { "usable" } else { "not usable" };
        format!("{}: {usable}: {}", testbed.testbed.name(), testbed.reason)
    });
    telling.chain(support).collect::<Vec<_>>().join("\n")
}

fn usable(probe: &HostProbe) -> Vec<&'static str> {
    let checks = examine(probe);
    let usable =
        TestbedKind::ALL.into_iter().filter(|testbed| obstacles(&checks, *testbed).is_empty());
    usable.map(TestbedKind::name).collect()
}

#[test]
fn a_machine_without_kvm_emulates() {
    insta::assert_snapshot!(told(&no_kvm()), @r#"
    Note processor []: AMD EPYC, microcode 0x1000065, CPUs 0-1, NUMA nodes 0; itself a virtual machine, whose neighbours are in every result
    Note governor []: not for this kernel to set
    Note boost []: not for this kernel to set
    Note huge pages []: transparent: madvise, for guests' memory: never; they run on 4 KiB pages
        -> type `echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled`
    Failed KVM [sev sev-es snp]: this CPU offers neither svm nor vmx
        -> switch virtualisation (SVM, AMD-V) on in the firmware's setup and see whether `grep -cw svm /proc/cpuinfo` then counts CPUs; most virtual machines do not pass it on
    Failed processor's SEV [sev sev-es snp]: it offers no SEV (no CPUID 0x8000001F)
        -> run on an AMD EPYC host (7001 for SEV, 7002 for SEV-ES, 7003 for SEV-SNP, or later); here, type `cargo bench --bench memory -- --testbed qemu` for the cost of bounce buffers
    loopback: usable: this machine against itself
    qemu: usable: emulated (TCG): this CPU offers neither svm nor vmx
    sev: not usable: KVM: this CPU offers neither svm nor vmx; processor's SEV: it offers no SEV (no CPUID 0x8000001F)
    sev-es: not usable: KVM: this CPU offers neither svm nor vmx; processor's SEV: it offers no SEV (no CPUID 0x8000001F)
    snp: not usable: KVM: this CPU offers neither svm nor vmx; processor's SEV: it offers no SEV (no CPUID 0x8000001F)
    "#);
}

#[test]
fn a_host_that_lacks_nothing_runs_all() {
    insta::assert_snapshot!(told(&snp_host()), @r#"
    loopback: usable: this machine against itself
    qemu: usable: by the processor itself (KVM)
    sev: usable: by the processor itself (KVM)
    sev-es: usable: by the processor itself (KVM)
    snp: usable: by the processor itself (KVM)
    "#);
}

#[test]
fn the_studys_host_lacks_what_came_after_it() {
    insta::assert_snapshot!(told(&study()), @r#"
    Failed KVM's SNP guests [snp]: the KVM of kernel 6.3.0-rc2 makes none
        -> boot Linux 6.11 or later, built with CONFIG_KVM_AMD_SEV
    Failed QEMU's SEV-SNP [snp]: 8.0.0, and SEV-SNP takes 9.1
        -> type `apt-get install -t bookworm-backports qemu-system-x86`, or build one from qemu.org
    loopback: usable: this machine against itself
    qemu: usable: by the processor itself (KVM)
    sev: usable: by the processor itself (KVM)
    sev-es: usable: by the processor itself (KVM)
    snp: not usable: KVM's SNP guests: the KVM of kernel 6.3.0-rc2 makes none; QEMU's SEV-SNP: 8.0.0, and SEV-SNP takes 9.1
    "#);
}

#[test]
fn a_workstation_of_another_maker_runs_what_needs_no_sev() {
    insta::assert_snapshot!(told(&intel()), @r#"
    Note clock source []: hpet: reading it may cost more than what is measured
        -> see `dmesg | grep -i tsc` for why it is not tsc
    Note governor []: powersave: the frequency follows the load
        -> type `cpupower frequency-set -g performance`
    Note boost []: on: the frequency follows heat and neighbours
        -> type `echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo`
    Note SMT []: on: two vCPUs may share a core
        -> type `echo off > /sys/devices/system/cpu/smt/control`
    Note huge pages []: transparent: madvise, for guests' memory: never; they run on 4 KiB pages
        -> type `echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled`
    Note KSM []: on: merges pages of plain guests, never of encrypted ones
        -> type `echo 2 > /sys/kernel/mm/ksm/run`
    Note ptrace []: only root may look into a guest (ptrace_scope 1)
        -> run `cargo sevbench leak` as root, or type `sysctl kernel.yama.ptrace_scope=0`
    Failed processor's SEV [sev sev-es snp]: it offers no SEV (no CPUID 0x8000001F)
        -> run on an AMD EPYC host (7001 for SEV, 7002 for SEV-ES, 7003 for SEV-SNP, or later); here, type `cargo bench --bench memory -- --testbed qemu` for the cost of bounce buffers
    loopback: usable: this machine against itself
    qemu: usable: by the processor itself (KVM)
    sev: not usable: processor's SEV: it offers no SEV (no CPUID 0x8000001F)
    sev-es: not usable: processor's SEV: it offers no SEV (no CPUID 0x8000001F)
    snp: not usable: processor's SEV: it offers no SEV (no CPUID 0x8000001F)
    "#);
}

#[test]
fn a_bare_machine_is_told_what_to_install() {
    insta::assert_snapshot!(told(&bare()), @r#"
    Note memory []: unknown
    Failed disk [qemu sev sev-es snp]: 1024 MiB free in /cache/images, the image takes 2560 MiB
        -> make room there, or type `export SEVBENCH_CACHE=FOLDER` for one elsewhere
    Note clock source []: unknown: reading it may cost more than what is measured
        -> see `dmesg | grep -i tsc` for why it is not tsc
    Note governor []: not for this kernel to set
    Note boost []: not for this kernel to set
    Note SMT []: unknown
    Note gcore []: missing: `cargo sevbench leak` cannot dump a guest by it
        -> type `apt-get install gdb`
    Failed KVM [sev sev-es snp]: /dev/kvm: No such file or directory (os error 2)
        -> type `modprobe kvm_amd` and look at `dmesg | grep -i kvm`
    Failed QEMU [qemu sev sev-es snp]: missing
        -> type `apt-get install qemu-system-x86` (9.1 or later for SEV-SNP)
    Failed firmware [qemu sev sev-es snp]: no OVMF
        -> type `apt-get install ovmf`
    Failed guest image [qemu sev sev-es snp]: not built yet
        -> type `cargo sevbench guest build`
    Failed image programs [qemu sev sev-es snp]: missing: mmdebstrap, mke2fs
        -> type `apt-get install mmdebstrap e2fsprogs`
    Failed processor's SEV [sev sev-es snp]: it offers no SEV (no CPUID 0x8000001F)
        -> run on an AMD EPYC host (7001 for SEV, 7002 for SEV-ES, 7003 for SEV-SNP, or later); here, type `cargo bench --bench memory -- --testbed qemu` for the cost of bounce buffers
    loopback: usable: this machine against itself
    qemu: not usable: disk; QEMU; firmware; guest image; image programs
    sev: not usable: disk; KVM; QEMU; firmware; guest image; image programs; processor's SEV
    sev-es: not usable: disk; KVM; QEMU; firmware; guest image; image programs; processor's SEV
    snp: not usable: disk; KVM; QEMU; firmware; guest image; image programs; processor's SEV
    "#);
}

#[test]
fn an_old_qemu_is_in_the_way_of_snp_alone_and_a_very_old_one_of_all_guests() {
    let with = |version, line| HostProbe { qemu: Qemu::Usable(qemu(version, line)), ..snp_host() };
    assert_eq!(usable(&with((9, 1, 0), "9.1.0")), ["loopback", "qemu", "sev", "sev-es", "snp"]);
    let old = with((8, 2, 2), "8.2.2 (Debian 1:8.2.2+ds-0ubuntu1)");
    assert_eq!(usable(&old), ["loopback", "qemu", "sev", "sev-es"]);
    let checks = examine(&old);
    let [check] = obstacles(&checks, TestbedKind::Snp)[..] else { panic!("one obstacle") };
    assert_eq!(check.found, "8.2.2, and SEV-SNP takes 9.1");
    assert!(check.remedy.as_ref().unwrap().contains("apt-get install"));
    assert_eq!(usable(&with((5, 2, 0), "5.2.0")), ["loopback"]);
}

#[test]
fn a_qemu_without_its_parts_is_named_for_what_it_lacks() {
    let mut capabilities = qemu((10, 0, 2), "10.0.2");
    capabilities.cpus.clear();
    let probe = |base: HostProbe| HostProbe { qemu: Qemu::Usable(capabilities.clone()), ..base };
    assert_eq!(
        usable(&probe(no_kvm())),
        ["loopback", "qemu"],
        "an emulated guest has another model"
    );
    assert_eq!(usable(&probe(snp_host())), ["loopback"]);
    let mut capabilities = qemu((10, 0, 2), "10.0.2");
    capabilities.objects.retain(|name| !name.starts_with("sev"));
    let probe = HostProbe { qemu: Qemu::Usable(capabilities), ..snp_host() };
    assert_eq!(usable(&probe), ["loopback", "qemu"]);
    let broken =
        HostProbe { qemu: Qemu::Broken("it did not answer within 10 s".into()), ..snp_host() };
    assert_eq!(usable(&broken), ["loopback"]);
}

#[test]
fn parameters_of_the_module_are_in_the_way_of_what_they_switch_off() {
    let with = |sev, sev_es, sev_snp| {
        let mut probe = snp_host();
        probe.facts.kvm_amd = KvmAmd { sev, sev_es, sev_snp };
        probe
    };
    let (yes, no) = (Some(true), Some(false));
    assert_eq!(usable(&with(yes, yes, no)), ["loopback", "qemu", "sev", "sev-es"]);
    assert_eq!(usable(&with(yes, yes, None)), ["loopback", "qemu", "sev", "sev-es"]);
    assert_eq!(usable(&with(yes, no, no)), ["loopback", "qemu", "sev"]);
    assert_eq!(usable(&with(no, no, no)), ["loopback", "qemu"]);
    let checks = examine(&with(yes, yes, no));
    let [check] = obstacles(&checks, TestbedKind::Snp)[..] else { panic!("one obstacle") };
    assert_eq!((check.subject, check.found.as_str()), ("module kvm_amd", "sev_snp=N"));
}

#[test]
fn a_processor_is_asked_only_for_what_it_has() {
    let with = |eax| {
        let mut probe = snp_host();
        probe.facts.sev = Some(SevCpuid { eax, ..EPYC_7713P });
        probe.facts.kvm_amd.sev_snp = None;
        probe
    };
    let rome = with(0b0_1111);
    assert_eq!(usable(&rome), ["loopback", "qemu", "sev", "sev-es"]);
    let checks = examine(&rome);
    assert_eq!(obstacles(&checks, TestbedKind::Snp).len(), 1, "the processor alone");
    assert_eq!(usable(&with(0b0_0111)), ["loopback", "qemu", "sev"]);
    assert_eq!(usable(&with(0b0_0001)), ["loopback", "qemu"]);
}

#[test]
fn asids_and_the_secure_processor_are_looked_at() {
    let with = |ecx, edx| {
        let mut probe = snp_host();
        probe.facts.sev = Some(SevCpuid { ecx, edx, ..EPYC_7713P });
        probe
    };
    assert_eq!(usable(&with(509, 1)), ["loopback", "qemu", "sev"], "none left for SEV-ES");
    assert_eq!(usable(&with(509, 510)), ["loopback", "qemu", "sev-es", "snp"], "none left for SEV");
    let mut probe = snp_host();
    probe.facts.sev_device = Device::Absent;
    probe.sev_firmware = None;
    assert_eq!(usable(&probe), ["loopback", "qemu"]);
    let mut probe = snp_host();
    probe.facts.sev_device = Device::Refused("Permission denied (os error 13)".into());
    assert!(told(&probe).contains("group kvm"));
    let mut probe = snp_host();
    probe.sev_firmware = Some(Ok(SevFirmware { api: (1, 49), build: 3, state: 1, guests: 0 }));
    assert_eq!(usable(&probe), ["loopback", "qemu", "sev", "sev-es"]);
    probe.sev_firmware = Some(Err("Device or resource busy (os error 16)".into()));
    assert_eq!(usable(&probe).len(), 5, "what it does not say is no obstacle");
}

#[test]
fn rights_and_room_are_looked_at() {
    let user = HostProbe { capabilities: 0, ..snp_host() };
    assert_eq!(usable(&user), ["loopback", "qemu", "snp"], "SEV guests are locked in memory");
    assert!(told(&user).contains("only root may look into a guest (ptrace_scope 1)"));
    assert_eq!(usable(&HostProbe { lock_limit_bytes: None, ..user }).len(), 5);
    let mut small = snp_host();
    small.facts.memory_available_bytes = Some(2 << 30);
    assert_eq!(usable(&small), ["loopback"]);
    let full = HostProbe { disk_free_bytes: Some(0), ..snp_host() };
    assert_eq!(usable(&full).len(), 5, "the image is there");
    let full = HostProbe { image: ImageState::NotBuilt, ..full };
    assert_eq!(usable(&full), ["loopback"]);
    let sealed = HostProbe { ptrace_scope: Some(3), ..snp_host() };
    assert!(told(&sealed).contains("Note ptrace"));
    let bios = Firmware { sev_snp: false, ..snp_host().firmware.unwrap() };
    let probe = HostProbe { firmware: Some(bios), ..snp_host() };
    assert_eq!(usable(&probe), ["loopback", "qemu", "sev", "sev-es"]);
}

#[test]
fn memory_that_is_encrypted_anyway_is_told() {
    for (name, value) in [("mem_encrypt", "on"), ("TSME", "on")] {
        let mut probe = snp_host();
        probe.facts.named.insert(name.into(), value.into());
        assert!(told(&probe).contains("Note host encryption"), "{name}");
    }
}

#[test]
fn every_failed_check_says_what_to_do_and_who_needs_it() {
    let image = ImageState::Broken("root.img: no such file".into());
    for probe in [no_kvm(), snp_host(), study(), intel(), bare(), HostProbe { image, ..bare() }] {
        for check in examine(&probe).iter().filter(|check| check.status == CheckStatus::Failed) {
            let remedy = check.remedy.as_ref().unwrap();
            assert!(!remedy.contains('\n') && !check.needed_by.is_empty(), "{check:?}");
        }
    }
}

#[test]
fn testbeds_are_found_by_the_names_they_have() {
    for testbed in TestbedKind::ALL {
        assert_eq!(TestbedKind::named(testbed.name()), Some(testbed));
        let name = serde_json::to_value(testbed).unwrap();
        assert_eq!(name, testbed.name());
    }
    assert_eq!(TestbedKind::named("moon"), None);
}
