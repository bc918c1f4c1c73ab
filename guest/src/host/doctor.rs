//! Pure: what a probe of a host means: which testbeds it supports, and what to type if it lacks
//! one.

use super::check::{Check, CheckScope, CheckStatus, TestbedKind};
use super::probe::HostProbe;
use super::{machine_checks, qemu_checks, sev_checks};
use crate::qemu::MachineSettings;
use serde::Serialize;
use thiserror::Error;

/// Up to this many obstacles are shown in full; more are only named.
const DETAILED_MAX: usize = 2;

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

/// All checks. Checks that would fail only because an earlier one failed are left out: if the
/// processor offers no SEV, there is no check of the kernel's SEV setting.
pub fn examine(probe: &HostProbe) -> Vec<Check> {
    [machine_checks::checks(probe), qemu_checks::checks(probe), sev_checks::checks(probe)].concat()
}

/// The checks of what a machine with these settings needs from the host itself. Its image and its
/// memory are checked when it is prepared.
pub(crate) fn examine_host(settings: &MachineSettings) -> Vec<Check> {
    let mut checks = examine(&HostProbe::gather_for(settings));
    checks.retain(|check| check.scope == CheckScope::Host);
    checks
}

/// The failed checks that a testbed needs.
pub(crate) fn obstacles(checks: &[Check], testbed: TestbedKind) -> Vec<&Check> {
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
    /// The obstacles to a machine of this arm; `None` if it can run.
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
