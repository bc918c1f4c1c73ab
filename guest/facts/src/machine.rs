//! The facts of the machine that this process runs on, from /proc and /sys.

use crate::details::{self, gather_details};
use crate::encryption::EncryptionFacts;
use crate::file::{read, read_field};
use crate::text::{UNKNOWN, selected};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Facts of a machine. A text that cannot be read is `unknown`, a number is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Kernel release.
    pub kernel: String,
    /// As `uname -m` prints it.
    pub architecture: String,
    /// CPU model name.
    pub cpu_model: String,
    /// CPUs that this process may use.
    pub cpus: u32,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// Different in every boot of the machine.
    pub boot_id: String,
    /// The kernel's command line.
    pub kernel_command_line: String,
    /// Setting of transparent huge pages.
    pub transparent_huge_pages: String,
    /// The kernel's clock source.
    pub clock_source: String,
    /// Bytes of bounce buffers in use; `None` if the kernel does not say.
    #[serde(default)]
    pub swiotlb_used_bytes: Option<u64>,
    /// What the machine says about memory encryption.
    #[serde(default)]
    pub encryption: EncryptionFacts,
    /// Everything else that two machines must have in common, by name.
    #[serde(default)]
    pub details: BTreeMap<String, String>,
}

impl Facts {
    /// The facts of the machine that this process runs on.
    pub fn gather() -> Self {
        let huge_pages = read("/sys/kernel/mm/transparent_hugepage/enabled");
        Self {
            kernel: read("/proc/sys/kernel/osrelease"),
            architecture: std::env::consts::ARCH.into(),
            cpu_model: read_field("/proc/cpuinfo", "model name"),
            cpus: std::thread::available_parallelism().map_or(0, |count| count.get() as u32),
            memory_bytes: memory_bytes(),
            boot_id: read("/proc/sys/kernel/random/boot_id"),
            kernel_command_line: read("/proc/cmdline"),
            transparent_huge_pages: selected(&huge_pages).to_owned(),
            clock_source: read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
            swiotlb_used_bytes: details::swiotlb_bytes("io_tlb_used"),
            encryption: EncryptionFacts::gather(),
            details: gather_details(),
        }
    }
}

impl Facts {
    /// The id of this boot, if it could be read.
    pub fn known_boot_id(&self) -> Option<&str> {
        Some(self.boot_id.as_str()).filter(|id| !id.is_empty() && *id != UNKNOWN)
    }
}

fn memory_bytes() -> u64 {
    let kib = read_field("/proc/meminfo", "MemTotal");
    kib.strip_suffix(" kB").and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_facts() {
        let facts = Facts::gather();
        assert!(facts.cpus > 0 && facts.memory_bytes > 1 << 20);
        assert!(facts.kernel != "unknown" && facts.boot_id.len() == 36);
    }
}
