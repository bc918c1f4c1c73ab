//! The facts of a run's host: everything that is known to have affected benchmark results. Judges
//! nothing.

use super::tree::Tree;
use serde::{Deserialize, Serialize};
use sevbench_facts::SevCpuid;
use sevbench_facts::text::{UNKNOWN, bounded, field, selected};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A fact's name, and the file that holds it.
const FILES: [(&str, &str); 20] = [
    ("kernel", "/proc/sys/kernel/osrelease"),
    ("kernel command line", "/proc/cmdline"),
    ("CPUs online", "/sys/devices/system/cpu/online"),
    ("NUMA nodes", "/sys/devices/system/node/online"),
    ("NUMA balancing", "/proc/sys/kernel/numa_balancing"),
    ("SMT active", "/sys/devices/system/cpu/smt/active"),
    ("SMT control", "/sys/devices/system/cpu/smt/control"),
    ("cpufreq driver", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver"),
    ("cpuidle driver", "/sys/devices/system/cpu/cpuidle/current_driver"),
    ("cpuidle governor", "/sys/devices/system/cpu/cpuidle/current_governor"),
    ("haltpoll ns", "/sys/module/haltpoll/parameters/guest_halt_poll_ns"),
    ("KVM halt poll ns", "/sys/module/kvm/parameters/halt_poll_ns"),
    ("KSM", "/sys/kernel/mm/ksm/run"),
    ("clock source", "/sys/devices/system/clocksource/clocksource0/current_clocksource"),
    ("kvm_amd sev", "/sys/module/kvm_amd/parameters/sev"),
    ("kvm_amd sev_es", "/sys/module/kvm_amd/parameters/sev_es"),
    ("kvm_amd sev_snp", "/sys/module/kvm_amd/parameters/sev_snp"),
    ("kvm_amd avic", "/sys/module/kvm_amd/parameters/avic"),
    ("kvm_amd npt", "/sys/module/kvm_amd/parameters/npt"),
    ("ptrace scope", "/proc/sys/kernel/yama/ptrace_scope"),
];

/// A fact's name, and the file that holds its choices with the chosen one in brackets.
const CHOICES: [(&str, &str); 3] = [
    ("transparent huge pages", "/sys/kernel/mm/transparent_hugepage/enabled"),
    ("transparent huge pages, defrag", "/sys/kernel/mm/transparent_hugepage/defrag"),
    ("transparent huge pages, shared", "/sys/kernel/mm/transparent_hugepage/shmem_enabled"),
];

/// Flags of /proc/cpuinfo about virtualisation and encryption.
const FLAGS: [&str; 8] =
    ["hypervisor", "svm", "vmx", "sme", "sev", "sev_es", "sev_snp", "debug_swap"];

/// The register with which firmware and kernel enable encryption (AMD64 Architecture Programmer's
/// Manual, volume 2, SYSCFG), and two of its bits.
const SYSCFG: u64 = 0xc001_0010;
const SYSCFG_SME: u64 = 1 << 23;
const SYSCFG_SNP: u64 = 1 << 24;

/// A device file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Device {
    /// There is none.
    #[default]
    Absent,
    /// It can be opened for reading and writing.
    Opens,
    /// It exists but cannot be opened, for this reason.
    Refused(String),
}

/// Parameters of the module kvm_amd; `None` if the kernel has no such module or parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvmAmd {
    /// Whether guests with SEV are enabled.
    pub sev: Option<bool>,
    /// Whether guests with SEV-ES are enabled.
    pub sev_es: Option<bool>,
    /// Whether guests with SEV-SNP are enabled.
    pub sev_snp: Option<bool>,
}

/// Settings of the processor and its memory; `None` if the host does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switches {
    /// Whether the frequency may exceed its base.
    pub boost: Option<bool>,
    /// Whether cores run two threads each.
    pub smt: Option<bool>,
    /// Whether the firmware enabled encryption of the host's memory (SME).
    pub sme: Option<bool>,
    /// Whether all memory is encrypted, whatever the kernel does (TSME).
    pub tsme: Option<bool>,
    /// Whether the kernel was told to encrypt the host's memory, or not to.
    pub mem_encrypt: Option<bool>,
}

/// The facts of a host. A text that cannot be read is `unknown`; other facts are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// Every fact as text, by its name.
    pub named: BTreeMap<String, String>,
    /// The processor's CPUID leaf on memory encryption.
    pub sev: Option<SevCpuid>,
    /// Whether KVM has it enabled.
    pub kvm_amd: KvmAmd,
    /// Which features of the processor are switched on.
    pub switches: Switches,
    /// Whether it is itself a virtual machine.
    pub is_virtual: bool,
    /// `/dev/kvm`.
    pub kvm_device: Device,
    /// `/dev/sev`.
    pub sev_device: Device,
    /// Memory available to programs, in bytes.
    pub memory_available_bytes: Option<u64>,
}

