//! What a machine says of itself, from /proc and /sys. Says nothing of what the facts mean.

mod details;
mod encryption;

pub use encryption::EncryptionFacts;

use details::gather_details;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;

/// The longest fact, in bytes.
const FACT_LEN_MAX: usize = 4096;

/// What is said of a fact that cannot be read.
pub(crate) const UNKNOWN: &str = "unknown";

/// Facts of a machine. One that cannot be read is `unknown`, or 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Release of the kernel.
    pub kernel: String,
    /// As `uname -m` prints it.
    pub architecture: String,
    /// Name of the CPU.
    pub cpu_model: String,
    /// CPUs that this process may use.
    pub cpus: u32,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// Changes with every boot of the machine.
    pub boot_id: String,
    /// The kernel's command line.
    pub kernel_command_line: String,
    /// Setting of transparent huge pages.
    pub transparent_huge_pages: String,
    /// The kernel's clock source.
    pub clock_source: String,
    /// Bytes of bounce buffers in use; none where the kernel does not say.
    #[serde(default)]
    pub swiotlb_used_bytes: Option<u64>,
    /// What the machine says of memory encryption.
    #[serde(default)]
    pub encryption: EncryptionFacts,
    /// All else that must be alike in two machines, by name.
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
            cpu_model: field("/proc/cpuinfo", "model name"),
            cpus: std::thread::available_parallelism().map_or(0, |count| count.get() as u32),
            memory_bytes: memory_bytes(),
            boot_id: read("/proc/sys/kernel/random/boot_id"),
            kernel_command_line: read("/proc/cmdline"),
            transparent_huge_pages: selected(&huge_pages),
            clock_source: read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
            swiotlb_used_bytes: details::swiotlb_bytes("io_tlb_used"),
            encryption: EncryptionFacts::gather(),
            details: gather_details(),
        }
    }

    /// All that must be alike in two machines, in the order in which differences are shown.
    pub(crate) fn named(&self) -> Vec<(String, String)> {
        let mut named: Vec<(String, String)> = [
            ("kernel", self.kernel.clone()),
            ("architecture", self.architecture.clone()),
            ("CPU", self.cpu_model.clone()),
            ("CPUs", self.cpus.to_string()),
            ("kernel command line", self.kernel_command_line.clone()),
            ("transparent huge pages", self.transparent_huge_pages.clone()),
            ("clock source", self.clock_source.clone()),
            ("memory encryption", self.encryption.in_words()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        named.extend(self.details.clone());
        named
    }
}

fn bounded(text: &str) -> String {
    let text = text.trim();
    let ends = text.char_indices().map(|(start, c)| start + c.len_utf8());
    let len = ends.take_while(|&end| end <= FACT_LEN_MAX).last().unwrap_or(0);
    text[..len].to_owned()
}

fn read(path: &str) -> String {
    read_known(path).unwrap_or_else(|| UNKNOWN.into())
}

fn read_known(path: impl AsRef<std::path::Path>) -> Option<String> {
    fs::read(path).ok().map(|bytes| bounded(&String::from_utf8_lossy(&bytes)))
}

/// The value of a `name : value` line.
fn field(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let value =
        text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
    value.map_or_else(|| UNKNOWN.into(), bounded)
}

fn memory_bytes() -> u64 {
    let kib = field("/proc/meminfo", "MemTotal");
    kib.strip_suffix(" kB").and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// The choice in brackets: `always [madvise] never`.
fn selected(choices: &str) -> String {
    let inner = choices.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    inner.map_or(choices, |(choice, _)| choice).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known() {
        let facts = Facts::gather();
        assert!(facts.cpus > 0 && facts.memory_bytes > 1 << 20);
        assert!(facts.kernel != "unknown" && facts.boot_id.len() == 36);
    }

    #[test]
    fn a_fact_is_bounded_between_characters() {
        assert_eq!(bounded(" a b\n"), "a b");
        assert_eq!(bounded(&"x".repeat(5000)).len(), FACT_LEN_MAX);
        assert_eq!(bounded(&"\u{20ac}".repeat(2000)).len(), FACT_LEN_MAX - 1);
        assert_eq!(bounded(""), "");
    }

    #[test]
    fn the_selected_choice_is_taken() {
        assert_eq!(selected("always [madvise] never"), "madvise");
        assert_eq!(selected("unknown"), "unknown");
    }
}
