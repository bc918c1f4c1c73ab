//! `sevbench.toml`: where it is found, and its sections. Each package defines its own section;
//! only `[[margin]]` is the runner's.

use crate::stderr::tell;
use serde::Deserialize;
use sevbench_guest::{
    Distrust, GuardedText, MachineSettings, Testbed, TestbedError, TestbedSection, Testbeds,
    typed_folder,
};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The file that is read if no other is named.
const FILE: &str = "sevbench.toml";
/// What the root of a project holds: that of its repository, or else of its cargo workspace.
const ROOT_MARKS: [&str; 2] = [".git", "Cargo.lock"];

/// What the user has set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    testbeds: Testbeds,
    margins: Vec<MarginEntry>,
}

/// `[[margin]]`: a percentage for the benches whose ids match.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarginEntry {
    /// A regular expression that matches whole ids.
    pub benches: String,
    /// The percentage.
    pub percent: f64,
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
    /// The file is not valid; the reason names the line.
    #[error("{} is not valid: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// Others can change what the file says about machines.
    #[error(transparent)]
    Distrust(#[from] Distrust),
}

/// The sections of the file.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sections {
    machine: MachineSettings,
    testbeds: BTreeMap<String, TestbedSection>,
    margin: Vec<MarginEntry>,
}

impl Config {
    /// Reads the named file, or `sevbench.toml` in the working folder or a folder above it, up to
    /// the root of the project. Without a file nothing is set. Relative paths in the file count
    /// from its folder.
    ///
    /// # Errors
    /// If the file cannot be read, is no regular file, is not valid, or defines machines although
    /// others can write to it.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let found = path.map(|path| typed_folder().join(path)).or_else(find);
        let Some(path) = found else { return Ok(Self::default()) };
        let GuardedText { text, distrust } = GuardedText::read(&path)
            .map_err(|source| ConfigError::Read { path: path.clone(), source })?;
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        let mut config =
            Self::parse(&text).map_err(|reason| ConfigError::Invalid { path, reason })?;
        match distrust {
            Some(distrust) if config.testbeds != Testbeds::default() => {
                return Err(distrust.into());
            }
            Some(distrust) => tell(&format!(
                "warning: only the margins of the configuration are used: {distrust}"
            )),
            None => {}
        }
        config.testbeds.resolve_paths(&folder);
        Ok(config)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Sections { machine, testbeds, margin } =
            toml::from_str(text).map_err(|error| error.to_string())?;
        let testbeds = Testbeds::new(machine, testbeds).map_err(|error| error.to_string())?;
        Ok(Self { testbeds, margins: margin })
    }

    /// The settings of machines that belong to no testbed.
    pub const fn machine(&self) -> &MachineSettings {
        self.testbeds.machine()
    }

    /// The testbed of this name.
    ///
    /// # Errors
    /// If there is none; the error lists all testbeds.
    pub fn testbed(&self, name: &str) -> Result<Testbed, TestbedError> {
        self.testbeds.testbed(name)
    }

    /// The entries `[[margin]]`, in their order.
    pub fn margins(&self) -> &[MarginEntry] {
        &self.margins
    }
}

/// The nearest file, from the working folder up to the root of the project. Above the project,
/// anybody's file could lie.
fn find() -> Option<PathBuf> {
    let folder = std::env::current_dir().ok()?;
    find_from(&folder)
}

