//! Asks the installed QEMU for its version and features, by running it with `help` as an argument.

use crate::escape;
use crate::qemu::QEMU;
use sevbench_process::{Capture, Program, ProgramError};
use std::collections::BTreeSet;
use std::process::{Command, ExitStatus};
use std::time::Duration;
use thiserror::Error;

/// How long QEMU may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// The longest answer, the most names in one, and the longest name.
const ANSWER_LEN_MAX: usize = 256 << 10;
const NAMES_MAX: usize = 4096;
const NAME_LEN_MAX: usize = 64;

/// The installed QEMU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Qemu {
    /// It is not installed.
    #[default]
    Missing,
    /// It does not answer, for this reason.
    Broken(String),
    /// It works.
    Usable(QemuCapabilities),
}

/// The version and features of a QEMU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct QemuCapabilities {
    /// Major, minor and micro version.
    pub(super) version: (u32, u32, u32),
    /// The version line, with the builder's name for it.
    pub(super) line: String,
    /// Types of objects.
    pub(super) objects: BTreeSet<String>,
    /// Types of devices.
    pub(super) devices: BTreeSet<String>,
    /// CPU models.
    pub(super) cpus: BTreeSet<String>,
}

/// A question that QEMU did not answer.
#[derive(Debug, Error)]
enum AskError {
    #[error("it ended with {0}")]
    Failed(ExitStatus),
    #[error("its version is not in `{0}`")]
    NoVersion(String),
    #[error(transparent)]
    Program(#[from] ProgramError),
}

impl Qemu {
    /// Asks the QEMU that runs guests.
    pub(super) fn probe() -> Self {
        Self::probe_program(QEMU)
    }

    fn probe_program(program: &str) -> Self {
        let ask_all = || {
            let line = ask(program, &["--version"], ANSWER_LIMIT)?;
            let Some(version) = parse_version(&line) else {
                let line = escape::for_terminal(line.lines().next().unwrap_or_default());
                return Err(AskError::NoVersion(line));
            };
            Ok(QemuCapabilities {
                version,
                line: escape::for_terminal(line.lines().next().unwrap_or_default()),
                objects: parse_objects(&ask(program, &["-object", "help"], ANSWER_LIMIT)?),
                devices: parse_devices(&ask(program, &["-device", "help"], ANSWER_LIMIT)?),
                cpus: parse_cpus(&ask(program, &["-cpu", "help"], ANSWER_LIMIT)?),
            })
        };
        match ask_all() {
            Ok(capabilities) => Self::Usable(capabilities),
            Err(AskError::Program(ProgramError::Missing { .. })) => Self::Missing,
            Err(error) => Self::Broken(error.to_string()),
        }
    }
}

/// What a program prints, up to [`ANSWER_LEN_MAX`] bytes.
fn ask(program: &str, arguments: &[&str], limit: Duration) -> Result<String, AskError> {
    let mut command = Command::new(program);
    let program = Program::new(command.args(arguments), limit)
        .stdout(Capture::Start(ANSWER_LEN_MAX))
        .stderr(Capture::Discard);
    let output = program.run()?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(AskError::Failed(output.status)),
    }
}

