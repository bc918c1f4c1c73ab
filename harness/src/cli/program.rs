//! The program `sevbench`, run as `cargo sevbench …`: what is not a bench run.

use super::bench_arguments::Format;
use super::bench_program::print_summary;
use super::doctor_command::{DoctorArguments, run_doctor};
use super::exit::{Failure, report};
use super::guest_commands::{GuestCommand, run_guest_command};
use super::leak_command::{LeakArguments, run_leak};
use crate::analysis::analyze;
use crate::record::{read_journal, resolve_run};
use clap::{Parser, Subcommand};
use sevbench_guest::leak::{SECRET_ARGUMENT, hold_secret};
use sevbench_reports::TextOptions;
use std::process::ExitCode;

/// Works with the records of bench runs. Runs themselves are started with `cargo bench --bench NAME`.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo sevbench", version, term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compute the result of a run again from its journal
    Analyze {
        /// The run: its id, its folder or its run.ndjson [default: the newest]
        run: Option<String>,
        /// The form of the result
        #[arg(long, value_name = "FORM", value_enum, default_value_t = Format::Text)]
        format: Format,
        /// Also the robust intervals, the smallest detectable effects and the seed
        #[arg(long, short)]
        verbose: bool,
    },
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

/// The whole of the program `sevbench`.
pub fn program_main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == SECRET_ARGUMENT) {
        return hold_secret();
    }
    report(match Arguments::parse().command {
        Command::Analyze { run, format, verbose } => analyze_run(run.as_deref(), format, verbose),
        Command::Doctor(arguments) => run_doctor(&arguments),
        Command::Guest(command) => run_guest_command(&command),
        Command::Leak(arguments) => run_leak(&arguments),
    })
}

fn analyze_run(run: Option<&str>, format: Format, verbose: bool) -> Result<u8, Failure> {
    let location = resolve_run(run).map_err(Failure::usage)?;
    let journal = read_journal(&location.journal()).map_err(Failure::failed)?;
    if let Some(line) = journal.torn_line {
        eprintln!("warning: line {line} of the journal is torn and was left out");
    }
    let summary = analyze(&journal).map_err(Failure::failed)?;
    print_summary(&summary, format, TextOptions { verbose, colour: false })?;
    Ok(0)
}
