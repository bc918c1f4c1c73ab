//! Pure: checks of the machine itself, and of its settings that affect results.

use super::HostProbe;
use super::check::{Check, TestbedKind};
use crate::qemu::QEMU_MIB;
use sevbench_facts::text::UNKNOWN;

/// Guests that are up at a time: one for each arm.
const GUESTS: u64 = 2;
/// `CAP_SYS_PTRACE`, the right to read the memory of any process.
const CAP_SYS_PTRACE: u64 = 1 << 19;
/// Clock sources that are read without a system call or a VM exit.
const FAST_CLOCKS: [&str; 3] = ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page"];

pub(super) fn checks(probe: &HostProbe) -> Vec<Check> {
    let of_settings = [memory, disk].map(|check| check(probe).of_settings());
    let of_host = [clock, governor, boost, smt, idle, large_pages, ksm, gcore, ptrace];
    let first = [kernel, processor].map(|check| check(probe));
    first.into_iter().chain(of_settings).chain(of_host.map(|check| check(probe))).collect()
}

fn kernel(probe: &HostProbe) -> Check {
    Check::fine("kernel", &[], probe.facts.fact("kernel").into())
}

fn processor(probe: &HostProbe) -> Check {
    let fact = |name| probe.facts.fact(name);
    let (model, microcode, cpus) = (fact("CPU model"), fact("microcode"), fact("CPUs online"));
    let found =
        format!("{model}, microcode {microcode}, CPUs {cpus}, NUMA nodes {}", fact("NUMA nodes"));
    if probe.facts.is_virtual {
        let found =
            format!("{found}; itself a virtual machine, so its neighbours affect every result");
        return Check::note("processor", found, None);
    }
    Check::fine("processor", &[], found)
}

fn memory(probe: &HostProbe) -> Check {
    let needed = GUESTS * (probe.guest_memory_bytes + (QEMU_MIB << 20));
    match probe.facts.memory_available_bytes {
        None => Check::note("memory", UNKNOWN.into(), None),
        Some(free) => {
            let found = format!("{} free, {GUESTS} guests take {}", mib(free), mib(needed));
            if free >= needed {
                return Check::fine("memory", TestbedKind::GUESTS, found);
            }
            let remedy = "type `ps aux --sort=-rss | head` and end what is not needed";
            Check::failed("memory", TestbedKind::GUESTS, found, remedy)
        }
    }
}

fn disk(probe: &HostProbe) -> Check {
    let built = matches!(probe.image, super::probe::ImageState::Built(_));
    let needed = if built { 0 } else { probe.image_bytes };
    let folder = probe.image_folder.display();
    match probe.disk_free_bytes {
        None => Check::note("disk", format!("the free space in `{folder}` is unknown"), None),
        Some(free) if free >= needed => {
            Check::fine("disk", TestbedKind::GUESTS, format!("{} free in {folder}", mib(free)))
        }
        Some(free) => {
            let found = format!("{} free in {folder}, the image needs {}", mib(free), mib(needed));
            let remedy = "free some space there, or type `export SEVBENCH_CACHE=FOLDER` to use \
                          another folder";
            Check::failed("disk", TestbedKind::GUESTS, found, remedy)
        }
    }
}

fn clock(probe: &HostProbe) -> Check {
    let source = probe.facts.fact("clock source");
    if FAST_CLOCKS.contains(&source) {
        return Check::fine("clock source", &[], source.into());
    }
    let found = format!("{source}: reading it may take longer than what is measured");
    let remedy = "see `dmesg | grep -i tsc` for why it is not tsc";
    Check::note("clock source", found, Some(remedy))
}

fn governor(probe: &HostProbe) -> Check {
    match probe.facts.known("governor") {
        Some("performance") => Check::fine("governor", &[], "performance".into()),
        None => Check::note("governor", "not available on this machine".into(), None),
        Some(other) => {
            let found = format!("{other}: the frequency follows the load");
            Check::note(
                "governor",
                found,
                Some("type `cpupower frequency-set -g performance` as root"),
            )
        }
    }
}

