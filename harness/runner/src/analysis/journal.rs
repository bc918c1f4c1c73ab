//! The analysis of a journal. It takes one event at a time and keeps what the summary needs.

use super::arms::ArmTable;
use super::boot_times::boot_time_series;
use super::collector::{CollectedSeries, SeriesCollector};
use super::comparisons::{Comparisons, compare_all};
use super::costs::BenchTimes;
use super::dataset::{Dataset, Design};
use super::duty::DutyMeter;
use super::error::AnalysisError;
use super::exclusions::Exclusions;
use super::result::Analysis;
use super::warm_ups::WarmUpTable;
use crate::gate::Margins;
use crate::record::{
    BootRecord, EndRecord, Event, FailureRecord, Header, RoundRecord, Settings, SkipRecord, Tail,
};
use sevbench_reports::{
    ArmSummary, Comparison, Estimand, FailedRow, Flag, MarginSource, NoiseFloor, Outcome,
    Overridden, OverriddenFraction, Replication, Run, SUMMARY_SCHEMA, SkippedRow, Summary,
};
use sevbench_statistics::Confidence;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Settings that replace those of the run.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Two-sided level of the intervals.
    pub confidence: Option<f64>,
    /// One margin for all benches, in per cent.
    pub margin_percent: Option<f64>,
    /// What verdicts are about.
    pub judge: Option<Estimand>,
}

impl Overrides {
    /// Changes the settings, and returns what has another value than in the run.
    fn apply(&self, settings: &mut Settings) -> Vec<Overridden> {
        let mut overridden = Vec::new();
        let differs = |values: &OverriddenFraction| {
            values.run.to_bits() != values.analysis.to_bits() || values.of_benches > 0
        };
        if let Some(level) = self.confidence {
            let of_benches = settings.of_benches.values_mut();
            let own = of_benches.filter_map(|of_bench| of_bench.confidence.take()).count();
            let values = OverriddenFraction {
                run: settings.confidence,
                analysis: level,
                of_benches: own as u32,
            };
            overridden.extend(Some(values).filter(differs).map(Overridden::ConfidenceLevel));
            settings.confidence = level;
        }
        if let Some(percent) = self.margin_percent {
            let values = OverriddenFraction {
                run: settings.margin_percent / 100.0,
                analysis: percent / 100.0,
                of_benches: settings.margins.len() as u32,
            };
            overridden.extend(Some(values).filter(differs).map(Overridden::Margin));
            settings.margin_percent = percent;
            settings.margin_source = Some(MarginSource::Flag);
            settings.margins.clear();
        }
        if let Some(analysis) = self.judge {
            let run = settings.judge();
            if run != analysis {
                overridden.push(Overridden::Judge { run, analysis });
            }
            settings.judge = Some(analysis);
        }
        overridden
    }
}

/// Takes the events of a journal in order, then computes the summary.
#[derive(Debug)]
pub(crate) struct JournalAnalysis {
    header: Header,
    overridden: Vec<Overridden>,
    collector: SeriesCollector,
    exclusions: Exclusions,
    warm_ups: WarmUpTable,
    boots: Vec<BootRecord>,
    skipped: BTreeSet<SkippedRow>,
    failed: Vec<FailedRow>,
    boots_with_rounds: BTreeSet<u32>,
    boots_tried: HashMap<String, BTreeSet<u32>>,
    first_sample_ns: Option<u64>,
    duty: DutyMeter,
    times: BenchTimes,
    /// The last boot of the first stage; `None` without a second stage.
    first_stage: Option<u32>,
}