/// The line starts with `QEMU emulator version 10.0.2 (Debian …)`.
fn parse_version(text: &str) -> Option<(u32, u32, u32)> {
    let (_, rest) = text.lines().next()?.split_once("version ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut numbers = digits.split('.').map(|number| number.parse::<u32>().ok());
    let (major, minor) = (numbers.next()??, numbers.next()??);
    Some((major, minor, numbers.next().flatten().unwrap_or(0)))
}

/// Every line but the header is indented and names one object.
fn parse_objects(text: &str) -> BTreeSet<String> {
    names(text.lines().filter(|line| line.starts_with(' ')).filter_map(first_word))
}

/// A line reads `name "nvme", bus PCI, desc "Non-Volatile Memory Express"`.
fn parse_devices(text: &str) -> BTreeSet<String> {
    names(text.lines().filter_map(|line| line.strip_prefix("name \"")?.split('"').next()))
}

/// A line reads `  EPYC-v4               AMD EPYC-v4 Processor`, or in older versions `x86 EPYC-v4
/// …`.
fn parse_cpus(text: &str) -> BTreeSet<String> {
    let named = |line| first_word(str::strip_prefix(line, "x86 ").unwrap_or(line));
    names(text.lines().filter(|line| line.starts_with([' ', 'x'])).filter_map(named))
}

fn first_word(line: &str) -> Option<&str> {
    line.split_whitespace().next()
}

fn names<'a>(found: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    found.filter(|name| name.len() <= NAME_LEN_MAX).take(NAMES_MAX).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_of_distributions_and_forks_are_parsed() {
        for (line, version) in [
            ("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)", (10, 0, 2)),
            ("QEMU emulator version 8.0.0 (v8.0.0-1482-ga248931)", (8, 0, 0)),
            ("QEMU emulator version 7.2.17 (Debian 1:7.2+dfsg-7+deb12u15)\nCopyright", (7, 2, 17)),
            ("QEMU emulator version 9.1", (9, 1, 0)),
        ] {
            assert_eq!(parse_version(line), Some(version), "{line}");
        }
        for line in ["", "QEMU emulator", "QEMU emulator version ten", "version 4294967296.1"] {
            assert_eq!(parse_version(line), None, "{line}");
        }
    }

    #[test]
    fn names_are_parsed_from_help_lists() {
        let objects = parse_objects("List of user creatable objects:\n  sev-guest\n  secret\n");
        assert_eq!(objects.into_iter().collect::<Vec<_>>(), ["secret", "sev-guest"]);
        let devices = parse_devices(
            "Storage devices:\nname \"nvme\", bus PCI, desc \"x\"\n\nname \"virtio-blk-pci\", bus PCI, alias \"virtio-blk\"\n",
        );
        assert_eq!(devices.into_iter().collect::<Vec<_>>(), ["nvme", "virtio-blk-pci"]);
        let new = "Available CPUs:\n  EPYC-v4               AMD EPYC-v4 Processor\n\nRecognized CPUID flags:\n";
        let old = "Available CPUs:\nx86 EPYC-v4               AMD EPYC-v4 Processor\n";
        for text in [new, old] {
            assert_eq!(parse_cpus(text).into_iter().collect::<Vec<_>>(), ["EPYC-v4"]);
        }
    }

    #[test]
    fn hanging_missing_and_broken_programs_are_told_apart() {
        for script in ["sleep 60", "exec >&-; sleep 60", "while :; do echo more; sleep 0.01; done"]
        {
            let error = ask("sh", &["-c", script], Duration::from_millis(100)).unwrap_err();
            let timed_out = matches!(error, AskError::Program(ProgramError::TooLong { .. }));
            assert!(timed_out, "{script}: {error}");
        }
        assert_eq!(Qemu::probe_program("/nowhere/qemu"), Qemu::Missing);
        assert!(
            matches!(Qemu::probe_program("false"), Qemu::Broken(reason) if reason.contains("1"))
        );
        assert!(matches!(Qemu::probe_program("echo"), Qemu::Broken(_)));
    }

    #[test]
    fn endless_answer_is_truncated() {
        let script = "yes 2>/dev/null | head -c 1000000; true";
        let answer = ask("sh", &["-c", script], Duration::from_secs(60)).unwrap();
        assert!((ANSWER_LEN_MAX..ANSWER_LEN_MAX + 4096).contains(&answer.len()));
    }

    proptest! {
        #[test]
        fn any_answer_is_parsed_without_a_panic(text in "(QEMU|version |[0-9.]|name \"|\n|x86 | |.){0,40}") {
            let _ = parse_version(&text);
            for set in [parse_objects(&text), parse_devices(&text), parse_cpus(&text)] {
                prop_assert!(set.iter().all(|name| name.len() <= NAME_LEN_MAX));
            }
        }

        #[test]
        fn every_version_is_parsed(major: u32, minor: u32, micro: u32) {
            let line = format!("QEMU emulator version {major}.{minor}.{micro} (any)");
            prop_assert_eq!(parse_version(&line), Some((major, minor, micro)));
        }
    }
}
