//! The program `cargo sevbench`: builds and drives bench executables, analyses records, checks this
//! host, and manages guests.

mod analyze_command;
mod doctor_command;
mod guest_commands;
mod leak_command;
mod leak_report;
mod run_command;

use crate::analyze_command::{AnalyzeArguments, CompareArguments, run_analyze, run_compare};
use crate::doctor_command::{DoctorArguments, run_doctor};
use crate::guest_commands::{GuestCommand, run_guest_command};
use crate::leak_command::{LeakArguments, run_leak};
use crate::run_command::{RunArguments, keep_runs_of_project, run_benches};
use clap::{Parser, Subcommand};
use sevbench_guest::leak::{SECRET_ARGUMENT, hold_secret};
use sevbench_guest::{LOOPBACK_SERVER_ARGUMENT, serve_loopback};
use sevbench_runner::cli::{drive_executable, print_clap, report};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Analyse and compare bench runs, examine this host, and manage guests.
///
/// Start a run with `cargo bench --bench NAME`, or with `cargo sevbench run --bench NAME`.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo sevbench", version, term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: SevbenchCommand,
}

#[derive(Debug, Subcommand)]
enum SevbenchCommand {
    /// Build a bench target for guests, and run it as `cargo bench` does
    Run(RunArguments),
    /// Compute the result of a recorded run, or of a table of values from elsewhere
    Analyze(AnalyzeArguments),
    /// Show how slowdowns changed between two records, and how else the records differ
    Compare(CompareArguments),
    /// Check which testbeds this host can run, and how to enable the others
    ///
    /// Exit status: 0 if loopback and qemu, or the testbeds named with --testbed, are usable; else
    /// 1.
    Doctor(DoctorArguments),
    /// Build the guest image; start, enter and stop a guest
    #[command(subcommand)]
    Guest(GuestCommand),
    /// Drive a bench executable that has no coordinator; started by that executable
    #[command(hide = true)]
    Drive {
        /// The executable
        executable: PathBuf,
        /// The flags of a bench run
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Put a secret into the memory of each arm, and search for it from this host
    Leak(LeakArguments),
}

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == SECRET_ARGUMENT) {
        return hold_secret();
    }
    if std::env::args_os().nth(1).is_some_and(|first| first == LOOPBACK_SERVER_ARGUMENT) {
        return serve_loopback();
    }
    let arguments = match Arguments::try_parse_from(arguments()) {
        Ok(arguments) => arguments,
        Err(said) => return ExitCode::from(print_clap(&said)),
    };
    if matches!(arguments.command, SevbenchCommand::Analyze(_) | SevbenchCommand::Compare(_)) {
        keep_runs_of_project();
    }
    report(match arguments.command {
        SevbenchCommand::Analyze(arguments) => run_analyze(&arguments),
        SevbenchCommand::Compare(arguments) => run_compare(&arguments),
        SevbenchCommand::Doctor(arguments) => run_doctor(&arguments),
        SevbenchCommand::Guest(command) => run_guest_command(&command),
        SevbenchCommand::Leak(arguments) => run_leak(&arguments),
        SevbenchCommand::Run(arguments) => return run_benches(arguments),
        SevbenchCommand::Drive { executable, arguments } => {
            let name = std::iter::once(OsString::from("bench"));
            return drive_executable(&executable, name.chain(arguments));
        }
    })
}

/// The command line without the `sevbench` that cargo passes as the first argument.
fn arguments() -> impl Iterator<Item = OsString> {
    let is_name = |(index, argument): &(usize, OsString)| *index == 1 && argument == "sevbench";
    std::env::args_os().enumerate().filter(move |one| !is_name(one)).map(|(_, argument)| argument)
}
