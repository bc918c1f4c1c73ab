//! How a guest's CPUs run: under KVM if it is really usable, else under TCG.

use super::error::QemuError;
use super::kvm::{KvmDefect, kvm_defect};
use super::settings::WantedAccelerator;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a guest's CPUs run, as records name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AcceleratorKind {
    /// On the processor itself.
    Kvm,
    /// Emulated.
    Tcg,
}

impl fmt::Display for AcceleratorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kvm => "KVM",
            Self::Tcg => "TCG",
        })
    }
}

/// How a guest's CPUs run on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Accelerator {
    /// On the processor itself.
    Kvm,
    /// Emulated, for this reason.
    Tcg(WhyTcg),
}

/// Why a machine is emulated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WhyTcg {
    /// The user wants it.
    Requested,
    /// KVM is not usable.
    NoKvm(KvmDefect),
}

impl WhyTcg {
    /// Why a guest that needs KVM does not get it.
    pub(crate) fn of_protected(&self) -> String {
        match self {
            Self::Requested => "it needs KVM: drop accelerator=tcg".into(),
            Self::NoKvm(defect) => defect.to_string(),
        }
    }
}

impl fmt::Display for WhyTcg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => f.write_str("accelerator=tcg is set"),
            Self::NoKvm(defect) => defect.fmt(f),
        }
    }
}

impl Accelerator {
    /// The accelerator to use for a setting.
    ///
    /// # Errors
    /// If KVM is required and not usable.
    pub(crate) fn choose(wanted: WantedAccelerator) -> Result<Self, QemuError> {
        match (wanted, kvm_defect()) {
            (WantedAccelerator::Tcg, _) => Ok(Self::Tcg(WhyTcg::Requested)),
            (WantedAccelerator::Auto | WantedAccelerator::Kvm, None) => Ok(Self::Kvm),
            (WantedAccelerator::Auto, Some(defect)) => Ok(Self::Tcg(WhyTcg::NoKvm(defect))),
            (WantedAccelerator::Kvm, Some(defect)) => Err(QemuError::NoKvm(defect)),
        }
    }

    pub(crate) const fn kind(&self) -> AcceleratorKind {
        match self {
            Self::Kvm => AcceleratorKind::Kvm,
            Self::Tcg(_) => AcceleratorKind::Tcg,
        }
    }
}
