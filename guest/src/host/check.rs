//! A check of the host: what was found, and which testbeds need it.

use crate::treatment::Treatment;
use serde::Serialize;

/// A kind of testbed, by the features that it needs from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestbedKind {
    /// This machine against itself.
    Loopback,
    /// Guests without protection.
    Qemu,
    /// Guests with SEV.
    Sev,
    /// Guests with SEV-ES.
    SevEs,
    /// Guests with SEV-SNP.
    Snp,
}

impl TestbedKind {
    /// All kinds, in order of protection. A host may support one without the one before it.
    pub const ALL: [Self; 5] = [Self::Loopback, Self::Qemu, Self::Sev, Self::SevEs, Self::Snp];
    /// Those that start guests.
    pub(super) const GUESTS: &[Self] = &[Self::Qemu, Self::Sev, Self::SevEs, Self::Snp];
    /// Those whose guests are protected.
    pub(super) const PROTECTED: &[Self] = &[Self::Sev, Self::SevEs, Self::Snp];

    /// Its name, as `--testbed` takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Qemu => "qemu",
            Self::Sev => "sev",
            Self::SevEs => "sev-es",
            Self::Snp => "snp",
        }
    }

    /// The testbed that has a treatment.
    pub const fn of(treatment: Treatment) -> Self {
        match treatment {
            Treatment::Nosev | Treatment::Bounce => Self::Qemu,
            Treatment::Sev => Self::Sev,
            Treatment::SevEs => Self::SevEs,
            Treatment::Snp => Self::Snp,
        }
    }

    /// The testbed of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|testbed| testbed.name() == name)
    }
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    /// Nothing to do.
    Fine,
    /// Worth knowing, but not an obstacle.
    Note,
    /// An obstacle to the testbeds that need it.
    Failed,
}

/// What the result of a check depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckScope {
    /// The host alone.
    Host,
    /// The settings of the machine as well: its memory, its firmware, its image.
    Settings,
}

/// One check of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub subject: &'static str,
    /// The result.
    #[serde(rename = "state")]
    pub status: CheckStatus,
    /// What was found.
    pub found: String,
    /// What to type to fix it; every failed check has one.
    pub remedy: Option<String>,
    /// The testbeds that need it.
    pub needed_by: &'static [TestbedKind],
    /// What the result depends on.
    #[serde(skip)]
    pub scope: CheckScope,
}

impl Check {
    pub(super) fn fine(
        subject: &'static str,
        needed_by: &'static [TestbedKind],
        found: String,
    ) -> Self {
        let status = CheckStatus::Fine;
        Self { subject, status, found, remedy: None, needed_by, scope: CheckScope::Host }
    }

    /// A check that no testbed needs.
    pub(super) fn note(subject: &'static str, found: String, remedy: Option<&str>) -> Self {
        let remedy = remedy.map(str::to_owned);
        let status = CheckStatus::Note;
        Self { subject, status, found, remedy, needed_by: &[], scope: CheckScope::Host }
    }

    pub(super) fn failed(
        subject: &'static str,
        needed_by: &'static [TestbedKind],
        found: String,
        remedy: impl Into<String>,
    ) -> Self {
        let remedy = Some(remedy.into());
        let status = CheckStatus::Failed;
        Self { subject, status, found, remedy, needed_by, scope: CheckScope::Host }
    }

    pub(super) fn of_settings(self) -> Self {
        Self { scope: CheckScope::Settings, ..self }
    }
}
