//! The doctor on recorded hosts.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::check::{Check, CheckStatus, TestbedKind};
use super::doctor::{examine, obstacles, testbed_support};
use super::firmware::Firmware;
use super::host_facts::{Device, KvmAmd};
use super::probe::{HostProbe, ImageState};
use super::qemu_probe::Qemu;
use super::recorded_hosts::{EPYC_7713P, bare, intel, no_kvm, qemu, snp_host, study};
use super::sev_device::SevFirmware;
use sevbench_facts::SevCpuid;

/// The checks with something to do or to know, and the usable testbeds, as text.
fn report(probe: &HostProbe) -> String {
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
fn machine_without_kvm_emulates_guests() {
    insta::assert_snapshot!(report(&no_kvm()), @r#"
    Note processor []: AMD EPYC, microcode 0x1000065, CPUs 0-1, NUMA nodes 0; itself a virtual machine, so its neighbours affect every result
    Note governor []: not available on this machine
    Note boost []: not available on this machine
    Note huge pages []: transparent: madvise, for guests' memory: never; guests run on 4 KiB pages
        -> type `echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled` as root
    Failed KVM [sev sev-es snp]: this CPU offers neither svm nor vmx
        -> enable virtualisation (SVM, AMD-V) in the firmware setup, and check that `grep -cw svm /proc/cpuinfo` counts CPUs; most virtual machines do not offer it
    Failed processor's SEV [sev sev-es snp]: not supported (no CPUID 0x8000001F)
        -> run on an AMD EPYC host (7001 for SEV, 7002 for SEV-ES, 7003 for SEV-SNP, or later); on this machine, type `cargo bench --bench memory -- --testbed qemu` to measure the cost of bounce buffers
    loopback: usable: this machine against itself
    qemu: usable: emulated (TCG): this CPU offers neither svm nor vmx
    sev: not usable: KVM: this CPU offers neither svm nor vmx; processor's SEV: not supported (no CPUID 0x8000001F)
    sev-es: not usable: KVM: this CPU offers neither svm nor vmx; processor's SEV: not supported (no CPUID 0x8000001F)
    snp: not usable: KVM: this CPU offers neither svm nor vmx; processor's SEV: not supported (no CPUID 0x8000001F)
    "#);
}

#[test]
fn complete_host_runs_all_testbeds() {
    insta::assert_snapshot!(report(&snp_host()), @r#"
    loopback: usable: this machine against itself
    qemu: usable: on the processor itself (KVM)
    sev: usable: on the processor itself (KVM)
    sev-es: usable: on the processor itself (KVM)
    snp: usable: on the processor itself (KVM)
    "#);
}

#[test]
fn study_host_lacks_the_merged_snp_interface() {
    insta::assert_snapshot!(report(&study()), @r#"
    Failed KVM's SNP guests [snp]: the KVM of kernel 6.3.0-rc2 does not support them
        -> boot Linux 6.11 or later, built with CONFIG_KVM_AMD_SEV
    Failed QEMU's SEV-SNP [snp]: 8.0.0; SEV-SNP needs 9.1
        -> type `apt-get install -t bookworm-backports qemu-system-x86`, or build one from qemu.org
    loopback: usable: this machine against itself
    qemu: usable: on the processor itself (KVM)
    sev: usable: on the processor itself (KVM)
    sev-es: usable: on the processor itself (KVM)
    snp: not usable: KVM's SNP guests: the KVM of kernel 6.3.0-rc2 does not support them; QEMU's SEV-SNP: 8.0.0; SEV-SNP needs 9.1
    "#);
}

#[test]
fn intel_workstation_runs_testbeds_without_sev() {
    insta::assert_snapshot!(report(&intel()), @r#"
    Note clock source []: hpet: reading it may take longer than what is measured
        -> see `dmesg | grep -i tsc` for why it is not tsc
    Note governor []: powersave: the frequency follows the load
        -> type `cpupower frequency-set -g performance` as root
    Note boost []: on: the frequency depends on temperature and neighbours
        -> type `echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo` as root
    Note SMT []: on: two vCPUs may share a core
        -> type `echo off > /sys/devices/system/cpu/smt/control` as root
    Note huge pages []: transparent: madvise, for guests' memory: never; guests run on 4 KiB pages
        -> type `echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled` as root
    Note KSM []: on: merges pages of plain guests but not of encrypted ones
        -> type `echo 2 > /sys/kernel/mm/ksm/run` as root
    Note ptrace []: only root may read a guest's memory (ptrace_scope 1)
        -> run `cargo sevbench leak` as root, or type `sysctl kernel.yama.ptrace_scope=0`
    Failed processor's SEV [sev sev-es snp]: not supported (no CPUID 0x8000001F)
        -> run on an AMD EPYC host (7001 for SEV, 7002 for SEV-ES, 7003 for SEV-SNP, or later); on this machine, type `cargo bench --bench memory -- --testbed qemu` to measure the cost of bounce buffers
    loopback: usable: this machine against itself
    qemu: usable: on the processor itself (KVM)
    sev: not usable: processor's SEV: not supported (no CPUID 0x8000001F)
    sev-es: not usable: processor's SEV: not supported (no CPUID 0x8000001F)
    snp: not usable: processor's SEV: not supported (no CPUID 0x8000001F)
    "#);
}

#[test]
fn bare_machine_is_shown_what_to_install() {
    insta::assert_snapshot!(report(&bare()), @r#"
    Note memory []: unknown
    Failed disk [qemu sev sev-es snp]: 1024 MiB free in /cache/images, the image needs 2560 MiB
        -> free some space there, or type `export SEVBENCH_CACHE=FOLDER` to use another folder
    Note clock source []: unknown: reading it may take longer than what is measured
        -> see `dmesg | grep -i tsc` for why it is not tsc
    Note governor []: not available on this machine
    Note boost []: not available on this machine
    Note SMT []: unknown
    Note gcore []: missing: `cargo sevbench leak --dump gcore` needs it
        -> type `apt-get install gdb`
    Failed KVM [sev sev-es snp]: /dev/kvm: No such file or directory (os error 2)
        -> type `modprobe kvm_amd` as root and look at `dmesg | grep -i kvm`
    Failed QEMU [qemu sev sev-es snp]: missing
        -> type `apt-get install qemu-system-x86`; for SEV-SNP on Debian 12, `apt-get install -t bookworm-backports qemu-system-x86`
    Failed firmware [qemu sev sev-es snp]: OVMF is missing
        -> type `apt-get install ovmf`
    Failed guest image [qemu sev sev-es snp]: not built yet
        -> type `cargo sevbench guest build`
    Failed image build tools [qemu sev sev-es snp]: missing: mmdebstrap, mke2fs
        -> type `apt-get install mmdebstrap e2fsprogs`
    Failed processor's SEV [sev sev-es snp]: not supported (no CPUID 0x8000001F)
        -> run on an AMD EPYC host (7001 for SEV, 7002 for SEV-ES, 7003 for SEV-SNP, or later); on this machine, type `cargo bench --bench memory -- --testbed qemu` to measure the cost of bounce buffers
    loopback: usable: this machine against itself
    qemu: not usable: disk; QEMU; firmware; guest image; image build tools
    sev: not usable: disk; KVM; QEMU; firmware; guest image; image build tools; processor's SEV
    sev-es: not usable: disk; KVM; QEMU; firmware; guest image; image build tools; processor's SEV
    snp: not usable: disk; KVM; QEMU; firmware; guest image; image build tools; processor's SEV
    "#);
}

#[test]
fn old_qemu_blocks_snp_and_very_old_qemu_blocks_all_guests() {
    let with = |version, line| HostProbe { qemu: Qemu::Usable(qemu(version, line)), ..snp_host() };
    assert_eq!(usable(&with((9, 1, 0), "9.1.0")), ["loopback", "qemu", "sev", "sev-es", "snp"]);
    let old = with((8, 2, 2), "8.2.2 (Debian 1:8.2.2+ds-0ubuntu1)");
    assert_eq!(usable(&old), ["loopback", "qemu", "sev", "sev-es"]);
    let checks = examine(&old);
    let [check] = obstacles(&checks, TestbedKind::Snp)[..] else { panic!("one obstacle") };
    assert_eq!(check.found, "8.2.2; SEV-SNP needs 9.1");
    assert!(check.remedy.as_ref().unwrap().contains("apt-get install"));
    assert_eq!(usable(&with((5, 2, 0), "5.2.0")), ["loopback"]);
}

#[test]
fn qemu_without_required_parts_blocks_the_testbeds_that_need_them() {
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
fn module_parameters_block_what_they_disable() {
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
fn only_supported_features_of_a_processor_are_checked() {
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
fn asids_and_the_secure_processor_are_checked() {
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
    assert!(report(&probe).contains("group kvm"));
    let mut probe = snp_host();
    probe.sev_firmware = Some(Ok(SevFirmware { api: (1, 49), build: 3, guests: 0 }));
    assert_eq!(usable(&probe), ["loopback", "qemu", "sev", "sev-es"]);
    probe.sev_firmware = Some(Err("Device or resource busy (os error 16)".into()));
    assert_eq!(usable(&probe).len(), 5, "what it does not say is no obstacle");
}

#[test]
fn rights_and_space_are_checked() {
    let user = HostProbe { capabilities: 0, ..snp_host() };
    assert_eq!(usable(&user), ["loopback", "qemu", "snp"], "SEV guests are locked in memory");
    assert!(report(&user).contains("only root may read a guest's memory (ptrace_scope 1)"));
    assert_eq!(usable(&HostProbe { lock_limit_bytes: None, ..user }).len(), 5);
    let mut small = snp_host();
    small.facts.memory_available_bytes = Some(2 << 30);
    assert_eq!(usable(&small), ["loopback"]);
    let full = HostProbe { disk_free_bytes: Some(0), ..snp_host() };
    assert_eq!(usable(&full).len(), 5, "the image is there");
    let full = HostProbe { image: ImageState::NotBuilt, ..full };
    assert_eq!(usable(&full), ["loopback"]);
    let sealed = HostProbe { ptrace_scope: Some(3), ..snp_host() };
    assert!(report(&sealed).contains("Note ptrace"));
    let bios = Firmware { sev_snp: false, ..snp_host().firmware.unwrap() };
    let probe = HostProbe { firmware: Some(bios), ..snp_host() };
    assert_eq!(usable(&probe), ["loopback", "qemu", "sev", "sev-es"]);
}

#[test]
fn default_cpu_model_is_needed_only_where_guests_have_it() {
    let mut old = qemu((9, 1, 0), "9.1.0");
    old.cpus.remove("EPYC-v4");
    let probe = HostProbe { qemu: Qemu::Usable(old), ..snp_host() };
    assert_eq!(usable(&probe), ["loopback"]);
    assert_eq!(usable(&HostProbe { default_cpu: false, ..probe }).len(), 5);
}

#[test]
fn host_encryption_is_noted() {
    let is_noted = |probe: &HostProbe| report(probe).contains("Note host encryption");
    let mut asked = snp_host();
    asked.facts.switches.mem_encrypt = Some(true);
    assert!(is_noted(&asked) && !is_noted(&snp_host()));
    asked.facts.switches.sme = Some(false);
    assert!(!is_noted(&asked), "the firmware does not allow it");
    let mut transparent = snp_host();
    transparent.facts.switches.tsme = Some(true);
    assert!(is_noted(&transparent));
}

#[test]
fn every_failed_check_has_a_remedy_and_a_testbed() {
    let image = ImageState::Broken("root.img: no such file".into());
    for probe in [no_kvm(), snp_host(), study(), intel(), bare(), HostProbe { image, ..bare() }] {
        for check in examine(&probe).iter().filter(|check| check.status == CheckStatus::Failed) {
            let remedy = check.remedy.as_ref().unwrap();
            assert!(!remedy.contains('\n') && !check.needed_by.is_empty(), "{check:?}");
        }
    }
}

#[test]
fn testbeds_are_found_by_name() {
    for testbed in TestbedKind::ALL {
        assert_eq!(TestbedKind::named(testbed.name()), Some(testbed));
        let name = serde_json::to_value(testbed).unwrap();
        assert_eq!(name, testbed.name());
    }
    assert_eq!(TestbedKind::named("moon"), None);
}
