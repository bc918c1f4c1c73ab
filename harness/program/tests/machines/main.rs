//! Tests with real guests under QEMU, emulated if KVM is unusable: a user's run, and what can go
//! wrong.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod refusals;
mod runs;
mod troubles;

use sevbench_testing::{Lab, Skip, skip};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Settings of small guests.
const SETTINGS: &str = "[machine]\nmemory_mib = 512\n[machine.data_disks]\nsize_mib = 16\n";

/// The folder of the guest's image, or why there is none.
static IMAGE: OnceLock<Result<PathBuf, String>> = OnceLock::new();

/// Only one test at a time has guests on this host.
static HOST: Mutex<()> = Mutex::new(());

/// The host for one test, and a folder with its settings.
pub(crate) struct Host {
    pub(crate) lab: Lab,
    pub(crate) config: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Host {
    /// Takes the host once the guest image exists. `None` if QEMU or a tool to build images is
    /// missing.
    pub(crate) fn take() -> Option<Self> {
        let turn = HOST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(reason) = IMAGE.get_or_init(build_image) {
            skip(Skip(reason.clone()));
            return None;
        }
        let lab = Lab::new();
        let config = lab.home.path().join("sevbench.toml");
        fs::write(&config, SETTINGS).unwrap();
        Some(Self { lab, config, _turn: turn })
    }

    /// Adds lines to the machine settings.
    pub(crate) fn set(&self, lines: &str) {
        fs::write(&self.config, SETTINGS.replace("[machine]\n", &format!("[machine]\n{lines}\n")))
            .unwrap();
    }

    /// Adds a table to the settings.
    pub(crate) fn append(&self, lines: &str) {
        fs::write(&self.config, format!("{SETTINGS}{lines}")).unwrap();
    }

    /// A run on the testbed `qemu`.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.lab.command(&["--testbed", "qemu", "--config"]);
        command.arg(&self.config).args(arguments);
        command
    }

    /// The QEMU processes of this test's runs.
    pub(crate) fn machines(&self) -> Vec<u32> {
        ["sevbench-nosev", "sevbench-bounce"]
            .iter()
            .flat_map(|name| self.lab.processes(name))
            .collect()
    }

    #[track_caller]
    pub(crate) fn assert_nothing_runs(&self) {
        sevbench_testing::eventually("every QEMU has ended", || self.machines().is_empty());
        self.lab.assert_nothing_runs();
    }
}

/// Whether a program is installed.
pub(crate) fn has(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// The folder of the guest image, after the host was taken.
pub(crate) fn built_image() -> PathBuf {
    IMAGE.get().unwrap().clone().unwrap()
}

fn build_image() -> Result<PathBuf, String> {
    for program in ["qemu-system-x86_64", "mmdebstrap"] {
        if !has(program) {
            return Err(format!("{program} is not installed"));
        }
    }
    if !Path::new("/usr/share/ovmf/OVMF.fd").exists() {
        return Err("the package ovmf is not installed".into());
    }
    let mut build = Command::new(env!("CARGO_BIN_EXE_cargo-sevbench"));
    build.args(["guest", "build", "--quiet"]).stdin(Stdio::null());
    let built = build.output().unwrap();
    match built.status.success() {
        true => {
            let said = String::from_utf8_lossy(&built.stdout).into_owned();
            let root = said.trim_start_matches("image: ").rsplit_once(" (").unwrap().0;
            Ok(Path::new(root).parent().unwrap().to_owned())
        }
        false => Err(String::from_utf8_lossy(&built.stderr).into_owned()),
    }
}
