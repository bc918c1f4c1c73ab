//! The arms, and how the run ended.

use crate::model::{Outcome, Overridden, OverriddenFraction, Place, Run, Summary};
use crate::text::TextOptions;
use crate::text::lines::{judged, percent};
use sevbench_text::counted;
use std::fmt::{Result, Write};

/// The share of runs in which the named mode goes unseen.
const UNSEEN_PROBABILITY: f64 = 0.05;

/// Whether the control's machine is the only one.
fn has_one_machine(run: &Run) -> bool {
    run.arms.iter().all(|arm| arm.place == Some(Place::Loopback))
        || run.treatments().all(|arm| arm.repeats_control)
}

pub(super) fn write_arms(out: &mut String, summary: &Summary) -> Result {
    for arm in &summary.run.arms {
        let claim = match (&arm.claimed, arm.verified) {
            (Some(claimed), Some(true)) => format!("; {claimed}, verified"),
            (Some(claimed), _) => format!("; {claimed} claimed, not verified"),
            // Among other treatments; otherwise one line says it of all arms.
            (None, _) if arm.repeats_control && !has_one_machine(&summary.run) => {
                "; repeats the control (A/A)".into()
            }
            (None, _) => String::new(),
        };
        let description = match arm.description.as_str() {
            "" => "never reached",
            text => text,
        };
        writeln!(out, "{}: {} ({}): {description}{claim}", arm.role, arm.name, arm.address)?;
        if !arm.evidence.is_empty() && arm.place != Some(Place::Loopback) {
            writeln!(out, "  evidence: {}", arm.evidence.join("; "))?;
        }
    }
    Ok(())
}

/// A mode of how many boots this number of boots may not show: 1 − 0.05^(1/G).
fn write_unseen(out: &mut String, summary: &Summary) -> Result {
    let measured = summary.comparisons.iter().filter(|one| !one.is_boot_time);
    let fewest = measured.map(|one| one.slowdown.boots).min();
    let Some(boots) = fewest.filter(|boots| *boots > 1) else { return Ok(()) };
    let share = 100.0 * (1.0 - UNSEEN_PROBABILITY.powf(1.0 / f64::from(boots)));
    writeln!(
        out,
        "limit of {boots} boots: if {share:.0} % of all boots were slow, one run in twenty would have none of them"
    )
}

fn write_overridden(out: &mut String, what: &str, values: OverriddenFraction) -> Result {
    let OverriddenFraction { run, analysis, of_benches } = values;
    let others = match of_benches {
        0 => String::new(),
        count => format!(" (and other values for {})", counted(count, "bench")),
    };
    let (run, analysis) = (percent(run), percent(analysis));
    writeln!(out, "{what}: {analysis} % in this analysis, {run} %{others} in the run")
}

pub(super) fn write_run(out: &mut String, summary: &Summary, options: TextOptions) -> Result {
    let run = &summary.run;
    if has_one_machine(run) {
        let injected = run.arms.iter().any(|arm| arm.injected.is_some());
        let what = if injected { "apart from the injected slowdown, this" } else { "this" };
        writeln!(out, "{what} compares a machine with itself (A/A)")?;
    }
    match run.outcome {
        Outcome::Complete => {}
        Outcome::Interrupted => {
            writeln!(
                out,
                "interrupted: this result covers what was measured before; --resume continues the run"
            )?;
        }
        Outcome::Stopped => {
            writeln!(
                out,
                "stopped, because an arm did not start: this result covers what was recorded before"
            )?;
        }
        Outcome::BootsLost => {
            writeln!(
                out,
                "boots lost: too many boots lost a guest; fix the cause, then continue with --resume"
            )?;
        }
        Outcome::Truncated => {
            writeln!(
                out,
                "the record is incomplete: this result covers its complete rounds; --resume continues the run"
            )?;
        }
    }
    if run.cut_off {
        writeln!(
            out,
            "cut off: --max-time ended the run before the benches flagged `cut off` had all their boots"
        )?;
    }
    for one in &run.overridden {
        match one {
            Overridden::ConfidenceLevel(values) => {
                write_overridden(out, "confidence level", *values)
            }
            Overridden::Margin(values) => write_overridden(out, "margin", *values),
            Overridden::Judge { run, analysis } => {
                let (run, analysis) = (judged(*run), judged(*analysis));
                writeln!(
                    out,
                    "verdicts: about the {analysis} in this analysis, the {run} in the run"
                )
            }
        }?;
    }
    for defect in &run.defects {
        writeln!(out, "ignored: {defect}")?;
    }
    write_unseen(out, summary)?;
    if let Some(duty) = run.duty {
        writeln!(out, "duty: {:.1} % of the measuring phase was timed", duty.share * 100.0)?;
    }
    if options.verbose {
        if let Some(first_sample_ns) = run.first_sample_ns {
            let seconds = first_sample_ns as f64 / 1e9;
            writeln!(out, "first sample: {seconds:.2} s after the start")?;
        }
        writeln!(out, "seed: {}; boots: {}; started: {}", run.seed, run.boots, run.started)?;
    }
    Ok(())
}
