//! The roles of a bench executable, chosen by its first argument and its flags.

use super::bench_arguments::BenchArguments;
use super::exit::{CliError, FAILED, report};
use super::measure::measure;
use super::output::{print_clap, print_text};
use crate::coordinator::select;
use sevbench_guest::{LOOPBACK_SERVER_ARGUMENT, serve_loopback};
use sevbench_protocol::{
    AGENT_ARGUMENT, Bench, BenchAnswer, Suite, empty_standard_input, run_agent, run_once,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

/// The whole of a bench executable. `sevbench::main!` calls it.
pub fn bench_main(suite: &'static str, benches: Vec<Bench>) -> ExitCode {
    let start = Instant::now();
    let first = std::env::args_os().nth(1);
    if first.as_deref() == Some(LOOPBACK_SERVER_ARGUMENT.as_ref()) {
        return serve_loopback();
    }
    let suite = match Suite::new(suite, benches) {
        Ok(suite) => suite,
        Err(error) => return report(Err(CliError::usage(error))),
    };
    if first.as_deref() == Some(AGENT_ARGUMENT.as_ref()) {
        return run_agent(suite);
    }
    let arguments = match BenchArguments::from_command_line() {
        Ok(arguments) => arguments,
        Err(said) => return ExitCode::from(print_clap(&said)),
    };
    if let Err(refusal) = arguments.criterion.refuse() {
        return report(Err(refusal));
    }
    report(if arguments.list {
        list(&suite, &arguments)
    } else if arguments.test || !arguments.bench {
        test(&suite, &arguments)
    } else {
        measure(&suite, &arguments, start)
    })
}

fn list(suite: &Suite, arguments: &BenchArguments) -> Result<u8, CliError> {
    for case in select(suite, &arguments.selection()).map_err(CliError::usage)? {
        print_text(&format!("{}: bench\n", case.id()))?;
    }
    Ok(0)
}

/// Runs each body once, as `cargo test` and `--test` do.
fn test(suite: &Suite, arguments: &BenchArguments) -> Result<u8, CliError> {
    let chosen = select(suite, &arguments.selection()).map_err(CliError::usage)?;
    // As in an agent.
    empty_standard_input().map_err(CliError::failed)?;
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for case in chosen {
        // The panic hook has already printed the message.
        let answer = catch_unwind(AssertUnwindSafe(|| run_once(case)))
            .unwrap_or(BenchAnswer::Failed("panicked".into()));
        let outcome = match answer {
            BenchAnswer::Skipped { reason, hint } => {
                skipped += 1;
                format!("skipped: {reason} (hint: {hint})")
            }
            BenchAnswer::Failed(message) => {
                failed += 1;
                format!("FAILED: {message}")
            }
            _ => {
                passed += 1;
                "ok".into()
            }
        };
        print_text(&format!("test {} ... {outcome}\n", case.id()))?;
    }
    print_text(&format!("\n{passed} passed, {failed} failed, {skipped} skipped\n"))?;
    Ok(if failed > 0 { FAILED } else { 0 })
}