impl HostFacts {
    /// The facts of the machine that this process runs on.
    pub fn gather() -> Self {
        Self::gather_below(&Tree::below("/"), SevCpuid::read())
    }

    /// A fact by its name.
    pub fn fact(&self, name: &str) -> &str {
        self.known(name).unwrap_or(UNKNOWN)
    }

    /// A fact by its name; `None` if it is unknown.
    pub(super) fn known(&self, name: &str) -> Option<&str> {
        self.named.get(name).map(String::as_str).filter(|value| *value != UNKNOWN)
    }

    pub(super) fn gather_below(tree: &Tree, sev: Option<SevCpuid>) -> Self {
        let [kvm_device, sev_device] =
            ["/dev/kvm", "/dev/sev"].map(|path| Device::probe(&tree.path(path)));
        let files = FILES.map(|(name, path)| (name.to_owned(), tree.fact(path)));
        let choices =
            CHOICES.map(|(name, path)| (name.to_owned(), selected(&tree.fact(path)).to_owned()));
        let mut named: BTreeMap<String, String> = files.into_iter().chain(choices).collect();
        let memory = tree.text("/proc/meminfo").unwrap_or_default();
        let syscfg = read_msr(&tree.path("/dev/cpu/0/msr"), SYSCFG);
        let bit = |mask: u64| syscfg.map(|value| value & mask != 0);
        let switches = Switches {
            boost: boost(tree),
            smt: switch(&tree.fact("/sys/devices/system/cpu/smt/active")),
            sme: bit(SYSCFG_SME),
            tsme: tsme(tree),
            mem_encrypt: mem_encrypt(&named).and_then(switch),
        };
        let cpuinfo = tree.text("/proc/cpuinfo").unwrap_or_default();
        let flags = cpu_flags(&cpuinfo);
        named.extend(processor(&cpuinfo, &flags));
        named.insert("governor".into(), governors(tree));
        for (name, value) in [
            ("boost", switches.boost),
            ("MSR 0xC0010010 SME", switches.sme),
            ("MSR 0xC0010010 SNP", bit(SYSCFG_SNP)),
            ("TSME", switches.tsme),
        ] {
            named.insert(name.into(), on_off(value).into());
        }
        named.extend(memory_sizes(&memory));
        named.extend(huge_pages(tree));
        named.extend(vulnerabilities(tree));
        let asked = mem_encrypt(&named).unwrap_or("not given").to_owned();
        named.insert("mem_encrypt".into(), asked);
        named.insert("balloon".into(), balloon(tree));
        named.insert("/dev/kvm".into(), kvm_device.to_string());
        named.insert("/dev/sev".into(), sev_device.to_string());
        named.insert("CPUID 0x8000001F".into(), leaf(sev));
        let flag = |name: &str| switch(named.get(name).map_or(UNKNOWN, String::as_str));
        let kvm_amd = KvmAmd {
            sev: flag("kvm_amd sev"),
            sev_es: flag("kvm_amd sev_es"),
            sev_snp: flag("kvm_amd sev_snp"),
        };
        let memory_available_bytes = bytes(&memory, "MemAvailable");
        let is_virtual = flags.contains(&"hypervisor");
        Self {
            named,
            sev,
            kvm_amd,
            switches,
            is_virtual,
            kvm_device,
            sev_device,
            memory_available_bytes,
        }
    }
}

impl Device {
    fn probe(path: &Path) -> Self {
        match OpenOptions::new().read(true).write(true).open(path) {
            Ok(_) => Self::Opens,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::Absent,
            Err(error) => Self::Refused(error.to_string()),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("absent"),
            Self::Opens => f.write_str("opens"),
            Self::Refused(reason) => f.write_str(reason),
        }
    }
}

type Named = Vec<(String, String)>;

/// The flags of interest that the CPU has.
fn cpu_flags(cpuinfo: &str) -> Vec<&'static str> {
    let has: BTreeSet<&str> = field(cpuinfo, "flags").unwrap_or_default().split(' ').collect();
    FLAGS.into_iter().filter(|flag| has.contains(flag)).collect()
}

fn processor(cpuinfo: &str, flags: &[&str]) -> Named {
    let value = |name: &str| field(cpuinfo, name).map_or_else(|| UNKNOWN.into(), bounded);
    let flags = if flags.is_empty() { "none of interest".into() } else { flags.join(" ") };
    vec![
        ("CPU model".into(), value("model name")),
        ("CPU vendor".into(), value("vendor_id")),
        ("microcode".into(), value("microcode")),
        ("CPU flags".into(), flags),
    ]
}

