//! `cargo sevbench leak`: its flags, and the loop over the arms. `sevbench_guest::leak` searches
//! the memory.

use crate::guest_commands::SettingsFile;
use crate::leak_report::{ArmLeak, LeakReport};
use clap::{Args, ValueEnum};
use sevbench_guest::leak::{self, LeakError, LeakProbe, probe_for_secret};
use sevbench_guest::{
    Address, Executable, Guest, GuestError, HostUse, Interrupt, Limits, Prepared, QemuMachine,
};
use sevbench_runner::cli::{
    CliError, FAILED, Format, catch_signals, prepare_host, print_json, print_text, tell,
    testbed_arms,
};
use sevbench_runner::{Arm, Config};

/// The arguments of `cargo sevbench leak`.
#[derive(Debug, Args)]
pub(super) struct LeakArguments {
    /// Boot the arms of this testbed, one after another
    #[arg(long, value_name = "NAME", default_value = "qemu")]
    testbed: String,
    /// Choose how to read the memory
    #[arg(long, value_name = "METHOD", value_enum, default_value_t = DumpMethod::Mem)]
    dump: DumpMethod,
    /// Search this process instead of the arm's QEMU, as a check: it should not hold the secret
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pid: Option<u32>,
    #[command(flatten)]
    settings: SettingsFile,
    /// Choose the output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How to read the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DumpMethod {
    /// Through /proc/PID/mem
    Mem,
    /// Through a core file that gdb writes, as gcore does
    Gcore,
}

impl DumpMethod {
    const fn name(self) -> &'static str {
        match self {
            Self::Mem => "mem",
            Self::Gcore => "gcore",
        }
    }
}

pub(super) fn run_leak(arguments: &LeakArguments) -> Result<u8, CliError> {
    let arms = machines_of(&arguments.settings.load()?, &arguments.testbed)?;
    let executable = Executable::current().map_err(CliError::failed)?;
    for (_, machine) in &arms {
        arguments.probe(machine).check(&executable).map_err(CliError::usage)?;
    }
    let interrupt = catch_signals().map_err(CliError::failed)?;
    let _prepared = prepare_each(&arms, &interrupt)?;
    let mut report = LeakReport { dump: arguments.dump.name(), arms: Vec::new() };
    for (arm, machine) in &arms {
        let mut tell = |line: &str| tell(&format!("{}: {line}", arm.name));
        let probe = arguments.probe(machine);
        let found = match search_arm(arm, &probe, &executable, &interrupt, &mut tell) {
            Err(LeakError::Interrupted | LeakError::Guest(GuestError::Interrupted)) => {
                return Err(CliError::interrupted("interrupted"));
            }
            found => found.map_err(|error| error.to_string()),
        };
        report.arms.push(ArmLeak {
            name: arm.name.clone(),
            claimed: arm.claimed(),
            role: arm.role,
            found,
        });
    }
    match arguments.format {
        Format::Text => print_text(&report.text())?,
        Format::Json => print_json(&report.json())?,
    }
    Ok(if report.conclusion().is_fine { 0 } else { FAILED })
}

impl LeakArguments {
    /// How to search the memory of this machine.
    fn probe(&self, machine: &QemuMachine) -> LeakProbe {
        LeakProbe {
            method: match self.dump {
                DumpMethod::Mem => leak::DumpMethod::Mem,
                DumpMethod::Gcore => leak::DumpMethod::Gcore,
            },
            process_id: self.pid,
            memory_len: u64::from(machine.settings.memory_mib) << 20,
        }
    }
}

/// Gets this host ready for each arm alone, since only one guest is up at a time.
fn prepare_each(
    arms: &[(Arm, QemuMachine)],
    interrupt: &Interrupt,
) -> Result<Option<Prepared>, CliError> {
    let mut prepared = None;
    for (arm, _) in arms {
        // Release the host lock before it is taken again.
        drop(prepared.take());
        prepared = Some(prepare_host([arm], HostUse::Exclusive, interrupt, false)?);
    }
    Ok(prepared)
}

/// The arms of a testbed, the control first. Each must be a machine that we boot, since the others
/// have no process here.
fn machines_of(config: &Config, testbed: &str) -> Result<Vec<(Arm, QemuMachine)>, CliError> {
    let (_, arms) = testbed_arms(config, testbed)?;
    let machine = |arm: Arm| match arm.address.clone() {
        Address::Qemu(machine) => Ok((arm, *machine)),
        Address::Loopback | Address::Ssh(_) => Err(CliError::usage(LeakError::NoMachine)),
    };
    arms.into_iter().map(machine).collect()
}

/// Boots an arm, searches its memory and shuts it down.
fn search_arm(
    arm: &Arm,
    probe: &LeakProbe,
    executable: &Executable,
    interrupt: &Interrupt,
    tell: &mut dyn FnMut(&str),
) -> Result<sevbench_guest::leak::Finding, LeakError> {
    tell("booting");
    let mut guest = Guest::start(&arm.address, &executable.path, &Limits::default(), interrupt)?;
    let finding = probe_for_secret(&mut guest, executable, probe, interrupt, tell)?;
    guest.shut_down()?;
    Ok(finding)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use sevbench_guest::Protection;

    #[test]
    fn arms_of_the_testbed_start_with_the_control() {
        let Ok(arms) = machines_of(&Config::default(), "snp") else { panic!("no arms") };
        let names: Vec<_> =
            arms.iter().map(|(arm, _)| (arm.name.as_str(), arm.claimed())).collect();
        assert_eq!(names, [("nosev", None), ("snp", Some(Protection::SevSnp))]);
    }

    #[test]
    fn testbed_without_machines_is_wrong_usage() {
        for (testbed, hint) in [("loopback", "--testbed qemu"), ("moon", "use one of")] {
            let Err(failure) = machines_of(&Config::default(), testbed) else {
                panic!("{testbed} has arms")
            };
            assert_eq!(failure.status, sevbench_runner::cli::USAGE);
            assert!(failure.message.contains(hint), "{}", failure.message);
        }
    }
}
