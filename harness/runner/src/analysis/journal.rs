//! A journal, event by event: what is kept of it is the values and what is said once.

use super::arms::{all_differences, describe};
use super::boot_times::boot_time_series;
use super::context::{ArmPair, Costs};
use super::exclusions::ExclusionLedger;
use super::series::{CollectedSeries, SeriesCollector};
use super::warm_ups::WarmUpTable;
use super::{Analysis, AnalysisError, Dataset};
use crate::gate::Margins;
use crate::record::{
    ArmRecord, ArmStanding, BootRecord, Event, Header, RoundRecord, RoundSamples, Settings, Tail,
    standings,
};
use sevbench_reports::{
    ArmSummary, DifferenceRow, Duty, FailedRow, Flag, MarginSource, Outcome, Replication, Role,
    Run, SUMMARY_SCHEMA, SkippedRow, Summary,
};
use sevbench_statistics::Confidence;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What is judged otherwise than the run was told to.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Two-sided level of the intervals.
    pub confidence: Option<f64>,
    /// One margin for all benches, in per cent.
    pub margin_percent: Option<f64>,
}

impl Overrides {
    fn apply(&self, settings: &mut Settings) {
        settings.confidence = self.confidence.unwrap_or(settings.confidence);
        if let Some(percent) = self.margin_percent {
            settings.margin_percent = percent;
            settings.margin_source = Some(MarginSource::Flag);
            settings.margins.clear();
        }
    }
}

/// Takes the events of a journal in their order.
pub(crate) struct JournalAnalysis {
    header: Header,
    overrides: Overrides,
    collector: SeriesCollector,
    exclusions: ExclusionLedger,
    warm_ups: WarmUpTable,
    boots: Vec<BootRecord>,
    skipped: BTreeSet<SkippedRow>,
    failed: Vec<FailedRow>,
    boots_with_rounds: BTreeSet<u32>,
    boots_tried: HashMap<String, BTreeSet<u32>>,
    first_sample_ns: Option<u64>,
    timed_ns: f64,
    wall_ns: f64,
    /// Timed since the last set-up: it counts once its bench is measured to its end.
    pending_ns: f64,
    /// By bench: wall time and number of its boots.
    walls: HashMap<String, (f64, u32)>,
    /// By bench: the time of all its warm-ups.
    warm_up_ns: HashMap<String, f64>,
    /// The last boot of the first stage, if there was a second.
    first_stage: Option<u32>,
}

