//! `sevbench.toml`: the user's settings of machines, and testbeds of their own.

use super::{BUILT_IN, CONTROL, Place, Testbed, TestbedArm, built_in};
use crate::qemu::{MachineSettings, QemuMachine};
use crate::treatment::Treatment;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The file that is read where no other is named and it is there.
const FILE: &str = "sevbench.toml";

/// What the user has set.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The machines of all testbeds that have no settings of their own.
    machine: MachineSettings,
    /// Testbeds of the user's own.
    testbeds: BTreeMap<String, OwnTestbed>,
    /// What is set for those who judge results; nothing here looks at it.
    margin: Vec<MarginEntry>,
}

/// `[[margin]]`: a percentage for the benches whose ids match.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarginEntry {
    /// A regular expression over whole ids.
    pub benches: String,
    /// The percentage.
    pub percent: f64,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnTestbed {
    /// The control's address; an own machine without protection where nothing is said.
    #[serde(default = "default_control")]
    control: String,
    /// Names of treatment arms and their addresses.
    treatments: BTreeMap<String, String>,
    /// How its machines are made.
    machine: Option<MachineSettings>,
}

/// A configuration that cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is wrong; the text names the line.
    #[error("{} is wrong: {reason}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// No such testbed.
    #[error(
        "there is no testbed `{name}`: use one of {known}, or --control URL --treatment NAME=URL"
    )]
    NoTestbed {
        /// What was asked for.
        name: String,
        /// Those there are.
        known: String,
    },
}

fn default_control() -> String {
    "qemu:nosev".into()
}

impl Config {
    /// Reads the file that is named, or `sevbench.toml` in the working folder or above it; nothing is set where there is
    /// none.
    ///
    /// # Errors
    /// If the file cannot be read, or something in it is wrong.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let found = path.map(Path::to_owned).or_else(find);
        let Some(path) = found else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(&path)
            .map_err(|source| ConfigError::Read { path: path.clone(), source })?;
        Self::parse(&text).map_err(|reason| ConfigError::Wrong { path, reason })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        for (name, testbed) in &config.testbeds {
            if BUILT_IN.contains(&name.as_str()) {
                return Err(format!(
                    "the testbed `{name}` comes with sevbench: give yours another name"
                ));
            }
            if testbed.treatments.is_empty() {
                return Err(format!(
                    "the testbed `{name}` has no treatments: add treatments = {{ bounce = \"qemu:bounce\" }}"
                ));
            }
        }
        Ok(config)
    }

    /// The settings of machines that belong to no testbed.
    pub const fn machine(&self) -> &MachineSettings {
        &self.machine
    }

    /// The entries `[[margin]]`, in their order.
    pub fn margins(&self) -> &[MarginEntry] {
        &self.margin
    }

    /// The testbed of this name.
    ///
    /// # Errors
    /// If there is none; the error lists those there are.
    pub fn testbed(&self, name: &str) -> Result<Testbed, ConfigError> {
        if let Some(testbed) = built_in(name, &self.machine) {
            return Ok(testbed);
        }
        let Some(own) = self.testbeds.get(name) else {
            let own = self.testbeds.keys().map(String::as_str);
            let known = BUILT_IN.into_iter().chain(own).collect::<Vec<_>>().join(", ");
            return Err(ConfigError::NoTestbed { name: name.into(), known });
        };
        let settings = own.machine.as_ref().unwrap_or(&self.machine);
        let control = arm(CONTROL, &own.control, settings);
        let treatments = own.treatments.iter().map(|(name, place)| arm(name, place, settings));
        Ok(Testbed {
            machine: settings.clone(),
            name: name.into(),
            arms: std::iter::once(control).chain(treatments).collect(),
        })
    }
}

/// An address with options is taken as it is; a bare `qemu:TREATMENT` is a machine by the testbed's settings.
fn arm(name: &str, address: &str, settings: &MachineSettings) -> TestbedArm {
    let treatment = address.strip_prefix("qemu:").and_then(|text| text.parse::<Treatment>().ok());
    let place = match treatment {
        Some(treatment) => Place::Machine(Box::new(QemuMachine::new(treatment, settings.clone()))),
        None => Place::Address(address.into()),
    };
    TestbedArm { name: name.into(), place }
}

