//! Facts that matter only if they differ: mitigations, CPU flags, bounce buffers, devices, idle
//! states.

use crate::file::{read, read_field, read_known};
use crate::text::{UNKNOWN, selected};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A slab of bounce buffers (`IO_TLB_SIZE` in Linux' include/linux/swiotlb.h).
const SWIOTLB_SLAB_LEN: u64 = 2048;
const SWIOTLB: &str = "/sys/kernel/debug/swiotlb";
/// Present on every kernel whose debugfs is readable.
const DEBUGFS_SIGN: &str = "/sys/kernel/debug/bdi";
/// The most entries of a folder that are read.
const ENTRIES_MAX: usize = 256;

/// Files whose whole content is a fact.
const FILES: [(&str, &str); 9] = [
    ("kernel build", "/proc/sys/kernel/version"),
    ("KSM", "/sys/kernel/mm/ksm/run"),
    ("huge pages", "/proc/sys/vm/nr_hugepages"),
    ("idle driver", "/sys/devices/system/cpu/cpuidle/current_driver"),
    ("idle governor", "/sys/devices/system/cpu/cpuidle/current_governor_ro"),
    ("clock sources", "/sys/devices/system/clocksource/clocksource0/available_clocksource"),
    ("NUMA nodes", "/sys/devices/system/node/online"),
    ("SMT", "/sys/devices/system/cpu/smt/active"),
    ("CPUs online", "/sys/devices/system/cpu/online"),
];
/// Files that list choices, with the active one in brackets.
const CHOICES: [(&str, &str); 2] = [
    ("transparent huge pages defrag", "/sys/kernel/mm/transparent_hugepage/defrag"),
    ("shared huge pages", "/sys/kernel/mm/transparent_hugepage/shmem_enabled"),
];

pub(crate) fn gather_details() -> BTreeMap<String, String> {
    let mut details: BTreeMap<String, String> =
        FILES.iter().map(|(name, path)| ((*name).into(), read(path))).collect();
    let choice = |path| selected(&read(path)).to_owned();
    details.extend(CHOICES.iter().map(|(name, path)| ((*name).into(), choice(path))));
    let mut flags: Vec<String> =
        read_field("/proc/cpuinfo", "flags").split_whitespace().map(str::to_owned).collect();
    flags.sort_unstable();
    details.insert("CPU flags".into(), flags.join(" "));
    details.insert("microcode".into(), read_field("/proc/cpuinfo", "microcode"));
    let pool = swiotlb_bytes("io_tlb_nslabs");
    // If debugfs is readable and shows no pool, there is none.
    let absent = if Path::new(DEBUGFS_SIGN).exists() { "none" } else { UNKNOWN };
    let pool = pool.map_or_else(|| absent.into(), |bytes| format!("{} MiB", bytes >> 20));
    details.insert("bounce buffers".into(), pool);
    for (name, path) in entries("/sys/devices/system/cpu/vulnerabilities") {
        details.insert(format!("vulnerability {name}"), read_known(path).unwrap_or_default());
    }
    for (name, path) in entries("/sys/bus/virtio/devices") {
        let bits = read_known(path.join("features")).unwrap_or_default();
        details.insert(format!("virtio features of {name}"), set_bits(&bits));
    }
    for (name, path) in entries("/sys/block") {
        // Only disks with a device behind them count: no loop devices, no RAM disks, and not the
        // hidden paths of an NVMe disk.
        let is_hidden = read_known(path.join("hidden")).is_some_and(|hidden| hidden != "0");
        if path.join("device").exists() && !is_hidden {
            let queue = path.join("queue");
            details.insert(format!("disk queue of {name}"), disk_queue(&queue));
            let access = match read_known(path.join("ro")).as_deref() {
                Some("0") => "read and write",
                Some(_) => "read only",
                None => UNKNOWN,
            };
            details.insert(format!("access to {name}"), access.into());
            let largest = read_known(queue.join("max_sectors_kb"));
            let largest = largest.map_or_else(|| UNKNOWN.into(), |kb| format!("{kb} kB"));
            details.insert(format!("largest request of {name}"), largest);
        }
    }
    details
}

/// A count of bounce buffer slabs, in bytes.
pub(crate) fn swiotlb_bytes(file: &str) -> Option<u64> {
    let slabs = read_known(Path::new(SWIOTLB).join(file))?.parse::<u64>().ok()?;
    slabs.checked_mul(SWIOTLB_SLAB_LEN)
}

/// The numbers of the bits set in `0110…`, the form in which the kernel prints the features of a
/// virtio device.
fn set_bits(bits: &str) -> String {
    let set = bits.chars().enumerate().filter(|(_, bit)| *bit == '1');
    set.map(|(number, _)| number.to_string()).collect::<Vec<_>>().join(" ")
}

/// The queue settings that shape a disk's requests.
fn disk_queue(folder: &Path) -> String {
    let schedulers = read_known(folder.join("scheduler")).unwrap_or_default();
    let scheduler = selected(&schedulers);
    let names = ["nr_requests", "logical_block_size", "write_cache"];
    let values = names.map(|name| {
        format!("{name}={}", read_known(folder.join(name)).unwrap_or_else(|| UNKNOWN.into()))
    });
    format!("scheduler={scheduler} {}", values.join(" "))
}

fn entries(folder: &str) -> Vec<(String, PathBuf)> {
    let all = fs::read_dir(folder).into_iter().flatten().flatten().take(ENTRIES_MAX);
    all.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_bits_lists_bit_numbers() {
        assert_eq!(set_bits("1100010"), "0 1 5");
        assert_eq!(set_bits(""), "");
    }

    #[test]
    fn this_machine_has_details() {
        let details = gather_details();
        assert!(details["CPU flags"].contains(' ') || details["CPU flags"] == UNKNOWN);
        assert!(details.contains_key("bounce buffers") && details.contains_key("KSM"));
    }
}