fn boost(probe: &HostProbe) -> Check {
    match probe.facts.switches.boost {
        Some(false) => Check::fine("boost", &[], "off".into()),
        None => Check::note("boost", "not available on this machine".into(), None),
        Some(true) => {
            let remedy = if probe.facts.fact("CPU vendor") == "GenuineIntel" {
                "type `echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo` as root"
            } else {
                "type `echo 0 > /sys/devices/system/cpu/cpufreq/boost` as root"
            };
            let found = "on: the frequency depends on temperature and neighbours".into();
            Check::note("boost", found, Some(remedy))
        }
    }
}

fn smt(probe: &HostProbe) -> Check {
    match probe.facts.switches.smt {
        Some(false) => Check::fine("SMT", &[], "off".into()),
        Some(true) => {
            let found = "on: two vCPUs may share a core".into();
            Check::note(
                "SMT",
                found,
                Some("type `echo off > /sys/devices/system/cpu/smt/control` as root"),
            )
        }
        None => Check::note("SMT", UNKNOWN.into(), None),
    }
}

fn idle(probe: &HostProbe) -> Check {
    let fact = |name| probe.facts.fact(name);
    let found = format!(
        "driver {}, governor {}, KVM polls {} ns before it halts",
        fact("cpuidle driver"),
        fact("cpuidle governor"),
        fact("KVM halt poll ns")
    );
    Check::fine("idle", &[], found)
}

/// Guest memory is shared memory (memfd), so only the setting for shared memory matters.
fn large_pages(probe: &HostProbe) -> Check {
    let (own, shared) = (
        probe.facts.fact("transparent huge pages"),
        probe.facts.fact("transparent huge pages, shared"),
    );
    let found = format!("transparent: {own}, for guests' memory: {shared}");
    if ["never", "deny"].contains(&shared) {
        let remedy =
            "type `echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled` as root";
        return Check::note(
            "huge pages",
            format!("{found}; guests run on 4 KiB pages"),
            Some(remedy),
        );
    }
    Check::fine("huge pages", &[], found)
}

fn ksm(probe: &HostProbe) -> Check {
    match probe.facts.known("KSM") {
        Some("1") => {
            let found = "on: merges pages of plain guests but not of encrypted ones".into();
            Check::note("KSM", found, Some("type `echo 2 > /sys/kernel/mm/ksm/run` as root"))
        }
        None => Check::fine("KSM", &[], "none".into()),
        Some(_) => Check::fine("KSM", &[], "off".into()),
    }
}

fn gcore(probe: &HostProbe) -> Check {
    if probe.gcore {
        return Check::fine("gcore", &[], "installed (for `cargo sevbench leak`)".into());
    }
    let found = "missing: `cargo sevbench leak --dump gcore` needs it".into();
    Check::note("gcore", found, Some("type `apt-get install gdb`"))
}

fn ptrace(probe: &HostProbe) -> Check {
    let may = probe.capabilities & CAP_SYS_PTRACE != 0;
    let found = |means: &str| match probe.ptrace_scope {
        None => means.to_owned(),
        Some(scope) => format!("{means} (ptrace_scope {scope})"),
    };
    match (probe.ptrace_scope, may) {
        (Some(3..), _) => {
            let remedy = "remove kernel.yama.ptrace_scope=3 from /etc/sysctl.d and type `reboot`";
            Check::note("ptrace", found("no process may read another's memory"), Some(remedy))
        }
        (None | Some(0), _) | (_, true) => {
            Check::fine("ptrace", &[], found("guest memory can be read"))
        }
        (Some(_), false) => {
            let remedy =
                "run `cargo sevbench leak` as root, or type `sysctl kernel.yama.ptrace_scope=0`";
            Check::note("ptrace", found("only root may read a guest's memory"), Some(remedy))
        }
    }
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}
