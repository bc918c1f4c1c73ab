//! One run from its plan to its exit status: measured, analysed, printed, judged and saved.

use super::baselines::{Baseline, save_if_complete};
use super::bench_arguments::BenchArguments;
use super::exit::{CliError, FAILED, INTERRUPTED};
use super::gate_status::{describe_gate, gate_status, plan_gate};
use super::open_record::OpenRecord;
use super::output::{Format, print_summary, print_text};
use super::records::{analyze_journal, threads};
use super::resume::Unfinished;
use super::signals::catch_signals;
use crate::analysis::{Overrides, add_changes, boots_wanted};
use crate::coordinator::{
    Arm, GuestFleet, Plan, Progress, ProgressMode, Replication, Wiring, run_plan, select,
};
use crate::gate::{GatePlan, judge_run};
use crate::record::{JournalError, Location, check_baseline_name, link_newest, write_remedy};
use crate::stderr::tell;
use sevbench_guest::{
    Address, Executable, GuestError, HostUse, Interrupt, Prepared, QemuError, prepare,
};
use sevbench_protocol::BenchList;
use sevbench_reports::{Against, Outcome, Summary, TextOptions, render_gate, write_summary};
use sevbench_text::format_duration;
use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// Measures the benches that the arguments select. `start` is when the process started.
pub(super) fn measure(
    suite: &BenchList,
    executable: Executable,
    arguments: &BenchArguments,
    start: Instant,
) -> Result<u8, CliError> {
    let unfinished = match arguments.resume.then(|| Unfinished::find(&suite.suite)).transpose()? {
        Some(None) => {
            tell(&format!("nothing to continue: every run of `{}` is complete", suite.suite));
            return Ok(0);
        }
        found => found.flatten(),
    };
    let plan = match &unfinished {
        Some(unfinished) => unfinished.plan(suite, arguments, &executable)?,
        None => plan_new_run(suite, arguments)?,
    };
    if let Some(name) = &arguments.save_baseline {
        check_baseline_name(name, &plan.suite).map_err(CliError::usage)?;
    }
    let baseline = arguments.baseline.as_ref();
    let baseline = baseline.map(|name| Baseline::find(name, &plan.suite)).transpose()?;
    if plan.arms.iter().any(|arm| !matches!(arm.address, Address::Loopback)) {
        executable.check_static().map_err(CliError::usage)?;
    }
    let gate = arguments.gate.then(|| plan_gate(&plan, baseline.as_ref())).transpose()?;
    let interrupt = catch_signals().map_err(CliError::failed)?;
    let host_use = if arguments.share_host { HostUse::Shared } else { HostUse::Exclusive };
    let _prepared = prepare_host(&plan.arms, host_use, &interrupt, arguments.quiet)?;

    let mut record = match unfinished {
        Some(unfinished) => unfinished.reopen(arguments.quiet)?,
        None => OpenRecord::create(&plan, &executable)?,
    };
    if !arguments.quiet {
        announce(&plan, gate);
    }
    let consoles = record.location.consoles();
    let fleet = GuestFleet::new(&plan, executable, interrupt.clone(), consoles);
    let ran = run(&plan, fleet, &mut record, Context { arguments, interrupt: &interrupt, start });

    // Everything is recorded. From here on, a signal ends the process at once.
    interrupt.set();
    let summary = analyze(&record.journal.path(), arguments, baseline.as_ref())?;
    let status = exit_status(&ran, &summary);
    // What cannot be printed loses nothing: everything is stored before.
    let stored = store_summary(&record.location, &summary);
    let saved =
        stored.is_ok().then(|| save_baseline(arguments, &record.location, &summary, status));
    let linked = link_newest().map_err(CliError::failed);
    let printed = print_result(arguments, &record.location, &summary);
    if !arguments.quiet {
        tell(&format!("took {}", format_duration(start.elapsed())));
    }
    if let Some(gate) = &summary.gate {
        tell(&render_gate(gate));
    }
    stored?;
    if let Some(note) = saved.transpose()?.flatten() {
        tell(&note);
    }
    linked?;
    printed.map(|()| status)
}

fn plan_new_run(suite: &BenchList, arguments: &BenchArguments) -> Result<Plan, CliError> {
    let benches = select(suite, &arguments.selection()).map_err(CliError::usage)?;
    let seed = arguments.seed.unwrap_or_else(seed_from_clock);
    arguments.plan(suite, &benches, seed)
}

fn seed_from_clock() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    // 48 bits, which every JSON reader keeps exactly.
    (since.as_nanos() as u64) & ((1 << 48) - 1)
}

/// Gets this host ready for the guests of these arms, before anything is recorded.
///
/// # Errors
/// If the host is busy or full, or lacks what a guest needs.
pub fn prepare_host<'a>(
    arms: impl IntoIterator<Item = &'a Arm>,
    host_use: HostUse,
    interrupt: &Interrupt,
    quiet: bool,
) -> Result<Prepared, CliError> {
    let addresses: Vec<&Address> = arms.into_iter().map(|arm| &arm.address).collect();
    let mut tell = |line: &str| {
        if !quiet {
            tell(line);
        }
    };
    prepare(&addresses, host_use, interrupt, &mut tell).map_err(|error| match error {
        GuestError::Interrupted => CliError::interrupted(error),
        // The request is valid; the host is busy or full.
        GuestError::HostLock(_) | GuestError::Qemu(QemuError::DataDisk { .. }) => {
            CliError::failed(error)
        }
        error => CliError::usage(error),
    })
}

