//! The roles of a bench executable that need no coordinator in it, chosen by its first argument.

use crate::agent::run_agent;
use crate::bench::Bench;
use crate::bench_list::LIST_ARGUMENT;
use crate::message::AGENT_ARGUMENT;
use crate::suite::Suite;
use crate::test_run::{TEST_ARGUMENT, test_cases};
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// The program that drives an executable without a coordinator.
const PROGRAM: &str = "cargo-sevbench";
/// Its hidden command for that. The executable follows, and then the user's arguments.
pub const DRIVE_COMMAND: &str = "drive";
/// Exit status for wrong usage.
const USAGE: u8 = 2;

/// Serves the role that the first argument names, if it is one without a coordinator.
///
/// # Errors
/// Returns the suite if the argument names none.
pub fn serve_role(suite: Suite) -> Result<ExitCode, Suite> {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next().unwrap_or_default();
    if first == AGENT_ARGUMENT {
        Ok(run_agent(suite))
    } else if first == LIST_ARGUMENT {
        let written = suite.list().write(&mut io::stdout());
        Ok(if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    } else if first == TEST_ARGUMENT {
        let ids: Vec<OsString> = arguments.collect();
        Ok(test(&suite, |id| ids.iter().any(|wanted| *wanted == *id)))
    } else {
        Err(suite)
    }
}

/// The `main` of an executable without a coordinator. Returns its exit status.
///
/// As an agent it serves its coordinator. Otherwise it starts the installed `cargo-sevbench`, which
/// drives it. Without that program it can still run each body once, as `cargo test` asks for.
pub fn agent_main(suite: &'static str, benches: impl FnOnce() -> Vec<Bench>) -> ExitCode {
    let suite = match Suite::new(suite, benches()) {
        Ok(suite) => suite,
        Err(error) => return refuse(&error.to_string()),
    };
    match serve_role(suite) {
        Ok(status) => status,
        Err(suite) => drive(&suite),
    }
}

/// Starts the program that drives this executable, in place of this process.
fn drive(suite: &Suite) -> ExitCode {
    let executable = match std::env::current_exe() {
        Ok(executable) => executable,
        Err(error) => return refuse(&format!("this executable has no path: {error}")),
    };
    let mut program = Command::new(PROGRAM);
    program.arg(DRIVE_COMMAND).arg(executable).arg("--").args(std::env::args_os().skip(1));
    let error = program.exec();
    let is_plain_test = std::env::args_os().len() == 1;
    match error.kind() {
        io::ErrorKind::NotFound if is_plain_test => test(suite, |_| true),
        io::ErrorKind::NotFound => refuse(
            "this executable contains only the agent, and the program that drives it is not \
             installed: type `cargo install --locked --path harness/program` in sevbench's folder, \
             or turn on sevbench's feature `runner`",
        ),
        _ => refuse(&format!("cannot start {PROGRAM}: {error}")),
    }
}

fn test(suite: &Suite, is_wanted: impl Fn(&str) -> bool) -> ExitCode {
    // As with other tests, a reader that is gone ends nothing.
    let print = |text: &str| {
        io::stdout().write_all(text.as_bytes()).ok();
        Ok::<(), io::Error>(())
    };
    match test_cases(suite, is_wanted, print) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => refuse(&error.to_string()),
    }
}

fn refuse(error: &str) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(USAGE)
}