impl JournalAnalysis {
    pub(crate) fn new(mut header: Header, overrides: &Overrides) -> Self {
        let overridden = overrides.apply(&mut header.settings);
        Self {
            overridden,
            collector: SeriesCollector::new(&header),
            exclusions: Exclusions::default(),
            warm_ups: WarmUpTable::default(),
            boots: Vec::new(),
            skipped: BTreeSet::new(),
            failed: Vec::new(),
            boots_with_rounds: BTreeSet::new(),
            boots_tried: HashMap::new(),
            first_sample_ns: None,
            duty: DutyMeter::default(),
            times: BenchTimes::default(),
            first_stage: None,
            header,
        }
    }

    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::Boot(boot) => {
                self.exclusions.boot(boot);
                self.boots.push((**boot).clone());
            }
            Event::Setup(setup) => {
                self.duty.setup();
                self.boots_tried.entry(setup.bench.clone()).or_default().insert(setup.boot);
                self.collector.setup(setup.clone());
            }
            Event::Round(round) => self.round(round),
            Event::Measured(measured) => {
                self.duty.measured(measured);
                self.times.measured(measured);
            }
            Event::WarmUp(record) => {
                if let Some((bench, arm)) = self.collector.indices(&record.bench, &record.arm) {
                    self.warm_ups.add(bench, arm, record);
                }
                self.times.warm_up(record);
            }
            Event::Extended(extended) => self.first_stage = Some(extended.after_boot),
            Event::Skipped(skip) => {
                self.skipped.insert(skipped_row(skip));
            }
            Event::Failed(failure) => {
                self.collector.failed(failure);
                self.failed.push(failed_row(failure));
            }
            _ => {}
        }
    }

    fn round(&mut self, round: &RoundRecord) {
        self.boots_with_rounds.insert(round.boot);
        self.first_sample_ns.get_or_insert(round.at_ns);
        self.duty.round(round);
        let excluded = self.exclusions.round(round);
        self.collector.round(round, excluded);
    }

    /// The result, once the whole journal is read.
    pub(crate) fn finish(mut self, tail: &Tail, threads: usize) -> Result<Analysis, AnalysisError> {
        let margins = margins(&self.header.settings)?;
        let excluded_by_arm = self.excluded_by_arm();
        let collected = std::mem::take(&mut self.collector).finish();
        let CollectedSeries { mut series, pooled, defects } = collected;
        series.extend(boot_time_series(&self.boots, &self.header.arms));
        let arms = ArmTable::new(&self.header, &self.boots).ok_or(AnalysisError::NoControl)?;
        let data = Dataset {
            arms: &self.header.arms,
            design: Design::Paired,
            pairs: arms.pairs(),
            series,
            pooled,
            warm_ups: std::mem::take(&mut self.warm_ups),
            costs: self.times.costs(&self.header, &self.boots),
            excluded_by_arm,
            confidence: confidence(self.header.settings.confidence)?,
            own_confidence: own_confidence(&self.header)?,
            margins: &margins,
            judge: self.header.settings.judge(),
            first_stage: self.first_stage,
            cut_off: self.cut_off(tail),
            seed: self.header.seed,
        };
        let mut compared = compare_all(data, threads);
        if is_cut_off(tail) {
            flag_cut_off(&mut compared.comparisons, tail);
        }
        let ArmTable { summaries, differences, .. } = arms;
        let mut run = self.run(summaries, tail, compared.noise_floor.take());
        run.defects.extend(defects);
        Ok(Analysis {
            estimates: std::mem::take(&mut compared.estimates),
            boots_tried: counts(&self.boots_tried),
            margins,
            summary: Summary { differences, ..self.summary(run, compared) },
        })
    }

    /// The benches that `--max-time` left without all of their boots.
    fn cut_off(&self, tail: &Tail) -> HashSet<usize> {
        let Some(end) = tail.end.as_ref().filter(|_| is_cut_off(tail)) else {
            return HashSet::new();
        };
        let lacks = |(_, bench): &(usize, &String)| end.lacking.contains_key(*bench);
        self.header.benches.iter().enumerate().filter(lacks).map(|(index, _)| index).collect()
    }

    /// The excluded rounds of each bench, by the arm of their cause.
    fn excluded_by_arm(&mut self) -> HashMap<(usize, u16), u32> {
        let mut counts = HashMap::new();
        for row in &self.exclusions.rows {
            let arm = row.arm.as_deref().unwrap_or_default();
            if let Some(of) = self.collector.indices(&row.bench, arm) {
                *counts.entry(of).or_default() += 1;
            }
        }
        counts
    }

    fn run(&self, arms: Vec<ArmSummary>, tail: &Tail, noise_floor: Option<NoiseFloor>) -> Run {
        let Header { settings, .. } = &self.header;
        Run {
            id: self.header.id.clone(),
            suite: self.header.suite.clone(),
            testbed: self.header.testbed.clone(),
            started: self.header.started.clone(),
            sevbench_version: self.header.sevbench_version.clone(),
            host: self.header.host.clone(),
            seed: self.header.seed,
            arms,
            benches: self.header.benches.clone(),
            outcome: tail.end.as_ref().map_or(Outcome::Truncated, |end| end.outcome),
            cut_off: is_cut_off(tail),
            defects: tail.defects.clone(),
            duty: self.duty.duty(),
            boots: self.boots_with_rounds.len() as u32,
            first_sample_ns: self.first_sample_ns,
            replication: Some(Replication {
                first_stage: settings.boots,
                precision: settings.precision_percent.map(|percent| percent / 100.0),
            }),
            noise_floor,
            judge: self.header.settings.judge(),
            overridden: self.overridden.clone(),
        }
    }

    /// The summary without the differences between the arms.
    fn summary(self, run: Run, compared: Comparisons) -> Summary {
        Summary {
            schema: SUMMARY_SCHEMA.into(),
            run,
            comparisons: compared.comparisons,
            skipped: self.skipped.into_iter().collect(),
            failed: self.failed,
            exclusions: self.exclusions.rows,
            differences: Vec::new(),
            overall: compared.overall,
            outliers: compared.outliers,
            warm_ups: compared.warm_ups,
            gate: None,
        }
    }
}