fn announce(plan: &Plan, gate: Option<GatePlan>) {
    tell(&plan.describe());
    if let Some(gate) = gate {
        tell(&describe_gate(gate, !plan.settings.margins.is_empty()));
    }
}

/// The inputs of a run that are not part of its plan.
struct Context<'a> {
    arguments: &'a BenchArguments,
    interrupt: &'a Interrupt,
    start: Instant,
}

/// Runs the plan, with its progress on standard error.
fn run(
    plan: &Plan,
    mut fleet: GuestFleet,
    record: &mut OpenRecord,
    context: Context<'_>,
) -> Result<Outcome, JournalError> {
    // Without the link, the newest run is found all the same.
    let mut link = || drop(link_newest());
    let mut progress = Progress::new(progress_mode(context.arguments.quiet));
    let wiring = Wiring {
        journal: &mut record.journal,
        progress: &mut progress,
        replication: &mut FromJournal,
        interrupt: context.interrupt,
        start: context.start,
        on_first_round: &mut link,
    };
    let ran = run_plan(plan, &mut fleet, wiring, &record.checkpoint);
    progress.finish();
    if let Err(error) = &ran {
        tell(&format!("error: {error}"));
    }
    ran
}

fn progress_mode(quiet: bool) -> ProgressMode {
    match (quiet, io::stderr().is_terminal()) {
        (true, _) => ProgressMode::Quiet,
        (false, true) => ProgressMode::Bar,
        (false, false) => ProgressMode::Lines,
    }
}

/// Takes the number of boots from an analysis of the journal.
struct FromJournal;

impl Replication for FromJournal {
    fn boots_wanted(&mut self, journal: &Path) -> Result<HashMap<String, u32>, String> {
        let analysis = analyze_journal(journal, &Overrides::default(), threads());
        analysis.map(|analysis| boots_wanted(&analysis)).map_err(|failure| failure.message)
    }
}

/// Analyses the journal, and judges it where `--gate` asks for that.
fn analyze(
    journal: &Path,
    arguments: &BenchArguments,
    baseline: Option<&Baseline>,
) -> Result<Summary, CliError> {
    let mut analysis = analyze_journal(journal, &Overrides::default(), threads())?;
    if let Some(baseline) = baseline {
        add_changes(&mut analysis, baseline.named());
    }
    let mut summary = analysis.summary;
    summary.gate = arguments.gate.then(|| {
        let against = if baseline.is_some() { Against::Baseline } else { Against::Margin };
        judge_run(&summary, against, baseline.map(|baseline| baseline.name.as_str()))
    });
    Ok(summary)
}

fn print_result(
    arguments: &BenchArguments,
    location: &Location,
    summary: &Summary,
) -> Result<(), CliError> {
    let (verbose, colour) = (arguments.verbose, arguments.color.is_wanted());
    let format = arguments.format.of_result();
    print_summary(summary, format, TextOptions { verbose, colour })?;
    match format {
        Format::Text => print_text(&format!("record: {}\n", location.folder().display())),
        Format::Json => Ok(()),
    }
}

fn store_summary(location: &Location, summary: &Summary) -> Result<(), CliError> {
    write_summary(&location.summary(), summary).map_err(|error| {
        CliError::failed(format!(
            "cannot write {}: {error}; {}",
            location.summary().display(),
            write_remedy(&error)
        ))
    })
}

fn exit_status(ran: &Result<Outcome, JournalError>, summary: &Summary) -> u8 {
    let nothing_measured = summary.comparisons.iter().all(|row| row.is_boot_time);
    match ran {
        Err(_) => FAILED,
        Ok(Outcome::Interrupted) => INTERRUPTED,
        Ok(Outcome::BootsLost) => FAILED,
        Ok(_) if summary.failures().next().is_some() || nothing_measured => FAILED,
        Ok(_) => summary.gate.as_ref().map_or(0, gate_status),
    }
}

/// Saves the run where `--save-baseline` asks for it. With `--gate`, only a run that passes is
/// saved. Returns what to tell the user.
fn save_baseline(
    arguments: &BenchArguments,
    location: &Location,
    summary: &Summary,
    status: u8,
) -> Result<Option<String>, CliError> {
    let Some(name) = &arguments.save_baseline else { return Ok(None) };
    if arguments.gate && status != 0 {
        let name = name.as_str();
        return Ok(Some(format!("not saved as the baseline `{name}`: the gate did not pass")));
    }
    save_if_complete(name, location, summary)?;
    let saved = format!("saved as the baseline `{}`", name.as_str());
    Ok((!arguments.quiet).then_some(saved))
}
