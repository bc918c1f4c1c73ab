//! A machine under QEMU: its treatment and its settings. The arms of a testbed differ only in the
//! treatment.

use super::settings::{MachineSettings, SettingError};
use crate::percent::value;
use crate::treatment::Treatment;
use std::fmt;
use std::path::PathBuf;

/// The bounce buffers that a confidential guest's kernel allocates: 6 % of its memory, from 64 MiB
/// to 1 GiB (`sev_setup_arch` in Linux' arch/x86/mm/mem_encrypt_amd.c).
const SWIOTLB_PERCENT: u64 = 6;
const SWIOTLB_MIB_MIN: u64 = 64;
const SWIOTLB_MIB_MAX: u64 = 1024;
/// The kernel counts them in slabs of 2 KiB.
const SLABS_PER_MIB: u64 = 512;

/// The host memory that a QEMU process uses beyond its guest's memory. Under TCG most of it is
/// translated code.
pub(crate) const QEMU_MIB: u64 = 256;

/// A machine that QEMU runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QemuMachine {
    /// Its treatment.
    pub treatment: Treatment,
    /// The settings that it shares with the other arms.
    pub settings: MachineSettings,
    /// The log of its console; `None` for no log.
    pub console: Option<PathBuf>,
}

impl QemuMachine {
    /// A machine with these settings.
    pub const fn new(treatment: Treatment, settings: MachineSettings) -> Self {
        Self { treatment, settings, console: None }
    }

    /// What the treatment adds to the kernel's command line.
    pub fn treatment_words(&self) -> Vec<String> {
        match self.treatment {
            Treatment::Bounce => vec![swiotlb_word(self.settings.memory_mib)],
            _ => Vec::new(),
        }
    }

    /// Takes an option of an address. Returns false if it is not an option of machines.
    pub(crate) fn take_option(&mut self, name: &str, value: &str) -> Result<bool, SettingError> {
        self.settings.take_option(name, value)
    }
}

/// The bounce buffers of a confidential guest with this much memory.
pub(crate) fn swiotlb_mib(memory_mib: u64) -> u64 {
    (memory_mib * SWIOTLB_PERCENT / 100).clamp(SWIOTLB_MIB_MIN, SWIOTLB_MIB_MAX)
}

/// The kernel parameter that forces as many bounce buffers as a confidential guest of this size
/// has; 64 MiB is the kernel's default.
fn swiotlb_word(memory_mib: u32) -> String {
    match swiotlb_mib(u64::from(memory_mib)) {
        SWIOTLB_MIB_MIN => "swiotlb=force".into(),
        pool_mib => format!("swiotlb={},force", pool_mib * SLABS_PER_MIB),
    }
}

impl fmt::Display for QemuMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { treatment, settings, .. } = self;
        write!(
            f,
            "qemu:{}?vcpus={}&memory_mib={}&accelerator={}",
            treatment.name(),
            settings.vcpus,
            settings.memory_mib,
            settings.accelerator.name()
        )?;
        match &settings.firmware {
            Some(path) => write!(f, "&firmware={}", value(&path.display().to_string())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounce_arm_has_the_pool_of_a_confidential_guest() {
        assert_eq!(swiotlb_word(1024), "swiotlb=force");
        // 6 % of 16 GiB is 983 MiB. "Performance Evaluation of AMD Secure Encrypted Virtualization"
        // (Castellotti, TU Munich) gave its guests this much.
        assert_eq!(swiotlb_word(16 << 10), "swiotlb=503296,force");
        assert_eq!(swiotlb_word(512 << 10), "swiotlb=524288,force");
    }
}
