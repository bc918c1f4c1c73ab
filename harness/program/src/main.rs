//! The program `cargo sevbench`: everything that is not a bench run.

mod analyze_command;
mod doctor_command;
mod guest_commands;
mod leak_command;
mod leak_report;

use crate::analyze_command::{AnalyzeArguments, CompareArguments, run_analyze, run_compare};
use crate::doctor_command::{DoctorArguments, run_doctor};
use crate::guest_commands::{GuestCommand, run_guest_command};
use crate::leak_command::{LeakArguments, run_leak};
use clap::{Parser, Subcommand};
use sevbench_guest::leak::{SECRET_ARGUMENT, hold_secret};
use sevbench_runner::cli::report;
use std::ffi::OsString;
use std::process::ExitCode;

/// Works with the records of bench runs. Runs themselves are started with `cargo bench --bench NAME`.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo sevbench", version, term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: SevbenchCommand,
}

#[derive(Debug, Subcommand)]
enum SevbenchCommand {
    /// Compute a result: that of a run again from its journal, or that of a table of values from elsewhere
    Analyze(AnalyzeArguments),
    /// Say by how much slowdowns changed from one record to another, and in what else the records differ
    Compare(CompareArguments),
    /// Say which testbeds this host can run, and what to do about those that it cannot
    ///
    /// Exit status: 0 where the testbeds loopback and qemu are usable, or those named with --testbed; 1 where one of them
    /// is not.
    Doctor(DoctorArguments),
    /// Images and machines, by hand
    #[command(subcommand)]
    Guest(GuestCommand),
    /// Have each arm hold a secret in its memory, and look for it from this machine
    Leak(LeakArguments),
}

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == SECRET_ARGUMENT) {
        return hold_secret();
    }
    report(match Arguments::parse_from(arguments()).command {
        SevbenchCommand::Analyze(arguments) => run_analyze(&arguments),
        SevbenchCommand::Compare(arguments) => run_compare(&arguments),
        SevbenchCommand::Doctor(arguments) => run_doctor(&arguments),
        SevbenchCommand::Guest(command) => run_guest_command(&command),
        SevbenchCommand::Leak(arguments) => run_leak(&arguments),
    })
}

/// The command line. `cargo sevbench …` passes the subcommand's own name as the first argument.
fn arguments() -> impl Iterator<Item = OsString> {
    let is_name = |(index, argument): &(usize, OsString)| *index == 1 && argument == "sevbench";
    std::env::args_os().enumerate().filter(move |one| !is_name(one)).map(|(_, argument)| argument)
}
