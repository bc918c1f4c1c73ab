//! What a machine under QEMU is: its treatment and its settings. Arms of one testbed differ in the treatment only.

use super::MachineSettings;
use sevbench_facts::Protection;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;

/// The bounce buffers that a confidential guest's kernel makes: 6 % of its memory, from 64 MiB to 1 GiB
/// (`sev_setup_arch` in Linux' arch/x86/mm/mem_encrypt_amd.c).
const SWIOTLB_PERCENT: u64 = 6;
const SWIOTLB_MIB_MIN: u64 = 64;
const SWIOTLB_MIB_MAX: u64 = 1024;
/// The kernel counts them in slabs of 2 KiB.
const SLABS_PER_MIB: u64 = 512;

/// What is done to a machine, beside what is done to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Nothing: the control.
    Nosev,
    /// Bounce buffers as a confidential guest has them, without any encryption.
    Bounce,
    /// AMD SEV: memory encryption.
    Sev,
    /// AMD SEV-ES: registers too.
    SevEs,
    /// AMD SEV-SNP: integrity too.
    Snp,
}

impl Treatment {
    /// All, in the order in which each adds to the one before.
    pub const ALL: [Self; 5] = [Self::Nosev, Self::Bounce, Self::Sev, Self::SevEs, Self::Snp];

    /// Its name, in arms and addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nosev => "nosev",
            Self::Bounce => "bounce",
            Self::Sev => "sev",
            Self::SevEs => "sev-es",
            Self::Snp => "snp",
        }
    }

    /// The protection that a machine with it is launched with.
    pub const fn protection(self) -> Option<Protection> {
        match self {
            Self::Nosev | Self::Bounce => None,
            Self::Sev => Some(Protection::Sev),
            Self::SevEs => Some(Protection::SevEs),
            Self::Snp => Some(Protection::SevSnp),
        }
    }
}

/// A machine that QEMU makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QemuMachine {
    /// What is done to it.
    pub treatment: Treatment,
    /// What it shares with the other arms.
    pub settings: MachineSettings,
    /// Where the log of its console goes; none for nowhere.
    pub console: Option<PathBuf>,
}

/// A machine that cannot be.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MachineError {
    /// No such treatment.
    #[error("there is no treatment `{0}`: write one of nosev, bounce, sev, sev-es, snp")]
    Treatment(String),
    /// A value that an option cannot have.
    #[error("`{name}={value}` cannot be: {wanted}")]
    Value {
        /// The option.
        name: &'static str,
        /// What was written.
        value: String,
        /// What may be written.
        wanted: String,
    },
}

impl FromStr for Treatment {
    type Err = MachineError;

    fn from_str(text: &str) -> Result<Self, MachineError> {
        let found = Self::ALL.into_iter().find(|treatment| treatment.name() == text);
        found.ok_or_else(|| MachineError::Treatment(text.into()))
    }
}

impl QemuMachine {
    /// A machine of these settings.
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

    /// Takes an option of an address; says whether it is one of this machine.
    pub(crate) fn take_option(&mut self, name: &str, value: &str) -> Result<bool, MachineError> {
        self.settings.take_option(name, value)
    }
}

/// The bounce buffers that a confidential guest with so much memory has.
pub(crate) fn swiotlb_mib(memory_mib: u64) -> u64 {
    (memory_mib * SWIOTLB_PERCENT / 100).clamp(SWIOTLB_MIB_MIN, SWIOTLB_MIB_MAX)
}

/// Forces bounce buffers, as many as a confidential guest of this size has; 64 MiB are the kernel's default.
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
            Some(path) => write!(f, "&firmware={}", path.display()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounce_arms_pool_is_as_large_as_a_confidential_guests() {
        assert_eq!(swiotlb_word(1024), "swiotlb=force");
        // 6 % of the study's 16 GiB are 983 MiB.
        assert_eq!(swiotlb_word(16 << 10), "swiotlb=503296,force");
        assert_eq!(swiotlb_word(512 << 10), "swiotlb=524288,force");
    }
}