fn find_from(folder: &Path) -> Option<PathBuf> {
    let with = |mark: &&str| folder.ancestors().find(|folder| folder.join(mark).exists());
    let root = ROOT_MARKS.iter().find_map(with).unwrap_or(folder);
    let inside = folder.ancestors().take_while(|folder| folder.starts_with(root));
    inside.map(|folder| folder.join(FILE)).find(|path| path.symlink_metadata().is_ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use sevbench_guest::{ArmTarget, Backing, CacheMode, QemuMachine, WantedAccelerator};

    const WHOLE: &str = r#"
[machine]
vcpus = 2
memory_mib = 512

[[margin]]
benches = "memory/.*"
percent = 2.5

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
        let ArmTarget::Machine(machine) = &testbed.arms[arm].target else { panic!("no machine") };
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
        assert!(
            matches!(&lab.arms[2].target, ArmTarget::Address(text) if text == "ssh://root@host")
        );
        assert_eq!(config.margins()[0].percent, 2.5);
    }

    #[test]
    fn relative_paths_count_from_the_folder_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let more = "[machine.image]\nkey = \"key\"\n\
                    [testbeds.other]\n\
                    treatments = { a = \"qemu:bounce?firmware=fw\", b = \"ssh://h?key=k\" }\n";
        std::fs::write(&path, format!("{WHOLE}{more}")).unwrap();
        let config = Config::load(Some(&path)).unwrap();
        let lab = &config.testbed("lab").unwrap().machine;
        assert_eq!(lab.image.disk, Some(folder.path().join("debian.qcow2")));
        assert_eq!(lab.firmware.as_deref(), Some(Path::new("/fw/OVMF.fd")));
        let other = config.testbed("other").unwrap();
        assert_eq!(other.machine.image.key, Some(folder.path().join("key")));
        assert_eq!(machine(&other, 1).settings.firmware, Some(folder.path().join("fw")));
        assert_eq!(other.folder, folder.path());
    }

    #[test]
    fn file_is_looked_for_up_to_the_root_of_the_project() {
        let above = tempfile::tempdir().unwrap();
        let project = above.path().join("project");
        let package = project.join("package/benches");
        std::fs::create_dir_all(&package).unwrap();
        std::fs::write(above.path().join(FILE), "").unwrap();
        assert_eq!(find_from(&package), None, "without a root, only the folder itself");
        std::fs::write(project.join("package/Cargo.lock"), "").unwrap();
        std::fs::write(project.join(FILE), "").unwrap();
        assert_eq!(find_from(&package), None, "above the workspace");
        std::fs::create_dir(project.join(".git")).unwrap();
        assert_eq!(find_from(&package), Some(project.join(FILE)));
        std::fs::remove_file(project.join(FILE)).unwrap();
        assert_eq!(find_from(&package), None, "above the repository");
    }

    #[test]
    fn file_that_others_can_write_defines_no_machines() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let load = |text: &str| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
            Config::load(Some(&path))
        };
        let error = load(WHOLE).unwrap_err().to_string();
        assert!(error.contains("type `chmod go-w "), "{error}");
        let margins = "[[margin]]\nbenches = \".*\"\npercent = 2.5\n";
        assert_eq!(load(margins).unwrap().margins().len(), 1);
    }

    #[test]
    fn errors_name_the_line() {
        for (text, line, word) in [
            ("[machine]\nvcpu = 1\n", "line 2", "vcpu"),
            ("[machine]\nvcpus = 0\n", "line 2", "from 1 to 1024"),
            ("[machine]\nmemory_mib = \"1G\"\n", "line 2", "memory_mib"),
            ("[machine]\n\naccelerator = \"xen\"\n", "line 3", "xen"),
            ("[machine]\nmachine = \"q35,x=y\"\n", "line 2", "q35,x=y"),
            ("[machine.data_disks]\ncache = \"some\"\n", "line 2", "some"),
            ("[testbeds.a]\ntreatment = { }\n", "line 2", "treatment"),
            ("[[margin]]\nbench = \"x\"\n", "line 2", "bench"),
        ] {
            let error = Config::parse(text).unwrap_err();
            assert!(error.contains(line) && error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn testbeds_that_cannot_be_defined_are_refused() {
        let taken = Config::parse("[testbeds.qemu]\ntreatments = { a = \"b\" }").unwrap_err();
        assert!(taken.contains("another name"), "{taken}");
        let empty = Config::parse("[testbeds.a]\ntreatments = { }").unwrap_err();
        assert!(empty.contains("no treatments"), "{empty}");
    }

    #[test]
    fn unknown_testbed_lists_all_testbeds() {
        let error = Config::parse(WHOLE).unwrap().testbed("moon").unwrap_err().to_string();
        assert!(error.contains("loopback, qemu, sev") && error.contains("lab"), "{error}");
    }
}
