//! The levels of AMD's memory encryption for guests.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A level of AMD's memory encryption; each includes the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// SEV: memory.
    Sev,
    /// SEV-ES: registers too.
    SevEs,
    /// SEV-SNP: integrity too.
    SevSnp,
}

impl Protection {
    /// All levels, weakest first.
    pub const ALL: [Self; 3] = [Self::Sev, Self::SevEs, Self::SevSnp];

    /// Its name in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sev => "sev",
            Self::SevEs => "sev-es",
            Self::SevSnp => "sev-snp",
        }
    }

    /// The protection of this name in the kernel's line on memory encryption.
    pub fn from_kernel_word(word: &str) -> Option<Self> {
        match word {
            "SEV" => Some(Self::Sev),
            "SEV-ES" => Some(Self::SevEs),
            "SEV-SNP" => Some(Self::SevSnp),
            _ => None,
        }
    }

    /// Its bit in MSR 0xC0010131.
    pub const fn status_bit(self) -> u64 {
        match self {
            Self::Sev => 1,
            Self::SevEs => 1 << 1,
            Self::SevSnp => 1 << 2,
        }
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sev => "SEV",
            Self::SevEs => "SEV-ES",
            Self::SevSnp => "SEV-SNP",
        })
    }
}