fn confidence(level: f64) -> Result<Confidence, AnalysisError> {
    Confidence::new(level).map_err(|error| AnalysisError::Settings(error.to_string()))
}

/// The confidence levels of the benches that have one of their own.
fn own_confidence(header: &Header) -> Result<HashMap<usize, Confidence>, AnalysisError> {
    let levels = header.benches.iter().enumerate();
    let own = levels.filter_map(|(index, id)| Some((index, header.settings.confidence(id)?)));
    own.map(|(index, level)| Ok((index, confidence(level)?))).collect()
}

fn margins(settings: &Settings) -> Result<Margins, AnalysisError> {
    let margins = Margins::of(settings.margin_percent, settings.margin_rules())
        .map_err(|error| AnalysisError::Settings(error.to_string()))?;
    Ok(margins.from_source(settings.margin_source.unwrap_or(MarginSource::Run)))
}

/// Whether `--max-time` ended the run. A run that lost its guests lacks boots too, for another
/// reason.
fn is_cut_off(tail: &Tail) -> bool {
    let is_cut_off = |end: &EndRecord| end.outcome == Outcome::Complete && !end.lacking.is_empty();
    tail.end.as_ref().is_some_and(is_cut_off)
}

/// Flags the benches that `--max-time` left without all of their boots.
fn flag_cut_off(comparisons: &mut [Comparison], tail: &Tail) {
    let Some(end) = &tail.end else { return };
    let lines = comparisons.iter_mut();
    let lacking = lines.filter(|one| end.lacking.contains_key(&one.measurand.bench));
    lacking.for_each(|one| one.flags.push(Flag::CutOff));
}

fn counts(boots_tried: &HashMap<String, BTreeSet<u32>>) -> HashMap<String, u32> {
    boots_tried.iter().map(|(bench, boots)| (bench.clone(), boots.len() as u32)).collect()
}

fn skipped_row(skip: &SkipRecord) -> SkippedRow {
    SkippedRow {
        bench: skip.bench.clone(),
        arm: skip.arm.clone(),
        reason: skip.reason.clone(),
        hint: skip.hint.clone(),
    }
}

fn failed_row(failure: &FailureRecord) -> FailedRow {
    FailedRow {
        bench: failure.bench.clone(),
        arm: failure.arm.clone(),
        boot: failure.boot,
        reason: failure.reason.clone(),
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
