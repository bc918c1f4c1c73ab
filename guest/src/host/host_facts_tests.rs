//! The facts of recorded hosts.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::host_facts::{HostFacts, KvmAmd, Switches};
use super::tree::Tree;
use sevbench_facts::text::UNKNOWN;
use std::fs;

/// A machine made of files.
fn recorded(files: &[(&str, &str)]) -> HostFacts {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    HostFacts::gather_below(&Tree::below(root.path()), None)
}

#[test]
fn recorded_host_is_read() {
    let cpu = "sys/devices/system/cpu";
    let facts = recorded(&[
        ("proc/cmdline", "quiet mem_encrypt=off mem_encrypt=on\n"),
        (
            "proc/cpuinfo",
            "vendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 7713P\nflags\t\t: fpu svm sme sev\n",
        ),
        ("proc/meminfo", "MemTotal:       527988736 kB\nMemAvailable:   1024 kB\n"),
        (&format!("{cpu}/cpu0/cpufreq/scaling_governor"), "performance\n"),
        (&format!("{cpu}/cpu1/cpufreq/scaling_governor"), "powersave\n"),
        (&format!("{cpu}/cpufreq/boost"), "0\n"),
        (&format!("{cpu}/vulnerabilities/meltdown"), "Not affected\n"),
        ("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "8\n"),
        ("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "3\n"),
        ("sys/kernel/mm/transparent_hugepage/shmem_enabled", "always [advise] never\n"),
        ("sys/module/kvm_amd/parameters/sev", "Y\n"),
        ("sys/module/kvm_amd/parameters/sev_es", "0\n"),
        ("sys/bus/pci/drivers/ccp/0000:45:00.1/tsme_status", "1\n"),
        ("sys/bus/virtio/drivers/virtio_balloon/virtio3/status", "0\n"),
        ("dev/sev", ""),
    ]);
    for (name, value) in [
        ("CPU model", "AMD EPYC 7713P"),
        ("CPU flags", "svm sme sev"),
        ("memory total", "515614 MiB"),
        ("governor", "performance, powersave"),
        ("boost", "off"),
        ("vulnerability meltdown", "Not affected"),
        ("huge pages 2048kB", "8 total, 3 free"),
        ("transparent huge pages, shared", "advise"),
        ("mem_encrypt", "on"),
        ("TSME", "on"),
        ("balloon", "virtio3"),
        ("microcode", UNKNOWN),
        ("/dev/kvm", "absent"),
        ("/dev/sev", "opens"),
        ("CPUID 0x8000001F", "none"),
        ("MSR 0xC0010010 SNP", UNKNOWN),
    ] {
        assert_eq!(facts.fact(name), value, "{name}");
    }
    let (sev, sev_es) = (Some(true), Some(false));
    assert_eq!(facts.kvm_amd, KvmAmd { sev, sev_es, sev_snp: None });
    let (boost, tsme, mem_encrypt) = (Some(false), Some(true), Some(true));
    assert_eq!(facts.switches, Switches { boost, tsme, mem_encrypt, ..Switches::default() });
    assert!(!facts.is_virtual);
    assert_eq!(facts.memory_available_bytes, Some(1 << 20));
    let stored = serde_json::to_string(&facts).unwrap();
    assert_eq!(serde_json::from_str::<HostFacts>(&stored).unwrap(), facts);
}

#[test]
fn facts_of_an_empty_host_are_unknown() {
    let facts = recorded(&[("nothing", "")]);
    let known = ["balloon", "mem_encrypt", "CPU flags", "/dev/kvm", "/dev/sev", "CPUID 0x8000001F"];
    for (name, value) in facts.named.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
        assert_eq!(value, UNKNOWN, "{name}");
    }
}
