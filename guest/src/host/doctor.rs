//! Pure: what a probe of a host means: which testbeds it supports, and what to type if it lacks
//! one.

use super::HostProbe;
use super::{machine_checks, qemu_checks, sev_checks};
use crate::treatment::Treatment;
use serde::Serialize;
use thiserror::Error;

/// Up to this many obstacles are shown in full; more are only named.
const DETAILED_MAX: usize = 2;

/// A testbed by what it needs from the host.
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
    /// All. Each needs more than the one before.
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
}

impl Check {
    pub(super) fn fine(
        subject: &'static str,
        needed_by: &'static [TestbedKind],
        found: String,
    ) -> Self {
        Self { subject, status: CheckStatus::Fine, found, remedy: None, needed_by }
    }

    /// A check that no testbed needs.
    pub(super) fn note(subject: &'static str, found: String, remedy: Option<&str>) -> Self {
        let remedy = remedy.map(str::to_owned);
        Self { subject, status: CheckStatus::Note, found, remedy, needed_by: &[] }
    }

    pub(super) fn failed(
        subject: &'static str,
        needed_by: &'static [TestbedKind],
        found: String,
        remedy: impl Into<String>,
    ) -> Self {
        let remedy = Some(remedy.into());
        Self { subject, status: CheckStatus::Failed, found, remedy, needed_by }
    }
}

/// Whether this host can run a testbed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TestbedSupport {
    /// The testbed.
    #[serde(rename = "name")]
    pub testbed: TestbedKind,
    /// Whether there are no obstacles.
    pub usable: bool,
    /// How it would run, or its obstacles.
    pub reason: String,
    /// The subjects of the failed checks.
    pub obstacles: Vec<&'static str>,
}

/// All checks. Checks that could only repeat a missing cause are left out: if the processor offers
/// no SEV, there is no check of the kernel's SEV setting.
pub fn examine(probe: &HostProbe) -> Vec<Check> {
    [machine_checks::checks(probe), qemu_checks::checks(probe), sev_checks::checks(probe)].concat()
}

/// The failed checks that a testbed needs.
pub fn obstacles(checks: &[Check], testbed: TestbedKind) -> Vec<&Check> {
    let is_obstacle =
        |check: &&Check| check.status == CheckStatus::Failed && check.needed_by.contains(&testbed);
    checks.iter().filter(is_obstacle).collect()
}

/// The failed checks that keep a machine from running here.
#[derive(Debug, Error)]
#[error("this host cannot run a `{arm}` guest; failed checks of `cargo sevbench doctor`:{failed}")]
pub struct Obstacles {
    arm: &'static str,
    failed: String,
}

impl Obstacles {
    /// The obstacles to a machine of this arm; none if it can run.
    pub(crate) fn find(arm: &'static str, checks: &[Check], testbed: TestbedKind) -> Option<Self> {
        let line = |check: &Check| {
            let remedy = check.remedy.as_deref().unwrap_or("see `cargo sevbench doctor`");
            format!("\n  {}: {}; {remedy}", check.subject, check.found)
        };
        let failed: String = obstacles(checks, testbed).into_iter().map(line).collect();
        (!failed.is_empty()).then_some(Self { arm, failed })
    }
}

/// Which testbeds the host can run.
pub fn testbed_support(probe: &HostProbe, checks: &[Check]) -> Vec<TestbedSupport> {
    TestbedKind::ALL.map(|testbed| support(probe, checks, testbed)).into()
}

fn support(probe: &HostProbe, checks: &[Check], testbed: TestbedKind) -> TestbedSupport {
    let in_the_way = obstacles(checks, testbed);
    let reason = if in_the_way.is_empty() {
        match (testbed, &probe.kvm_defect) {
            (TestbedKind::Loopback, _) => "this machine against itself".into(),
            (_, None) => "on the processor itself (KVM)".into(),
            (_, Some(defect)) => format!("emulated (TCG): {defect}"),
        }
    } else {
        let detailed = in_the_way.len() <= DETAILED_MAX;
        let each = in_the_way.iter().map(|check| match detailed {
            true => format!("{}: {}", check.subject, check.found),
            false => check.subject.into(),
        });
        each.collect::<Vec<_>>().join("; ")
    };
    TestbedSupport {
        testbed,
        usable: in_the_way.is_empty(),
        reason,
        obstacles: in_the_way.iter().map(|check| check.subject).collect(),
    }
}
