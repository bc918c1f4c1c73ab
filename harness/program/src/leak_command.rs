//! `cargo sevbench leak`: the flags, and the way through the arms. What is looked for and how is `sevbench_guest::leak`'s.

use crate::guest_commands::SettingsFile;
use crate::leak_report::{ArmLeak, LeakReport};
use clap::{Args, ValueEnum};
use sevbench_guest::leak::{DumpMethod, LeakError, LeakProbe, probe_for_secret};
use sevbench_guest::{
    Address, Executable, Guest, GuestError, Interrupt, Limits, Protection, QemuMachine, prepare,
};
use sevbench_runner::Arm;
use sevbench_runner::Config;
use sevbench_runner::cli::{CliError, FAILED, Format, catch_signals, testbed_arms};
use std::io::{self, Write};

/// What can be said of a look into the arms' memory.
#[derive(Debug, Args)]
pub(super) struct LeakArguments {
    /// Boot each arm of this testbed, one after another
    #[arg(long, value_name = "NAME", default_value = "qemu")]
    testbed: String,
    /// How to get at the memory: /proc/PID/mem, or a core file that gdb writes
    #[arg(long, value_name = "WAY", value_enum, default_value_t = Way::Mem)]
    dump: Way,
    /// Search this process instead of the arm's QEMU; it should not hold the secret
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pid: Option<u32>,
    #[command(flatten)]
    settings: SettingsFile,
    /// The form of the result
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How to get at the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Way {
    /// Through /proc/PID/mem
    Mem,
    /// Through a core file, as gcore makes it
    Gcore,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Mem => "mem",
            Self::Gcore => "gcore",
        }
    }
}

pub(super) fn run_leak(arguments: &LeakArguments) -> Result<u8, CliError> {
    let arms = machines_of(&arguments.settings.load()?, &arguments.testbed)?;
    let method = match arguments.dump {
        Way::Mem => DumpMethod::Mem,
        Way::Gcore => DumpMethod::Gcore,
    };
    let probe = |machine: &QemuMachine| LeakProbe {
        method,
        process_id: arguments.pid,
        memory_len: u64::from(machine.settings.memory_mib) << 20,
    };
    for (_, machine) in &arms {
        probe(machine).check().map_err(CliError::usage)?;
    }
    let executable = Executable::current().map_err(CliError::failed)?;
    let interrupt = catch_signals().map_err(CliError::failed)?;
    // One guest at a time is up.
    let mut tell = |line: &str| eprintln!("{line}");
    let mut prepared = None;
    for (arm, _) in &arms {
        // The host is let go before it is taken again.
        drop(prepared.take());
        let ready = prepare(&[&arm.address], &interrupt, &mut tell);
        prepared = Some(ready.map_err(|error| match error {
            GuestError::Interrupted => CliError::interrupted(error),
            error => CliError::usage(error),
        })?);
    }
    let mut report = LeakReport { dump: arguments.dump.name(), arms: Vec::new() };
    for (arm, machine) in &arms {
        let mut tell = |line: &str| eprintln!("{}: {line}", arm.name);
        let found = look_into(arm, &probe(machine), &executable, &interrupt, &mut tell);
        let found = match found {
            Err(LeakError::Interrupted | LeakError::Guest(GuestError::Interrupted)) => {
                return Err(CliError::interrupted("interrupted"));
            }
            found => found.map_err(|error| error.to_string()),
        };
        report.arms.push(ArmLeak {
            name: arm.name.clone(),
            claimed: arm.claimed().map(Protection::name),
            is_control: report.arms.is_empty(),
            found,
        });
    }
    print(&report, arguments.format)?;
    Ok(if report.conclusion().is_fine { 0 } else { FAILED })
}

/// The arms of a testbed, the control first. Each must be a machine that we start: of others there is no process here.
fn machines_of(config: &Config, testbed: &str) -> Result<Vec<(Arm, QemuMachine)>, CliError> {
    let (_, arms) = testbed_arms(config, testbed)?;
    let machine = |arm: Arm| match arm.address.clone() {
        Address::Qemu(machine) => Ok((arm, *machine)),
        Address::Loopback | Address::Ssh(_) => Err(CliError::usage(LeakError::NoMachine)),
    };
    arms.into_iter().map(machine).collect()
}

/// Boots the arm and looks into it; nothing of it is left afterwards.
fn look_into(
    arm: &Arm,
    probe: &LeakProbe,
    executable: &Executable,
    interrupt: &Interrupt,
    tell: &mut dyn FnMut(&str),
) -> Result<sevbench_guest::leak::Finding, LeakError> {
    tell("booting");
    let mut guest = Guest::start(&arm.address, executable, &Limits::default(), interrupt)?;
    let finding = probe_for_secret(&mut guest, executable, probe, interrupt, tell)?;
    guest.shut_down()?;
    Ok(finding)
}

fn print(report: &LeakReport, format: Format) -> Result<(), CliError> {
    let text = match format {
        Format::Text => report.text(),
        Format::Json => {
            serde_json::to_string_pretty(&report.json()).map_err(CliError::failed)? + "\n"
        }
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(CliError::failed),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn the_arms_are_those_of_the_testbed_the_control_first() {
        let Ok(arms) = machines_of(&Config::default(), "snp") else { panic!("no arms") };
        let names: Vec<_> =
            arms.iter().map(|(arm, _)| (arm.name.as_str(), arm.claimed())).collect();
        assert_eq!(names, [("nosev", None), ("snp", Some(Protection::SevSnp))]);
    }

    #[test]
    fn what_is_no_machine_of_ours_and_no_testbed_is_wrong_usage() {
        for (testbed, hint) in [("loopback", "--testbed qemu"), ("moon", "use one of")] {
            let Err(failure) = machines_of(&Config::default(), testbed) else {
                panic!("{testbed} has arms")
            };
            assert_eq!(failure.status, sevbench_runner::cli::USAGE);
            assert!(failure.message.contains(hint), "{}", failure.message);
        }
    }
}