impl JournalAnalysis {
    pub(crate) fn new(header: Header, overrides: Overrides) -> Self {
        Self {
            overrides,
            collector: SeriesCollector::new(&header),
            exclusions: ExclusionLedger::default(),
            warm_ups: WarmUpTable::default(),
            boots: Vec::new(),
            skipped: BTreeSet::new(),
            failed: Vec::new(),
            boots_with_rounds: BTreeSet::new(),
            boots_tried: HashMap::new(),
            first_sample_ns: None,
            timed_ns: 0.0,
            wall_ns: 0.0,
            pending_ns: 0.0,
            walls: HashMap::new(),
            warm_up_ns: HashMap::new(),
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
                self.pending_ns = 0.0;
                self.boots_tried.entry(setup.bench.clone()).or_default().insert(setup.boot);
                self.collector.setup(setup.clone());
            }
            Event::Round(round) => self.round(round),
            Event::Measured(measured) => {
                if self.pending_ns > 0.0 {
                    self.timed_ns += std::mem::take(&mut self.pending_ns);
                    self.wall_ns += measured.wall_ns as f64;
                }
                let wall = self.walls.entry(measured.bench.clone()).or_default();
                *wall = (wall.0 + measured.wall_ns as f64, wall.1 + 1);
            }
            Event::WarmUp(record) => {
                if let Some((bench, arm)) = self.collector.place(&record.bench, &record.arm) {
                    self.warm_ups.add(bench, arm, record);
                }
                let took_ns = record.elapsed_ns.iter().map(|ns| *ns as f64).sum::<f64>();
                *self.warm_up_ns.entry(record.bench.clone()).or_default() += took_ns;
            }
            Event::Extended(extended) => self.first_stage = Some(extended.after_boot),
            Event::Skipped(skip) => {
                self.skipped.insert(SkippedRow {
                    bench: skip.bench.clone(),
                    arm: skip.arm.clone(),
                    reason: skip.reason.clone(),
                    hint: skip.hint.clone(),
                });
            }
            Event::Failed(failure) => {
                self.collector.failed(failure);
                self.failed.push(FailedRow {
                    bench: failure.bench.clone(),
                    arm: failure.arm.clone(),
                    boot: failure.boot,
                    reason: failure.reason.clone(),
                });
            }
            _ => {}
        }
    }

    fn round(&mut self, round: &RoundRecord) {
        self.boots_with_rounds.insert(round.boot);
        self.first_sample_ns.get_or_insert(round.at_ns);
        let samples = round.arms.iter().filter_map(|arm| match &arm.samples {
            RoundSamples::ElapsedNs(samples) => Some(samples.iter().map(|ns| *ns as f64).sum()),
            RoundSamples::Observations(_) => arm.measured_ns.map(|ns| ns as f64),
        });
        self.pending_ns += samples.sum::<f64>();
        let excluded = self.exclusions.round(round);
        self.collector.round(round, excluded);
    }

    /// The summary, once the journal was read to its end.
    pub(crate) fn finish(self, tail: &Tail, threads: usize) -> Result<Analysis, AnalysisError> {
        let Self { mut header, collector, exclusions, warm_ups, boots, skipped, failed, .. } = self;
        self.overrides.apply(&mut header.settings);
        let settings = &header.settings;
        let unusable = |error: String| AnalysisError::Settings(error);
        let confidence =
            Confidence::new(settings.confidence).map_err(|error| unusable(error.to_string()))?;
        let margins = Margins::of(settings.margin_percent, settings.margin_rules())
            .map_err(|error| unusable(error.to_string()))?
            .from_source(settings.margin_source.unwrap_or(MarginSource::Run));
        let control = header.arms.iter().position(|arm| arm.role == Role::Control);
        let control = control.ok_or(AnalysisError::NoControl)?;
        let standings = standings(&header.arms);
        let sha256 = &header.executable_sha256;
        let described = header.arms.iter().zip(&standings);
        let arms: Vec<ArmSummary> =
            described.map(|(arm, standing)| describe(arm, *standing, &boots, sha256)).collect();
        let differences = all_differences(&header.arms, &boots, &header.arms[control]);
        let CollectedSeries { mut series, pooled } = collector.finish();
        series.extend(boot_time_series(&boots, &header.arms));
        let costs = costs(&header, &boots, &self.walls, &self.warm_up_ns);
        let dataset = Dataset {
            arms: &header.arms,
            control: control as u16,
            series,
            pooled,
            warm_ups,
            costs,
            confidence,
            margins: &margins,
            first_stage: self.first_stage,
            seed: header.seed,
            unpaired: false,
            pairs: arm_pairs(&header.arms, &standings, control, &arms, &differences),
        };
        let mut compares = dataset.compare(threads);
        let lacking = tail.end.iter().flat_map(|end| end.lacking.keys()).collect::<BTreeSet<_>>();
        let run = Run {
            id: header.id.clone(),
            suite: header.suite.clone(),
            testbed: header.testbed.clone(),
            started: header.started.clone(),
            sevbench_version: header.sevbench_version.clone(),
            host: header.host.clone(),
            seed: header.seed,
            arms,
            benches: header.benches.clone(),
            outcome: tail.end.as_ref().map_or(Outcome::Truncated, |end| end.outcome),
            cut_off: !lacking.is_empty(),
            defects: tail.defects.clone(),
            duty: (self.wall_ns > 0.0).then(|| Duty {
                timed_ns: self.timed_ns as u64,
                wall_ns: self.wall_ns as u64,
                share: self.timed_ns / self.wall_ns,
            }),
            boots: self.boots_with_rounds.len() as u32,
            first_sample_ns: self.first_sample_ns,
            replication: Some(Replication {
                first_stage: settings.boots,
                precision: settings.precision_percent.map(|percent| percent / 100.0),
            }),
            noise_floor: compares.noise_floor,
        };
        let tried = self.boots_tried.into_iter().map(|(bench, boots)| (bench, boots.len() as u32));
        let boots_tried = tried.collect();
        let lines = compares.comparisons.iter_mut();
        let lacking = lines.filter(|one| lacking.contains(&one.measurand.bench));
        lacking.for_each(|one| one.flags.push(Flag::CutOff));
        let summary = Summary {
            schema: SUMMARY_SCHEMA.into(),
            run,
            comparisons: compares.comparisons,
            skipped: skipped.into_iter().collect(),
            failed,
            exclusions: exclusions.rows,
            differences,
            overall: compares.overall,
            outliers: compares.outliers,
            warm_ups: compares.warm_ups,
            gate: None,
        };
        Ok(Analysis { summary, estimates: compares.estimates, boots_tried, margins })
    }
}

