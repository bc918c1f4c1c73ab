//! Testbeds that the user defines, beside those that come with sevbench. The sections arrive
//! parsed: this module reads no file.

use super::{ArmTarget, BUILT_IN, CONTROL, Testbed, TestbedArm, built_in};
use crate::address::Address;
use crate::qemu::MachineSettings;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// All testbeds that a user can name, and the settings of their machines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Testbeds {
    machine: MachineSettings,
    custom: BTreeMap<String, TestbedSection>,
    folder: PathBuf,
}

/// The section `[testbeds.NAME]` of a configuration.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestbedSection {
    /// The control's address; by default a QEMU machine without protection.
    #[serde(default = "default_control")]
    control: String,
    /// Names of treatment arms and their addresses.
    treatments: BTreeMap<String, String>,
    /// How its machines are made; by default as those of all testbeds.
    machine: Option<MachineSettings>,
}

/// A testbed that does not exist, or cannot be defined.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TestbedError {
    /// There is no testbed of this name.
    #[error(
        "there is no testbed `{name}`: use one of {known}, or --control URL --treatment NAME=URL"
    )]
    Unknown {
        /// The name.
        name: String,
        /// All testbeds.
        known: String,
    },
    /// The name belongs to a testbed that comes with sevbench.
    #[error("the testbed `{0}` comes with sevbench: give yours another name")]
    NameTaken(String),
    /// A testbed has only a control.
    #[error("the testbed `{0}` has no treatments: add treatments = {{ bounce = \"qemu:bounce\" }}")]
    NoTreatments(String),
}

fn default_control() -> String {
    "qemu:nosev".into()
}

impl Testbeds {
    /// The testbeds of sevbench and these of the user. `machine` sets the machines of all testbeds
    /// that have no settings of their own.
    ///
    /// # Errors
    /// If a testbed has a name that is taken, or no treatments.
    pub fn new(
        machine: MachineSettings,
        custom: BTreeMap<String, TestbedSection>,
    ) -> Result<Self, TestbedError> {
        for (name, testbed) in &custom {
            if BUILT_IN.contains(&name.as_str()) {
                return Err(TestbedError::NameTaken(name.clone()));
            }
            if testbed.treatments.is_empty() {
                return Err(TestbedError::NoTreatments(name.clone()));
            }
        }
        Ok(Self { machine, custom, folder: PathBuf::new() })
    }

    /// Makes relative paths count from `folder`, which is that of the file with these sections.
    pub fn resolve_paths(&mut self, folder: &Path) {
        let of_testbeds = self.custom.values_mut().filter_map(|section| section.machine.as_mut());
        for settings in std::iter::once(&mut self.machine).chain(of_testbeds) {
            settings.resolve_paths(folder);
        }
        self.folder = folder.into();
    }

    /// The settings of machines that belong to no testbed.
    pub const fn machine(&self) -> &MachineSettings {
        &self.machine
    }

    /// The testbed of this name.
    ///
    /// # Errors
    /// If there is none; the error lists all testbeds.
    pub fn testbed(&self, name: &str) -> Result<Testbed, TestbedError> {
        if let Some(testbed) = built_in(name, &self.machine) {
            return Ok(testbed);
        }
        let Some(section) = self.custom.get(name) else {
            let custom = self.custom.keys().map(String::as_str);
            let known = BUILT_IN.into_iter().chain(custom).collect::<Vec<_>>().join(", ");
            return Err(TestbedError::Unknown { name: name.into(), known });
        };
        let settings = section.machine.as_ref().unwrap_or(&self.machine);
        let arm = |name: &str, place: &str| arm(name, place, settings, &self.folder);
        let control = arm(CONTROL, &section.control);
        let treatments = section.treatments.iter().map(|(name, place)| arm(name, place));
        Ok(Testbed {
            machine: settings.clone(),
            folder: self.folder.clone(),
            name: name.into(),
            arms: std::iter::once(control).chain(treatments).collect(),
        })
    }
}

/// A QEMU machine takes the testbed's settings; options in its address override them. An address
/// with options that this package does not know, or that is not valid, is kept as text.
fn arm(name: &str, address: &str, settings: &MachineSettings, folder: &Path) -> TestbedArm {
    let target = match Address::parse_with(address, settings) {
        Ok((Address::Qemu(mut machine), unknown)) if unknown.is_empty() => {
            machine.settings.resolve_paths(folder);
            ArmTarget::Machine(machine)
        }
        _ => ArmTarget::Address(address.into()),
    };
    TestbedArm { name: name.into(), target }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use crate::treatment::Treatment;

    fn testbeds(text: &str) -> Result<Testbeds, TestbedError> {
        Testbeds::new(MachineSettings::default(), toml::from_str(text).unwrap())
    }

    #[test]
    fn custom_testbed_has_the_control_and_its_treatments() {
        let text = "[lab]\ntreatments = { bounce = \"qemu:bounce\", other = \"ssh://root@host\" }";
        let lab = testbeds(text).unwrap().testbed("lab").unwrap();
        let names: Vec<&str> = lab.arms.iter().map(|arm| arm.name.as_str()).collect();
        assert_eq!(names, ["nosev", "bounce", "other"]);
        let ArmTarget::Machine(bounce) = &lab.arms[1].target else { panic!("no machine") };
        assert_eq!(bounce.treatment, Treatment::Bounce);
        assert!(
            matches!(&lab.arms[2].target, ArmTarget::Address(text) if text == "ssh://root@host")
        );
    }

    #[test]
    fn machine_with_options_is_a_machine() {
        let text =
            "[lab]\ntreatments = { a = \"qemu:bounce?vcpus=1\", b = \"qemu:bounce?spin=2\" }";
        let lab = testbeds(text).unwrap().testbed("lab").unwrap();
        let ArmTarget::Machine(one) = &lab.arms[1].target else { panic!("no machine") };
        assert_eq!((one.treatment, one.settings.vcpus), (Treatment::Bounce, 1));
        assert!(matches!(&lab.arms[2].target, ArmTarget::Address(_)));
    }

    #[test]
    fn taken_names_and_missing_treatments_are_refused() {
        let taken = testbeds("[qemu]\ntreatments = { a = \"b\" }").unwrap_err().to_string();
        assert!(taken.contains("another name"), "{taken}");
        let empty = testbeds("[a]\ntreatments = { }").unwrap_err().to_string();
        assert!(empty.contains("no treatments"), "{empty}");
    }

    #[test]
    fn unknown_testbed_lists_all_testbeds() {
        let lab = testbeds("[lab]\ntreatments = { a = \"loopback\" }").unwrap();
        let error = lab.testbed("moon").unwrap_err().to_string();
        assert!(error.contains("loopback, qemu, sev") && error.contains("lab"), "{error}");
    }
}
