//! A bench executable's three roles: coordinator, agent, and the loopback guest's server.

use super::bench_arguments::{BenchArguments, Colour, Format};
use super::exit::{FAILED, Failure, INCONCLUSIVE, INTERRUPTED, REGRESSED, USAGE, report};
use crate::agent::run_agent;
use crate::analysis::analyze;
use crate::bench::{Answer, BenchEntry, Suite, run_once};
use crate::coordinator::{Arm, GuestFleet, Plan, Progress, ProgressMode, run_plan, select};
use crate::gate::{GateOutcome, GateRefusal, judge_run};
use crate::protocol::AGENT_ARGUMENT;
use crate::record::{Header, JOURNAL_SCHEMA, JournalWriter, Location, read_journal};
use clap::Parser;
use sevbench_guest::{
    Address, Executable, GuestError, HostFacts, Interrupt, LOOPBACK_SERVER_ARGUMENT, Prepared,
    prepare, serve_loopback,
};
use sevbench_reports::{
    Outcome, Summary, TextOptions, format_duration, render_text, write_summary,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::{self, IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

/// The whole of a bench executable; [`sevbench::main!`](crate::main) calls it.
pub fn bench_main(suite: &'static str, benches: &[&dyn BenchEntry]) -> ExitCode {
    let start = Instant::now();
    let first = std::env::args_os().nth(1);
    if first.as_deref() == Some(LOOPBACK_SERVER_ARGUMENT.as_ref()) {
        return serve_loopback();
    }
    let suite = match Suite::new(suite, benches) {
        Ok(suite) => suite,
        Err(error) => return report(Err(Failure::usage(error))),
    };
    if first.as_deref() == Some(AGENT_ARGUMENT.as_ref()) {
        return run_agent(suite);
    }
    let arguments = BenchArguments::parse();
    let result = if arguments.list {
        list(&suite, &arguments)
    } else if arguments.test || !arguments.bench {
        test(&suite, &arguments)
    } else {
        measure(&suite, &arguments, start)
    };
    report(result)
}

fn list(suite: &Suite, arguments: &BenchArguments) -> Result<u8, Failure> {
    for case in select(suite, &arguments.selection()).map_err(Failure::usage)? {
        println!("{}: bench", case.id());
    }
    Ok(0)
}

/// Runs each body once, as `cargo test` and `--test` do.
fn test(suite: &Suite, arguments: &BenchArguments) -> Result<u8, Failure> {
    let chosen = select(suite, &arguments.selection()).map_err(Failure::usage)?;
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for case in chosen {
        // The panic's message is on standard error already.
        let answer = catch_unwind(AssertUnwindSafe(|| run_once(case)))
            .unwrap_or(Answer::Failed("panicked".into()));
        let outcome = match answer {
            Answer::Skipped { reason, hint } => {
                skipped += 1;
                format!("skipped: {reason} (hint: {hint})")
            }
            Answer::Failed(message) => {
                failed += 1;
                format!("FAILED: {message}")
            }
            _ => {
                passed += 1;
                "ok".into()
            }
        };
        println!("test {} ... {outcome}", case.id());
    }
    println!("\n{passed} passed, {failed} failed, {skipped} skipped");
    Ok(if failed > 0 { FAILED } else { 0 })
}

fn measure(suite: &Suite, arguments: &BenchArguments, start: Instant) -> Result<u8, Failure> {
    let benches = select(suite, &arguments.selection()).map_err(Failure::usage)?;
    let seed = arguments.seed.unwrap_or_else(seed_from_clock);
    let plan = arguments.plan(suite.name(), &benches, seed)?;
    if arguments.gate && plan.settings.boots < 2 {
        return Err(Failure::usage(GateRefusal::OneBoot));
    }
    let executable = Executable::current().map_err(Failure::failed)?;
    let interrupt = catch_signals().map_err(Failure::failed)?;
    let _prepared = make_ready(&plan, &interrupt, arguments.quiet)?;

    let stamp = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let location = Location::create(&format!("{}-{}", stamp.replace(['-', ':'], ""), plan.suite));
    let location = location.map_err(Failure::failed)?;
    let header = header(&plan, &location, stamp, &executable);
    let mut journal =
        JournalWriter::create(&location.journal(), &header).map_err(Failure::failed)?;
    if !arguments.quiet {
        eprintln!("{}", plan.describe());
    }
    let mode = match (arguments.quiet, io::stderr().is_terminal()) {
        (true, _) => ProgressMode::Quiet,
        (false, true) => ProgressMode::Bar,
        (false, false) => ProgressMode::Lines,
    };
    let mut progress = Progress::new(mode, &plan);
    let (digest, consoles) = (suite.digest(), location.consoles());
    let mut fleet = GuestFleet::new(&plan, executable, digest, interrupt.clone(), consoles);
    let ran = run_plan(&plan, &mut fleet, &mut journal, &mut progress, &interrupt, start);
    progress.finish();
    if let Err(error) = &ran {
        eprintln!("error: {error}");
    }
    let shown = conclude(&location, arguments);
    if !arguments.quiet {
        eprintln!("took {}", format_duration(start.elapsed()));
    }
    let summary = shown?;
    Ok(match ran {
        Err(_) => FAILED,
        Ok(Outcome::Interrupted) => INTERRUPTED,
        Ok(_)
            if !summary.failed.is_empty()
                || summary.comparisons.iter().all(|row| row.bench.starts_with("boot/")) =>
        {
            FAILED
        }
        Ok(_) if arguments.gate => pass_gate(&summary, &unmeasured(&plan, &summary)),
        Ok(_) => 0,
    })
}

/// The benches of the plan that have no result in a treatment: skipped, or left out in all rounds.
fn unmeasured(plan: &Plan, summary: &Summary) -> Vec<String> {
    let mut missing = Vec::new();
    for arm in plan.arms.iter().skip(1) {
        let has_result = |bench: &str| {
            summary.comparisons.iter().any(|comparison| {
                let metric = comparison.bench.strip_prefix(bench);
                let is_of_bench =
                    metric.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
                comparison.treatment == arm.name && is_of_bench
            })
        };
        let without = plan.benches.iter().filter(|bench| !has_result(bench));
        missing.extend(without.map(|bench| format!("{bench} in {} (no result)", arm.name)));
    }
    missing
}

/// Says what the gate says, and gives its status.
fn pass_gate(summary: &Summary, unmeasured: &[String]) -> u8 {
    let (status, text) = match judge_run(summary, unmeasured) {
        GateOutcome::Passed => (0, "passed".into()),
        GateOutcome::Regressed(benches) => {
            (REGRESSED, format!("failed: regressed: {}", benches.join(", ")))
        }
        GateOutcome::Inconclusive(benches) => (
            INCONCLUSIVE,
            format!("not decided: {}; measure longer, as with --boots 30", benches.join(", ")),
        ),
        GateOutcome::Refused(refusal) => (USAGE, format!("refused: {refusal}")),
    };
    eprintln!("gate {text}");
    status
}

/// Makes this host ready for the plan's guests, before anything is recorded.
fn make_ready(plan: &Plan, interrupt: &Interrupt, quiet: bool) -> Result<Prepared, Failure> {
    let addresses: Vec<&Address> = plan.arms.iter().map(|arm| &arm.address).collect();
    let mut tell = |line: &str| {
        if !quiet {
            eprintln!("{line}");
        }
    };
    prepare(&addresses, interrupt, &mut tell).map_err(|error| match error {
        GuestError::Interrupted => Failure::interrupted(error),
        // Not what was asked for is wrong, but what the host is at.
        GuestError::HostBusy { .. } | GuestError::HostLock { .. } | GuestError::DataDisk { .. } => {
            Failure::failed(error)
        }
        error => Failure::usage(error),
    })
}

/// Analyses what the journal holds, stores the summary and prints the result.
fn conclude(location: &Location, arguments: &BenchArguments) -> Result<Summary, Failure> {
    let journal = read_journal(&location.journal()).map_err(Failure::failed)?;
    let summary = analyze(&journal).map_err(Failure::failed)?;
    let colour = match arguments.color {
        Colour::Auto => io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        Colour::Always => true,
        Colour::Never => false,
    };
    print_summary(&summary, arguments.format, TextOptions { verbose: arguments.verbose, colour })?;
    let written = write_summary(&location.summary(), &summary);
    let stored = written.map_err(|error| {
        Failure::failed(format!(
            "cannot write {}: {error}; free some space or set SEVBENCH_HOME to a folder elsewhere",
            location.summary().display()
        ))
    });
    stored.and_then(|()| location.link_latest().map_err(Failure::failed))?;
    if arguments.format == Format::Text {
        println!("record: {}", location.folder().display());
    }
    Ok(summary)
}

pub(super) fn print_summary(
    summary: &Summary,
    format: Format,
    options: TextOptions,
) -> Result<(), Failure> {
    let text = match format {
        Format::Text => render_text(summary, options),
        Format::Json => serde_json::to_string_pretty(summary).map_err(Failure::failed)? + "\n",
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        // A reader such as `head` that has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(Failure::failed),
    }
}

fn header(plan: &Plan, location: &Location, started: String, executable: &Executable) -> Header {
    Header {
        schema: JOURNAL_SCHEMA.into(),
        id: location.id(),
        suite: plan.suite.into(),
        testbed: plan.testbed.clone(),
        started,
        seed: plan.seed,
        sevbench_version: env!("CARGO_PKG_VERSION").into(),
        executable_sha256: executable.sha256.clone(),
        host: HostFacts::gather().named,
        arms: plan.arms.iter().map(Arm::record).collect(),
        benches: plan.benches.clone(),
        settings: plan.settings.clone(),
    }
}

/// The first signal ends the run cleanly; a second one of its kind ends the process at once.
pub(super) fn catch_signals() -> io::Result<Interrupt> {
    let interrupt = Interrupt::new();
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // In this order: at the first signal the flag is not set yet.
        signal_hook::flag::register_conditional_default(signal, interrupt.flag())?;
        signal_hook::flag::register(signal, interrupt.flag())?;
    }
    Ok(interrupt)
}

fn seed_from_clock() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    // 48 bits, so that every JSON reader keeps it exactly.
    (since.as_nanos() as u64) & ((1 << 48) - 1)
}