/// Every treatment against the control.
fn arm_pairs(
    arms: &[ArmRecord],
    standings: &[ArmStanding],
    control: usize,
    summaries: &[ArmSummary],
    differences: &[DifferenceRow],
) -> Vec<ArmPair> {
    let is_verified = |arm: usize| summaries[arm].verified != Some(false);
    let encryption = summaries[control].encryption.as_deref().unwrap_or_default();
    let control_is_encrypted =
        summaries[control].claimed.is_none() && encryption.starts_with("SEV");
    let treatments = (0..arms.len()).filter(|arm| arms[*arm].role == Role::Treatment);
    let arm_pairs = treatments.map(|treatment| ArmPair {
        treatment: treatment as u16,
        injected: [control, treatment].iter().any(|arm| arms[*arm].spin_factor.is_some()),
        rebooted: arms[control].rebooted && arms[treatment].rebooted,
        are_verified: is_verified(control) && is_verified(treatment),
        control_is_encrypted,
        differ_undeclared: differences
            .iter()
            .any(|row| row.arm == arms[treatment].name && !row.declared),
        judged: standings[treatment].judged,
    });
    arm_pairs.collect()
}

fn costs(
    header: &Header,
    boots: &[BootRecord],
    walls: &HashMap<String, (f64, u32)>,
    warm_up_ns: &HashMap<String, f64>,
) -> Costs {
    let mut blocks: BTreeMap<u32, f64> = BTreeMap::new();
    for boot in boots {
        let phases = &boot.phases;
        let parts = [phases.start_ns, phases.ship_ns, phases.agent_ns, phases.settle_ns];
        *blocks.entry(boot.boot).or_default() += parts.map(|ns| ns as f64).iter().sum::<f64>();
    }
    let total: f64 = blocks.values().sum();
    let warm_ups = header.benches.iter().enumerate().filter_map(|(index, bench)| {
        let (_, boots) = walls.get(bench)?;
        Some((index, warm_up_ns.get(bench)? / 1e9 / f64::from(*boots)))
    });
    let rounds = header.benches.iter().enumerate().filter_map(|(index, bench)| {
        let (wall_ns, boots) = walls.get(bench)?;
        let wall_s = wall_ns / 1e9 / f64::from(*boots);
        Some((index, (wall_s, f64::from(header.settings.rounds))))
    });
    Costs {
        warm_ups: warm_ups.collect(),
        boot_block_s: total / 1e9 / blocks.len().max(1) as f64,
        benches: header.benches.len() as f64,
        rounds: rounds.collect(),
    }
}
