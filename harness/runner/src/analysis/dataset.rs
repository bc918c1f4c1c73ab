//! Everything that comparisons are computed from.

use super::arm_pair::ArmPair;
use super::costs::Costs;
use super::series::{PooledTable, Series};
use super::warm_ups::WarmUpTable;
use crate::gate::{Margin, Margins};
use crate::record::ArmRecord;
use sevbench_reports::Estimand;
use sevbench_statistics::Confidence;
use std::collections::{HashMap, HashSet};

/// Everything that comparisons are computed from.
pub(super) struct Dataset<'a> {
    pub arms: &'a [ArmRecord],
    pub design: Design,
    /// The pairs of arms to compare.
    pub pairs: Vec<ArmPair>,
    pub series: Vec<Series>,
    pub pooled: PooledTable,
    pub warm_ups: WarmUpTable,
    pub costs: Costs,
    /// The rounds of each bench that are excluded for a cause in an arm, by the indices of both.
    pub excluded_by_arm: HashMap<(usize, u16), u32>,
    /// That of intervals over all benches, and of benches without one of their own.
    pub confidence: Confidence,
    /// Those of some benches, by the index of the bench.
    pub own_confidence: HashMap<usize, Confidence>,
    pub margins: &'a Margins,
    /// What verdicts are about.
    pub judge: Estimand,
    /// The last boot of the first stage; `None` without a second stage.
    pub first_stage: Option<u32>,
    /// The indices of benches that the time limit left without all boots of their second stage.
    pub cut_off: HashSet<usize>,
    pub seed: u64,
}

impl Dataset<'_> {
    /// The most lines that its result can have.
    pub(super) fn line_count(&self) -> usize {
        (self.pairs.len() * self.series.len()).max(1)
    }
}

/// How the arms of a dataset ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Design {
    /// In common boot blocks and rounds.
    Paired,
    /// Independently of each other.
    Unpaired,
}

/// One series, compared between two arms.
#[derive(Clone, Copy)]
pub(super) struct ComparisonInput<'a> {
    pub series: &'a Series,
    pub pair: ArmPair,
    pub data: &'a Dataset<'a>,
}

impl ComparisonInput<'_> {
    pub(super) fn margin(&self) -> Margin {
        self.data.margins.of_measurand(&self.series.measurand)
    }

    pub(super) fn confidence(&self) -> Confidence {
        *self.data.own_confidence.get(&self.series.bench).unwrap_or(&self.data.confidence)
    }

    /// The last boot of the first stage; `None` if the spread of that stage did not set the number
    /// of boots: without a second stage, or if the time limit did.
    pub(super) fn first_stage(&self) -> Option<u32> {
        self.data.first_stage.filter(|_| !self.data.cut_off.contains(&self.series.bench))
    }

    /// The smallest relative difference that percentiles of the series can show.
    pub(super) fn resolution(&self) -> Option<f64> {
        let percentile = self.series.percentile?;
        let pooled = self.data.pooled.get(&(self.series.bench, percentile.observation))?;
        Some(pooled.resolution)
    }

    /// The rounds that are excluded for a cause in the control, and in the treatment.
    pub(super) fn excluded_by_arm(&self) -> [u32; 2] {
        let of = |arm: u16| self.data.excluded_by_arm.get(&(self.series.bench, arm));
        [self.pair.control, self.pair.treatment].map(|arm| of(arm).copied().unwrap_or(0))
    }

    pub(super) fn treatment(&self) -> &str {
        &self.data.arms[usize::from(self.pair.treatment)].name
    }

    pub(super) fn control(&self) -> &str {
        &self.data.arms[usize::from(self.pair.control)].name
    }
}