fn governors(tree: &Tree) -> String {
    let cpus = tree.names("/sys/devices/system/cpu");
    let is_cpu =
        |name: &&String| name.strip_prefix("cpu").is_some_and(|id| id.parse::<u32>().is_ok());
    let governors: BTreeSet<String> = cpus
        .iter()
        .filter(is_cpu)
        .filter_map(|cpu| {
            tree.text(&format!("/sys/devices/system/cpu/{cpu}/cpufreq/scaling_governor"))
        })
        .map(|text| bounded(&text))
        .collect();
    if governors.is_empty() {
        return UNKNOWN.into();
    }
    governors.into_iter().collect::<Vec<_>>().join(", ")
}

fn boost(tree: &Tree) -> Option<bool> {
    let boost = tree.text("/sys/devices/system/cpu/cpufreq/boost").map(|text| text.trim() == "1");
    let no_turbo = tree.text("/sys/devices/system/cpu/intel_pstate/no_turbo");
    boost.or_else(|| no_turbo.map(|text| text.trim() == "0"))
}

fn memory_sizes(text: &str) -> Named {
    let mib = |name| {
        bytes(text, name).map_or_else(|| UNKNOWN.into(), |bytes| format!("{} MiB", bytes >> 20))
    };
    vec![
        ("memory total".into(), mib("MemTotal")),
        ("memory available".into(), mib("MemAvailable")),
        ("swap total".into(), mib("SwapTotal")),
    ]
}

/// The value of a line of /proc/meminfo.
fn bytes(text: &str, name: &str) -> Option<u64> {
    field(text, name)?.strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

fn huge_pages(tree: &Tree) -> Named {
    let folder = "/sys/kernel/mm/hugepages";
    let count = |size: &str, name: &str| tree.fact(&format!("{folder}/{size}/{name}"));
    let sizes = tree.names(folder).into_iter().map(|size| {
        let (total, free) = (count(&size, "nr_hugepages"), count(&size, "free_hugepages"));
        (
            format!("huge pages {}", size.trim_start_matches("hugepages-")),
            format!("{total} total, {free} free"),
        )
    });
    sizes.collect()
}

fn vulnerabilities(tree: &Tree) -> Named {
    let folder = "/sys/devices/system/cpu/vulnerabilities";
    let names = tree.names(folder).into_iter();
    names
        .map(|name| (format!("vulnerability {name}"), tree.fact(&format!("{folder}/{name}"))))
        .collect()
}

/// The kernel parameter that encrypts the host's own memory.
fn mem_encrypt(named: &BTreeMap<String, String>) -> Option<&str> {
    let words = named.get("kernel command line")?.split_whitespace();
    words.filter_map(|word| word.strip_prefix("mem_encrypt=")).next_back()
}

fn tsme(tree: &Tree) -> Option<bool> {
    let folder = "/sys/bus/pci/drivers/ccp";
    let devices = tree.names(folder).into_iter();
    let status = devices.filter_map(|name| tree.text(&format!("{folder}/{name}/tsme_status")));
    status.map(|text| text.trim() == "1").next()
}

/// A balloon takes memory from a host that is itself a virtual machine. Our guests have none.
fn balloon(tree: &Tree) -> String {
    let names = tree.names("/sys/bus/virtio/drivers/virtio_balloon");
    let devices: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| name.starts_with("virtio")).collect();
    if devices.is_empty() { "none".into() } else { devices.join(", ") }
}

fn leaf(sev: Option<SevCpuid>) -> String {
    let text = |SevCpuid { eax, ebx, ecx, edx }: SevCpuid| {
        format!("eax={eax:#010x} ebx={ebx:#010x} ecx={ecx:#010x} edx={edx:#010x}")
    };
    sev.map_or_else(|| "none".into(), text)
}

/// A register of the first CPU, if the kernel lets this process read it.
fn read_msr(path: &Path, register: u64) -> Option<u64> {
    let mut value = [0; 8];
    File::open(path).ok()?.read_exact_at(&mut value, register).ok()?;
    Some(u64::from_le_bytes(value))
}

/// A boolean parameter. Kernels print it as a letter or a number, and take it as a word.
fn switch(text: &str) -> Option<bool> {
    match text {
        "Y" | "y" | "1" | "on" => Some(true),
        "N" | "n" | "0" | "off" => Some(false),
        _ => None,
    }
}

fn on_off(switch: Option<bool>) -> &'static str {
    match switch {
        Some(true) => "on",
        Some(false) => "off",
        None => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreadable_switches_and_sizes_are_none() {
        assert_eq!((switch("Y"), switch("0"), switch(UNKNOWN)), (Some(true), Some(false), None));
        assert_eq!(bytes("MemTotal: 99999999999999999999 kB", "MemTotal"), None);
        assert_eq!(bytes("MemTotal: 18446744073709551615 kB", "MemTotal"), None);
        assert_eq!(bytes("MemTotal: 2 kB", "MemTotal"), Some(2048));
    }
}
