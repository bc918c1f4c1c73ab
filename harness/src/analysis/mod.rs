//! From a journal to a summary: pairs rounds, takes boot means, asks the statistics. Reads no clock and no disk.

mod compare;
mod series;

use crate::gate::Margin;
use crate::record::{ArmRecord, Event, Journal};
use crate::statistics::Confidence;
use compare::{Judgement, compare};
use series::collect_series;
use sevbench_guest::{Facts, differences};
use sevbench_reports::{
    ArmSummary, DifferenceRow, Duty, FailedRow, Outcome, Run, SUMMARY_SCHEMA, SkippedRow, Summary,
    format_value,
};
use std::collections::BTreeSet;
use thiserror::Error;

/// A journal that cannot be analysed.
#[derive(Debug, Error)]
pub(crate) enum AnalysisError {
    #[error("the journal's settings are not usable: {0}")]
    Settings(String),
    #[error("the journal names no control arm")]
    NoControl,
}

/// The analysis of one journal: the same journal gives the same summary, to the bit.
pub(crate) fn analyze(journal: &Journal) -> Result<Summary, AnalysisError> {
    let settings = &journal.header.settings;
    let judgement = Judgement {
        confidence: Confidence::new(settings.confidence)
            .map_err(|e| AnalysisError::Settings(e.to_string()))?,
        margin: Margin::percent(settings.margin_percent)
            .map_err(|e| AnalysisError::Settings(e.to_string()))?,
    };
    let arms = &journal.header.arms;
    let control = arms.iter().find(|arm| arm.role == "control").ok_or(AnalysisError::NoControl)?;
    let series = collect_series(journal);
    let mut comparisons = Vec::new();
    for treatment in arms.iter().filter(|arm| arm.role != "control") {
        comparisons.extend(
            series.iter().filter_map(|series| compare(series, control, treatment, judgement)),
        );
    }
    Ok(Summary {
        schema: SUMMARY_SCHEMA.into(),
        run: run(journal),
        comparisons,
        skipped: skipped(journal),
        failed: failed(journal),
        exclusions: Vec::new(),
        differences: all_differences(journal, control),
    })
}

fn run(journal: &Journal) -> Run {
    let header = &journal.header;
    let boots: BTreeSet<u32> = journal.events.iter().filter_map(round_boot).collect();
    let first_sample_ns = journal.events.iter().find_map(|event| match event {
        Event::Round(round) => Some(round.at_ns),
        _ => None,
    });
    Run {
        id: header.id.clone(),
        suite: header.suite.clone(),
        testbed: header.testbed.clone(),
        started: header.started.clone(),
        seed: header.seed,
        arms: header.arms.iter().map(|arm| describe(journal, arm)).collect(),
        outcome: journal.end.as_ref().map_or(Outcome::Truncated, |end| end.outcome),
        duty: duty(journal),
        boots: boots.len() as u32,
        first_sample_ns,
    }
}

const fn round_boot(event: &Event) -> Option<u32> {
    match event {
        Event::Round(round) => Some(round.boot),
        _ => None,
    }
}

fn describe(journal: &Journal, arm: &ArmRecord) -> ArmSummary {
    let boot = journal.events.iter().find_map(|event| match event {
        Event::Boot(boot) if boot.arm == arm.name => Some(boot),
        _ => None,
    });
    let mut parts = Vec::new();
    if arm.address == "loopback" {
        parts.push("a process on this machine".to_owned());
    }
    if let Some(factor) = arm.spin_factor {
        parts.push(format!("slowdown of {factor} injected"));
    }
    if let Some(Facts { kernel, cpu_model, cpus, memory_bytes, .. }) = boot.map(|boot| &boot.facts)
    {
        let memory = format_value(*memory_bytes as f64, "B");
        parts.push(format!("kernel {kernel}, {cpu_model}, {cpus} CPUs, {memory}"));
    }
    ArmSummary {
        name: arm.name.clone(),
        role: arm.role.clone(),
        claimed: arm.claimed.clone(),
        verified: arm.claimed.as_ref().map(|_| false),
        evidence: Vec::new(),
        address: arm.address.clone(),
        description: parts.join(", "),
        injected: arm.spin_factor,
        agent_resident_bytes: boot.map(|boot| boot.agent_resident_bytes),
    }
}

/// Timed sample time ÷ wall time, over the benches whose rounds all took place.
fn duty(journal: &Journal) -> Option<Duty> {
    use crate::record::RoundSamples::ElapsedNs;
    let (mut timed_ns, mut wall_ns, mut pending_ns) = (0, 0, 0);
    for event in &journal.events {
        match event {
            Event::Round(round) => {
                let samples = round.arms.iter().filter_map(|arm| match &arm.samples {
                    ElapsedNs(samples) => Some(samples.iter().sum::<u64>()),
                    _ => None,
                });
                pending_ns += samples.sum::<u64>();
            }
            Event::Measured(measured) if pending_ns > 0 => {
                timed_ns += std::mem::take(&mut pending_ns);
                wall_ns += measured.wall_ns;
            }
            Event::Setup(_) => pending_ns = 0,
            _ => {}
        }
    }
    (wall_ns > 0).then(|| Duty { timed_ns, wall_ns, share: timed_ns as f64 / wall_ns as f64 })
}

fn skipped(journal: &Journal) -> Vec<SkippedRow> {
    let rows: BTreeSet<SkippedRow> = journal
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Skipped(skip) => Some(SkippedRow {
                bench: skip.bench.clone(),
                arm: skip.arm.clone(),
                reason: skip.reason.clone(),
                hint: skip.hint.clone(),
            }),
            _ => None,
        })
        .collect();
    rows.into_iter().collect()
}

fn failed(journal: &Journal) -> Vec<FailedRow> {
    let row = |event: &Event| match event {
        Event::Failed(failure) => Some(FailedRow {
            bench: failure.bench.clone(),
            arm: failure.arm.clone(),
            boot: failure.boot,
            reason: failure.reason.clone(),
        }),
        _ => None,
    };
    journal.events.iter().filter_map(row).collect()
}

/// Differences between the arms' facts in any boot, each once.
fn all_differences(journal: &Journal, control: &ArmRecord) -> Vec<DifferenceRow> {
    let boots = || {
        journal.events.iter().filter_map(|event| match event {
            Event::Boot(boot) => Some(boot),
            _ => None,
        })
    };
    let mut rows = Vec::new();
    for there in boots().filter(|boot| boot.arm != control.name) {
        let Some(here) = boots().find(|boot| boot.arm == control.name && boot.boot == there.boot)
        else {
            continue;
        };
        for difference in differences(&here.facts, &there.facts) {
            let row = DifferenceRow {
                fact: difference.fact,
                control: difference.control,
                arm: there.arm.clone(),
                treatment: difference.treatment,
                declared: difference.declared,
            };
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    rows
}

#[cfg(test)]
#[path = "analysis_tests.rs"]
mod tests;
