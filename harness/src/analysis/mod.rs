//! From a journal to a summary: pairs rounds, takes boot means, asks the statistics. Reads no clock and no disk.

mod boot_series;
mod compare;
mod exclude;
mod machines;
mod series;

use crate::gate::Margin;
use crate::record::{ArmRecord, Event, Journal};
use crate::statistics::Confidence;
use boot_series::boot_series;
use compare::{Judgement, Sides, compare};
use exclude::exclusions;
use machines::{all_differences, describe};
use series::collect_series;
use sevbench_reports::{
    ArmSummary, Duty, FailedRow, Outcome, Run, SUMMARY_SCHEMA, SkippedRow, Summary,
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
    let exclusions = exclusions(journal);
    let mut series = collect_series(journal, &exclusions);
    series.extend(boot_series(journal));
    let run = run(journal);
    let differences = all_differences(journal, control);
    let is_verified = |arm: &ArmRecord| {
        let of_arm = |summary: &&ArmSummary| summary.name == arm.name;
        run.arms.iter().find(of_arm).is_none_or(|arm| arm.verified != Some(false))
    };
    let mut comparisons = Vec::new();
    for treatment in arms.iter().filter(|arm| arm.role != "control") {
        let sides = Sides {
            control,
            treatment,
            are_verified: is_verified(control) && is_verified(treatment),
            control_is_encrypted: run.arms.iter().any(|arm| {
                arm.name == control.name
                    && arm.claimed.is_none()
                    && arm.encryption.as_deref().is_some_and(|kind| kind.starts_with("SEV"))
            }),
            differ_undeclared: differences
                .iter()
                .any(|row| row.arm == treatment.name && !row.declared),
        };
        comparisons.extend(series.iter().filter_map(|series| compare(series, sides, judgement)));
    }
    Ok(Summary {
        schema: SUMMARY_SCHEMA.into(),
        run,
        comparisons,
        skipped: skipped(journal),
        failed: failed(journal),
        exclusions,
        differences,
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

/// Measured time ÷ wall time, over the benches whose rounds all took place: the time of samples, and what outside
/// programs say that they measured.
fn duty(journal: &Journal) -> Option<Duty> {
    use crate::record::RoundSamples::ElapsedNs;
    let (mut timed_ns, mut wall_ns, mut pending_ns) = (0, 0, 0);
    for event in &journal.events {
        match event {
            Event::Round(round) => {
                let samples = round.arms.iter().filter_map(|arm| match &arm.samples {
                    ElapsedNs(samples) => Some(samples.iter().sum::<u64>()),
                    _ => arm.measured_ns,
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

#[cfg(test)]
#[path = "analysis_tests.rs"]
mod tests;
