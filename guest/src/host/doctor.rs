//! Pure: what a probe of a host means. Which testbeds are usable there, and what to type where one is not.

use super::HostProbe;
use super::{machine_checks, qemu_checks, sev_checks};
use crate::treatment::Treatment;
use serde::Serialize;
use thiserror::Error;

/// As many obstacles are told with what was found; more are only named.
const DETAILED_MAX: usize = 2;

/// A testbed, as far as it asks something of the host.
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
    /// All, in the order in which each asks for more.
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

    /// The testbed that a treatment belongs to.
    pub const fn of(treatment: Treatment) -> Self {
        match treatment {
            Treatment::Nosev | Treatment::Bounce => Self::Qemu,
            Treatment::Sev => Self::Sev,
            Treatment::SevEs => Self::SevEs,
            Treatment::Snp => Self::Snp,
        }
    }

    /// The testbed of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|testbed| testbed.name() == name)
    }
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    /// As it should be.
    Fine,
    /// Nothing is in the way, and something is worth knowing.
    Note,
    /// In the way of the testbeds that need it.
    Failed,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub subject: &'static str,
    /// How it came out.
    #[serde(rename = "state")]
    pub status: CheckStatus,
    /// What was found.
    pub found: String,
    /// What to do about it, in a line that says what to type; every failed check has one.
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

    /// Something that no testbed needs.
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

/// Whether a testbed can be used here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TestbedSupport {
    /// The testbed.
    #[serde(rename = "name")]
    pub testbed: TestbedKind,
    /// Whether nothing is in its way.
    pub usable: bool,
    /// How it would run, or what is in its way.
    pub reason: String,
    /// The subjects of the checks that are in its way.
    pub obstacles: Vec<&'static str>,
}

/// Everything that was looked at. What can only repeat that a cause is missing is left out: where the processor offers
/// no SEV, nothing is said of the kernel's setting of it.
pub fn examine(probe: &HostProbe) -> Vec<Check> {
    [machine_checks::checks(probe), qemu_checks::checks(probe), sev_checks::checks(probe)].concat()
}

/// The checks that are in the way of a testbed.
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

/// What the checks mean for each testbed.
pub fn testbed_support(probe: &HostProbe, checks: &[Check]) -> Vec<TestbedSupport> {
    TestbedKind::ALL.map(|testbed| support(probe, checks, testbed)).into()
}

fn support(probe: &HostProbe, checks: &[Check], testbed: TestbedKind) -> TestbedSupport {
    let in_the_way = obstacles(checks, testbed);
    let reason = if in_the_way.is_empty() {
        match (testbed, &probe.kvm_defect) {
            (TestbedKind::Loopback, _) => "this machine against itself".into(),
            (_, None) => "by the processor itself (KVM)".into(),
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