fn find() -> Option<PathBuf> {
    let folder = std::env::current_dir().ok()?;
    folder.ancestors().map(|folder| folder.join(FILE)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use crate::qemu::{Backing, CacheMode, WantedAccelerator};

    const WHOLE: &str = r#"
[machine]
vcpus = 2
memory_mib = 512

[testbeds.lab]
treatments = { bounce = "qemu:bounce", other = "ssh://root@host" }

[testbeds.lab.machine]
vcpus = 16
memory_mib = 16384
accelerator = "kvm"
machine = "pc-q35-10.0"
cpu_model = "EPYC-Milan"
firmware = "/fw/OVMF.fd"
kernel_command_line = "mitigations=off"
qemu_arguments = ["-device", "virtio-rng-pci"]
backing = "hugetlb"
vcpu_pins = [8, 9]
io_pins = [0]
numa_node = 1
kernel_hashes = true

[testbeds.lab.machine.data_disks]
size_mib = 1024
cache = "directsync"
aio = "io_uring"
nvme = "/dev/nvme1n1"
overwrite = true

[testbeds.lab.machine.image]
disk = "debian.qcow2"
user = "debian"
"#;

    fn machine(testbed: &Testbed, arm: usize) -> &QemuMachine {
        let Place::Machine(machine) = &testbed.arms[arm].place else { panic!("no machine") };
        machine
    }

    #[test]
    fn every_setting_reaches_the_machines_of_its_testbed() {
        let config = Config::parse(WHOLE).unwrap();
        let lab = config.testbed("lab").unwrap();
        let names: Vec<&str> = lab.arms.iter().map(|arm| arm.name.as_str()).collect();
        assert_eq!(names, ["nosev", "bounce", "other"]);
        let (control, bounce) = (machine(&lab, 0), machine(&lab, 1));
        assert_eq!(control.settings, bounce.settings, "arms differ in the treatment only");
        let settings = &control.settings;
        assert_eq!((settings.vcpus, settings.memory_mib), (16, 16384));
        assert_eq!(
            (settings.accelerator, settings.backing),
            (WantedAccelerator::Kvm, Backing::Hugetlb)
        );
        assert_eq!((settings.vcpu_pins.as_slice(), settings.numa_node), (&[8, 9][..], Some(1)));
        assert_eq!(settings.data_disks.cache, CacheMode::Directsync);
        assert_eq!(machine(&config.testbed("qemu").unwrap(), 1).settings.vcpus, 2);
        assert!(matches!(&lab.arms[2].place, Place::Address(text) if text == "ssh://root@host"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, line, word) in [
            ("[machine]\nvcpu = 1\n", "line 2", "vcpu"),
            ("[machine]\nvcpus = 0\n", "line 2", "from 1 to 1024"),
            ("[machine]\nmemory_mib = \"1G\"\n", "line 2", "memory_mib"),
            ("[machine]\n\naccelerator = \"xen\"\n", "line 3", "xen"),
            ("[machine]\nmachine = \"q35,x=y\"\n", "line 2", "q35,x=y"),
            ("[machine.data_disks]\ncache = \"some\"\n", "line 2", "some"),
            ("[testbeds.a]\ntreatment = { }\n", "line 2", "treatment"),
        ] {
            let error = Config::parse(text).unwrap_err();
            assert!(error.contains(line) && error.contains(word), "{text}: {error}");
        }
        assert!(
            Config::parse("[testbeds.qemu]\ntreatments = { a = \"b\" }")
                .unwrap_err()
                .contains("another name")
        );
        assert!(
            Config::parse("[testbeds.a]\ntreatments = { }").unwrap_err().contains("no treatments")
        );
    }

    #[test]
    fn an_unknown_testbed_lists_those_there_are() {
        let error = Config::parse(WHOLE).unwrap().testbed("moon").unwrap_err().to_string();
        assert!(error.contains("loopback, qemu, sev") && error.contains("lab"), "{error}");
    }
}
