//! Asks the installed QEMU which version it is and what it knows, by running it with `help` for an argument.

use crate::lifetime::end_with_us;
use crate::qemu::QEMU;
use crate::ssh::escape;
use crate::wait::Wait;
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;
use thiserror::Error;

/// How long QEMU has to say what it is.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// The pause between two looks at whether it has ended.
const LOOK_PAUSE: Duration = Duration::from_millis(5);
/// The longest answer, the most names in one, and the longest name.
const ANSWER_LEN_MAX: usize = 256 << 10;
const NAMES_MAX: usize = 4096;
const NAME_LEN_MAX: usize = 64;

/// What was found where QEMU should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Qemu {
    /// No such program.
    #[default]
    Missing,
    /// A program that does not say what it is, for this reason.
    Broken(String),
    /// A QEMU.
    Answers(QemuAnswers),
}

/// What a QEMU says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct QemuAnswers {
    /// Major, minor and micro version.
    pub(super) version: (u32, u32, u32),
    /// The line that says so, with its builder's name for it.
    pub(super) line: String,
    /// Kinds of objects that it makes.
    pub(super) objects: BTreeSet<String>,
    /// Kinds of devices that it makes.
    pub(super) devices: BTreeSet<String>,
    /// Models of CPUs.
    pub(super) cpus: BTreeSet<String>,
}

/// An answer that was not had.
#[derive(Debug, Error)]
enum AskError {
    #[error("there is no such program")]
    Missing,
    #[error("it did not answer within {} s", ANSWER_LIMIT.as_secs())]
    TimedOut,
    #[error("it ended with {0}")]
    Failed(std::process::ExitStatus),
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Qemu {
    /// Asks the QEMU that guests are started with.
    pub(super) fn probe() -> Self {
        Self::probe_program(QEMU)
    }

    fn probe_program(program: &str) -> Self {
        let answers = || {
            let line = ask(program, &["--version"], ANSWER_LIMIT)?;
            let Some(version) = parse_version(&line) else {
                let line = escape(line.lines().next().unwrap_or_default());
                return Err(io::Error::other(format!("its version is not in `{line}`")).into());
            };
            Ok(QemuAnswers {
                version,
                line: escape(line.lines().next().unwrap_or_default()),
                objects: parse_objects(&ask(program, &["-object", "help"], ANSWER_LIMIT)?),
                devices: parse_devices(&ask(program, &["-device", "help"], ANSWER_LIMIT)?),
                cpus: parse_cpus(&ask(program, &["-cpu", "help"], ANSWER_LIMIT)?),
            })
        };
        match answers() {
            Ok(answers) => Self::Answers(answers),
            Err(AskError::Missing) => Self::Missing,
            Err(error) => Self::Broken(error.to_string()),
        }
    }
}

/// A child that does not outlive its variable.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// What a program prints, if it ends well within the limit. It is killed where it does not.
fn ask(program: &str, arguments: &[&str], limit: Duration) -> Result<String, AskError> {
    let wait = Wait::uninterrupted(limit);
    let timed_out = |error: io::Error| match error.kind() {
        io::ErrorKind::TimedOut => AskError::TimedOut,
        io::ErrorKind::NotFound => AskError::Missing,
        _ => AskError::Io(error),
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    end_with_us(&mut command, libc::SIGKILL);
    let mut child = Killed(command.spawn().map_err(timed_out)?);
    let mut answer = Vec::new();
    if let Some(mut stdout) = child.0.stdout.take() {
        let mut piece = [0; 4096];
        while answer.len() < ANSWER_LEN_MAX {
            wait.until_ready(stdout.as_raw_fd(), libc::POLLIN).map_err(timed_out)?;
            match stdout.read(&mut piece)? {
                0 => break,
                len => answer.extend_from_slice(&piece[..len]),
            }
        }
    }
    loop {
        match child.0.try_wait()? {
            Some(status) if status.success() => break,
            Some(status) => return Err(AskError::Failed(status)),
            None => thread::sleep(wait.slice().map_err(timed_out)?.min(LOOK_PAUSE)),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A line begins `QEMU emulator version 10.0.2 (Debian …)`.
fn parse_version(text: &str) -> Option<(u32, u32, u32)> {
    let (_, rest) = text.lines().next()?.split_once("version ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut numbers = digits.split('.').map(|number| number.parse::<u32>().ok());
    let (major, minor) = (numbers.next()??, numbers.next()??);
    Some((major, minor, numbers.next().flatten().unwrap_or(0)))
}

/// Every line but the header is indented and names one.
fn parse_objects(text: &str) -> BTreeSet<String> {
    names(text.lines().filter(|line| line.starts_with(' ')).filter_map(first_word))
}

/// A line reads `name "nvme", bus PCI, desc "Non-Volatile Memory Express"`.
fn parse_devices(text: &str) -> BTreeSet<String> {
    names(text.lines().filter_map(|line| line.strip_prefix("name \"")?.split('"').next()))
}

/// A line reads `  EPYC-v4               AMD EPYC-v4 Processor`, or in older versions `x86 EPYC-v4  …`.
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
    fn versions_are_read_as_distributions_and_forks_write_them() {
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
    fn names_are_read_from_the_lists_of_help() {
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
    fn a_program_that_hangs_is_ended_and_one_that_is_missing_is_told_apart() {
        for script in ["sleep 60", "exec >&-; sleep 60", "while :; do echo more; sleep 0.01; done"]
        {
            let error = ask("sh", &["-c", script], Duration::from_millis(100)).unwrap_err();
            assert!(matches!(error, AskError::TimedOut), "{script}: {error}");
        }
        assert_eq!(Qemu::probe_program("/nowhere/qemu"), Qemu::Missing);
        assert!(
            matches!(Qemu::probe_program("false"), Qemu::Broken(reason) if reason.contains("1"))
        );
        assert!(matches!(Qemu::probe_program("echo"), Qemu::Broken(_)));
    }

    #[test]
    fn an_endless_answer_is_cut_short() {
        let script = "yes 2>/dev/null | head -c 1000000; true";
        let answer = ask("sh", &["-c", script], Duration::from_secs(60)).unwrap();
        assert!((ANSWER_LEN_MAX..ANSWER_LEN_MAX + 4096).contains(&answer.len()));
    }

    proptest! {
        #[test]
        fn nothing_that_a_program_prints_is_a_panic(text in "(QEMU|version |[0-9.]|name \"|\n|x86 | |.){0,40}") {
            let _ = parse_version(&text);
            for set in [parse_objects(&text), parse_devices(&text), parse_cpus(&text)] {
                prop_assert!(set.iter().all(|name| name.len() <= NAME_LEN_MAX));
            }
        }

        #[test]
        fn every_version_is_read_back(major: u32, minor: u32, micro: u32) {
            let line = format!("QEMU emulator version {major}.{minor}.{micro} (any)");
            prop_assert_eq!(parse_version(&line), Some((major, minor, micro)));
        }
    }
}
