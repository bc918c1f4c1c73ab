//! The treatments that an arm's machine can have.

use sevbench_facts::Protection;
use std::str::FromStr;
use thiserror::Error;

/// The only way in which the machines of a testbed differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// None: the control.
    Nosev,
    /// The bounce buffers of a confidential guest, without encryption.
    Bounce,
    /// AMD SEV: memory encryption.
    Sev,
    /// AMD SEV-ES: registers too.
    SevEs,
    /// AMD SEV-SNP: integrity too.
    Snp,
}

/// A name that is not a treatment's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("there is no treatment `{0}`: write nosev, bounce, sev, sev-es or snp")]
pub struct UnknownTreatment(String);

impl Treatment {
    /// All treatments. Each adds to the one before.
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

    /// The protection with which the machine is launched.
    pub const fn protection(self) -> Option<Protection> {
        match self {
            Self::Nosev | Self::Bounce => None,
            Self::Sev => Some(Protection::Sev),
            Self::SevEs => Some(Protection::SevEs),
            Self::Snp => Some(Protection::SevSnp),
        }
    }
}

impl FromStr for Treatment {
    type Err = UnknownTreatment;

    fn from_str(text: &str) -> Result<Self, UnknownTreatment> {
        let found = Self::ALL.into_iter().find(|treatment| treatment.name() == text);
        found.ok_or_else(|| UnknownTreatment(text.into()))
    }
}
