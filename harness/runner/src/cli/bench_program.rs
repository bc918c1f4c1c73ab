//! The roles of a bench executable, chosen by its first argument and its flags, and the same flags
//! for an executable without a coordinator.

use super::bench_arguments::BenchArguments;
use super::exit::{CliError, FAILED, report};
use super::measure::measure;
use super::output::{BenchFormat, print_clap, print_text};
use crate::coordinator::{SelectionError, select};
use crate::record::keep_runs_beside;
use sevbench_guest::{Executable, LOOPBACK_SERVER_ARGUMENT, ask_executable, serve_loopback};
use sevbench_protocol::{
    Bench, BenchList, LIST_ARGUMENT, ListedBench, Suite, TEST_ARGUMENT, serve_role, test_cases,
};
use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

/// The `main` of a bench executable. `sevbench::main!` calls it.
pub fn bench_main(suite: &'static str, benches: impl FnOnce() -> Vec<Bench>) -> ExitCode {
    let start = Instant::now();
    if std::env::args_os().nth(1).is_some_and(|first| first == LOOPBACK_SERVER_ARGUMENT) {
        return serve_loopback();
    }
    let suite = match Suite::new(suite, benches()) {
        Ok(suite) => suite,
        Err(error) => return report(Err(CliError::usage(error))),
    };
    match serve_role(suite) {
        Ok(status) => status,
        Err(suite) => {
            let subject = Subject { list: suite.list(), place: Place::Here(&suite) };
            subject.obey(std::env::args_os(), start)
        }
    }
}

/// Lists, tests or measures the benches of another executable, as these arguments say. The first
/// one is a name, as in any command line.
pub fn drive_executable(
    executable: &Path,
    arguments: impl IntoIterator<Item = OsString>,
) -> ExitCode {
    let start = Instant::now();
    keep_runs_beside(executable);
    match list_of(executable) {
        Ok(list) => Subject { list, place: Place::There(executable) }.obey(arguments, start),
        Err(error) => report(Err(error)),
    }
}

/// Asks an executable for its benches.
fn list_of(executable: &Path) -> Result<BenchList, CliError> {
    let shown = executable.display();
    let text = ask_executable(executable, &[LIST_ARGUMENT])
        .map_err(|reason| CliError::usage(format!("{shown} lists no benches: {reason}")))?;
    BenchList::read(&text).map_err(|error| CliError::usage(format!("{shown}: {error}")))
}

/// The benches of an executable.
struct Subject<'a> {
    list: BenchList,
    place: Place<'a>,
}

/// Where the bodies are.
enum Place<'a> {
    Here(&'a Suite),
    There(&'a Path),
}

impl Subject<'_> {
    fn obey(&self, arguments: impl IntoIterator<Item = OsString>, start: Instant) -> ExitCode {
        let arguments = match BenchArguments::from_command_line(arguments) {
            Ok(arguments) => arguments,
            Err(said) => return ExitCode::from(print_clap(&said)),
        };
        if let Err(refusal) = arguments.criterion.refuse() {
            return report(Err(refusal));
        }
        report(if arguments.list {
            self.print(&arguments)
        } else if arguments.test || !arguments.bench {
            self.test(&arguments)
        } else {
            self.executable()
                .and_then(|executable| measure(&self.list, executable, &arguments, start))
        })
    }

    fn executable(&self) -> Result<Executable, CliError> {
        match self.place {
            Place::Here(_) => Executable::current(),
            Place::There(path) => Executable::read(path),
        }
        .map_err(CliError::failed)
    }

    fn select(&self, arguments: &BenchArguments) -> Result<Vec<&ListedBench>, CliError> {
        if arguments.libtest.ignored {
            return Ok(Vec::new());
        }
        match select(&self.list, &arguments.selection()) {
            // `cargo test NAME` passes the name of a unit test to benches too.
            Err(SelectionError::NoMatch { .. }) if !arguments.bench && !arguments.test => {
                Ok(Vec::new())
            }
            selected => selected.map_err(CliError::usage),
        }
    }

    fn print(&self, arguments: &BenchArguments) -> Result<u8, CliError> {
        if arguments.format == BenchFormat::Json {
            return Err(CliError::usage(
                "a list has no JSON form: drop --format, or type --format terse",
            ));
        }
        // What nextest and libtest call it.
        let kind = if arguments.format == BenchFormat::Terse { "benchmark" } else { "bench" };
        for bench in self.select(arguments)? {
            print_text(&format!("{}: {kind}\n", bench.id()))?;
        }
        Ok(0)
    }

    /// Runs each body once, as `cargo test` and `--test` do.
    fn test(&self, arguments: &BenchArguments) -> Result<u8, CliError> {
        let chosen = self.select(arguments)?;
        let ids = chosen.iter().map(|bench| bench.id());
        match self.place {
            Place::Here(suite) => {
                let wanted: HashSet<&str> = ids.collect();
                let is_fine = test_cases(suite, |id| wanted.contains(id), print_text)?;
                Ok(if is_fine { 0 } else { FAILED })
            }
            Place::There(executable) => {
                let mut command = Command::new(executable);
                let status = command.arg(TEST_ARGUMENT).args(ids).status();
                let status = status.map_err(CliError::failed)?;
                Ok(if status.success() { 0 } else { FAILED })
            }
        }
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::failed(error)
    }
}
