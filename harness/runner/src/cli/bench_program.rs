//! A bench executable's three roles: coordinator, agent, and the loopback guest's server.

use super::bench_arguments::{BenchArguments, Colour, Format};
use super::exit::{FAILED, Failure, INTERRUPTED, report};
use super::gate_status::{describe_gate, tell_gate};
use super::output::print_summary;
use super::records::{analyze_journal, threads};
use super::resume::Unfinished;
use crate::analysis::{
    Analysis, Overrides, add_changes, boots_wanted, fewest_boots, refuse_baseline,
};
use crate::coordinator::{
    Arm, GuestFleet, Past, Plan, Progress, ProgressMode, Replication, Wiring, run_plan, select,
};
use crate::gate::{GatePlan, Margin, Margins, judge_run, refuse_plan};
use crate::record::{
    BaselineName, Header, JOURNAL_SCHEMA, JournalWriter, Location, resolve_baseline, save_baseline,
};
use sevbench_guest::{
    Address, Executable, GuestError, HostFacts, Interrupt, LOOPBACK_SERVER_ARGUMENT, Prepared,
    QemuError, prepare, serve_loopback,
};
use sevbench_protocol::AGENT_ARGUMENT;
use sevbench_protocol::run_agent;
use sevbench_protocol::{BenchAnswer, BenchEntry, Suite, run_once};
use sevbench_reports::{Against, Outcome, Summary, TextOptions, write_summary};
use sevbench_text::format_duration;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

/// The lines of an outside program's bench: a figure, and the mean and three percentiles of a distribution. How many there will be is
/// known only once it has run.
const OBSERVED_LINES: usize = 5;

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
    let arguments = BenchArguments::of_process();
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
        println!("test {} ... {outcome}", case.id());
    }
    println!("\n{passed} passed, {failed} failed, {skipped} skipped");
    Ok(if failed > 0 { FAILED } else { 0 })
}

fn measure(suite: &Suite, arguments: &BenchArguments, start: Instant) -> Result<u8, Failure> {
    let executable = Executable::current().map_err(Failure::failed)?;
    let unfinished = arguments.resume.then(|| Unfinished::find(suite.name())).transpose()?;
    let plan = if let Some(unfinished) = &unfinished {
        unfinished.plan(suite, arguments, &executable)?
    } else {
        let benches = select(suite, &arguments.selection()).map_err(Failure::usage)?;
        let seed = arguments.seed.unwrap_or_else(seed_from_clock);
        arguments.plan(suite.name(), &benches, seed)?
    };
    let baseline = find_baseline(arguments.baseline.as_ref(), plan.suite)?;
    let gate = arguments.gate.then(|| plan_gate(&plan, baseline.as_ref())).transpose()?;
    let interrupt = catch_signals().map_err(Failure::failed)?;
    let _prepared = make_ready(&plan, &interrupt, arguments.quiet)?;

    let (location, mut journal, past) = match unfinished {
        Some(unfinished) => unfinished.reopen(arguments.quiet)?,
        None => start_record(&plan, &executable)?,
    };
    if !arguments.quiet {
        eprintln!("{}", plan.describe());
        if let Some(gate) = gate {
            eprintln!("{}", describe_gate(gate, !plan.settings.margins.is_empty()));
        }
    }
    let mode = match (arguments.quiet, io::stderr().is_terminal()) {
        (true, _) => ProgressMode::Quiet,
        (false, true) => ProgressMode::Bar,
        (false, false) => ProgressMode::Lines,
    };
    let mut progress = Progress::new(mode);
    let (digest, consoles) = (suite.digest(), location.consoles());
    let mut fleet = GuestFleet::new(&plan, executable, digest, interrupt.clone(), consoles);
    let wiring = Wiring {
        journal: &mut journal,
        progress: &mut progress,
        replication: &mut FromJournal,
        interrupt: &interrupt,
        start,
    };
    let ran = run_plan(&plan, &mut fleet, wiring, &past);
    progress.finish();
    if let Err(error) = &ran {
        eprintln!("error: {error}");
    }
    let shown = conclude(&location, arguments, baseline.as_ref());
    if !arguments.quiet {
        eprintln!("took {}", format_duration(start.elapsed()));
    }
    let summary = shown?;
    let nothing_measured = summary.comparisons.iter().all(|row| row.is_boot_time);
    // A gate says what it has to say even where the status tells of something that goes first.
    let judged = summary.gate.as_ref().map(tell_gate);
    let status = match ran {
        Err(_) => FAILED,
        Ok(Outcome::Interrupted) => INTERRUPTED,
        Ok(_) if !summary.failed.is_empty() || nothing_measured => FAILED,
        Ok(_) => judged.unwrap_or(0),
    };
    match &arguments.save_baseline {
        // What a gate has turned down is nothing to compare with.
        Some(name) if arguments.gate && status != 0 => {
            eprintln!("not saved as the baseline `{}`: the gate did not pass", name.as_str());
        }
        Some(name) => {
            keep_baseline(name, &location, summary.run.outcome)?;
            if !arguments.quiet {
                eprintln!("saved as the baseline `{}`", name.as_str());
            }
        }
        None => {}
    }
    Ok(status)
}

