//! The program `cargo sevbench`: everything except bench runs.

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
use sevbench_runner::cli::{print_clap, report};
use std::ffi::OsString;
use std::process::ExitCode;

/// Analyse and compare bench runs, examine this host, and manage guests.
///
/// Start a run with `cargo bench --bench NAME`.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo sevbench", version, term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: SevbenchCommand,
}

#[derive(Debug, Subcommand)]
enum SevbenchCommand {
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
    /// Put a secret into the memory of each arm, and search for it from this host
    Leak(LeakArguments),
}

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == SECRET_ARGUMENT) {
        return hold_secret();
    }
    let arguments = match Arguments::try_parse_from(arguments()) {
        Ok(arguments) => arguments,
        Err(said) => return ExitCode::from(print_clap(&said)),
    };
    report(match arguments.command {
        SevbenchCommand::Analyze(arguments) => run_analyze(&arguments),
        SevbenchCommand::Compare(arguments) => run_compare(&arguments),
        SevbenchCommand::Doctor(arguments) => run_doctor(&arguments),
        SevbenchCommand::Guest(command) => run_guest_command(&command),
        SevbenchCommand::Leak(arguments) => run_leak(&arguments),
    })
}

/// The command line without the `sevbench` that cargo passes as the first argument.
fn arguments() -> impl Iterator<Item = OsString> {
    let is_name = |(index, argument): &(usize, OsString)| *index == 1 && argument == "sevbench";
    std::env::args_os().enumerate().filter(move |one| !is_name(one)).map(|(_, argument)| argument)
}
