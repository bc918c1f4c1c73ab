//! Testbeds: named sets of arms, built-in or the user's own. Knows nothing about what is measured.

mod custom;

pub use custom::{TestbedError, TestbedSection, Testbeds};

use crate::host::{TestbedKind, examine_host, obstacles};
use crate::qemu::{MachineSettings, QemuMachine};
use crate::treatment::Treatment;
use std::path::PathBuf;

/// The name of every testbed's control arm.
pub const CONTROL: &str = "nosev";
/// The testbed of a run that does not name one.
pub const DEFAULT_TESTBED: &str = "loopback";

/// A named set of arms.
#[derive(Clone, Debug, PartialEq)]
pub struct Testbed {
    /// Its name.
    pub name: String,
    /// The control first.
    pub arms: Vec<TestbedArm>,
    /// The settings of its machines, unless an address sets others.
    pub machine: MachineSettings,
    /// Where relative paths in its addresses count from.
    pub folder: PathBuf,
}

/// One arm of a testbed, before it is used.
#[derive(Clone, Debug, PartialEq)]
pub struct TestbedArm {
    /// Its name.
    pub name: String,
    /// Where it runs.
    pub target: ArmTarget,
}

/// Where an arm of a testbed runs.
#[derive(Clone, Debug, PartialEq)]
pub enum ArmTarget {
    /// In a machine that QEMU runs.
    Machine(Box<QemuMachine>),
    /// At an address that is not parsed yet: it may have options that this package does not know.
    Address(String),
}

impl TestbedArm {
    fn machine(treatment: Treatment, settings: &MachineSettings) -> Self {
        let machine = QemuMachine::new(treatment, settings.clone());
        Self { name: treatment.name().into(), target: ArmTarget::Machine(Box::new(machine)) }
    }

    fn loopback(name: &str) -> Self {
        Self { name: name.into(), target: ArmTarget::Address("loopback".into()) }
    }
}

/// The names of the built-in testbeds.
pub(crate) const BUILT_IN: [&str; 6] = ["loopback", "qemu", "sev", "sev-es", "snp", "ladder"];

/// A built-in testbed with these settings for its machines.
pub(crate) fn built_in(name: &str, settings: &MachineSettings) -> Option<Testbed> {
    let against = |treatments: &[Treatment]| {
        let treatments =
            treatments.iter().map(|treatment| TestbedArm::machine(*treatment, settings));
        std::iter::once(TestbedArm::machine(Treatment::Nosev, settings)).chain(treatments).collect()
    };
    let arms = match name {
        "loopback" => vec![TestbedArm::loopback(CONTROL), TestbedArm::loopback("aa")],
        "qemu" => against(&[Treatment::Bounce]),
        "sev" => against(&[Treatment::Sev]),
        "sev-es" => against(&[Treatment::SevEs]),
        "snp" => against(&[Treatment::Snp]),
        "ladder" => against(&rungs(settings)),
        _ => return None,
    };
    let (name, machine, folder) = (name.into(), settings.clone(), PathBuf::new());
    Some(Testbed { name, arms, machine, folder })
}

/// All treatments that this host can run, without the control. Each adds to the one before.
fn rungs(settings: &MachineSettings) -> Vec<Treatment> {
    let checks = examine_host(settings);
    let able = |treatment: &Treatment| match treatment.protection() {
        None => *treatment != Treatment::Nosev,
        Some(_) => obstacles(&checks, TestbedKind::of(*treatment)).is_empty(),
    };
    Treatment::ALL.into_iter().filter(able).collect()
}