/// What the gate will judge; an error where it would be of no use.
fn plan_gate(plan: &Plan, baseline: Option<&(String, Analysis)>) -> Result<GatePlan, Failure> {
    let settings = &plan.settings;
    let margins = Margins::of(settings.margin_percent, settings.margin_rules());
    let margins = margins.map_err(Failure::usage)?;
    let treatments = plan.judged_treatments();
    let lines = plan.benches.len() - plan.observed + plan.observed * OBSERVED_LINES;
    let comparisons = (lines * treatments.len()) as u32;
    let refusal = refuse_plan(settings.boots, comparisons).or_else(|| {
        let (name, baseline) = baseline?;
        refuse_baseline(baseline, name, &plan.benches, &treatments, &margins)
    });
    match refusal {
        Some(refusal) => Err(Failure::usage(refusal)),
        None => Ok(GatePlan {
            margin: Margin::percent(settings.margin_percent).map_err(Failure::usage)?,
            boots: settings.boots,
            baseline_boots: baseline
                .and_then(|(_, analysis)| fewest_boots(analysis, &plan.benches, &treatments)),
            comparisons,
        }),
    }
}

/// The folder and the journal of a new run.
fn start_record(
    plan: &Plan,
    executable: &Executable,
) -> Result<(Location, JournalWriter, Past), Failure> {
    let stamp = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let location = Location::create(&format!("{}-{}", stamp.replace(['-', ':'], ""), plan.suite));
    let location = location.map_err(Failure::failed)?;
    let header = header(plan, &location, stamp, executable);
    let journal = JournalWriter::create(&location.journal(), &header).map_err(Failure::failed)?;
    Ok((location, journal, Past::default()))
}

/// Asks the analysis of the journal.
struct FromJournal;

impl Replication for FromJournal {
    fn boots_wanted(&mut self, journal: &Path) -> Result<HashMap<String, u32>, String> {
        let analysis = analyze_journal(journal, &Overrides::default(), threads());
        analysis.map(|analysis| boots_wanted(&analysis)).map_err(|failure| failure.message)
    }
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
        GuestError::HostLock(_) | GuestError::Qemu(QemuError::DataDisk { .. }) => {
            Failure::failed(error)
        }
        error => Failure::usage(error),
    })
}

/// Analyses what the journal holds, stores the summary and prints the result.
fn conclude(
    location: &Location,
    arguments: &BenchArguments,
    baseline: Option<&(String, Analysis)>,
) -> Result<Summary, Failure> {
    let mut analysis = analyze_journal(&location.journal(), &Overrides::default(), threads())?;
    if let Some((name, baseline)) = baseline {
        add_changes(&mut analysis, baseline, name);
    }
    let mut summary = analysis.summary;
    summary.gate = arguments.gate.then(|| {
        let against = if baseline.is_some() { Against::Baseline } else { Against::Margin };
        judge_run(&summary, against, baseline.map(|(name, _)| name.as_str()))
    });
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

/// The baseline to compare with, read before anything runs.
fn find_baseline(
    name: Option<&BaselineName>,
    suite: &str,
) -> Result<Option<(String, Analysis)>, Failure> {
    let Some(name) = name else { return Ok(None) };
    let location = resolve_baseline(name).map_err(Failure::usage)?;
    let analysis = analyze_journal(&location.journal(), &Overrides::default(), threads())?;
    let found = &analysis.summary.run.suite;
    if found == suite {
        return Ok(Some((name.as_str().to_owned(), analysis)));
    }
    Err(Failure::usage(format!(
        "the baseline `{}` is of the suite `{found}` and not of `{suite}`: name another with --baseline",
        name.as_str(),
    )))
}

/// Saves a run that is complete; an interrupted one has the status of its own.
fn keep_baseline(name: &BaselineName, run: &Location, outcome: Outcome) -> Result<(), Failure> {
    if outcome == Outcome::Complete {
        return save_baseline(run, name).map_err(Failure::failed);
    }
    let text = format!(
        "the run is not complete, and was not saved as the baseline `{}`: run it again",
        name.as_str()
    );
    Err(match outcome {
        Outcome::Interrupted => Failure::interrupted(text),
        _ => Failure::failed(text),
    })
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
pub fn catch_signals() -> io::Result<Interrupt> {
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
