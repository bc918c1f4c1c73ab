//! Series: for each bench and metric, a value by boot, round and arm.

use super::metrics::{Counts, Percentile, Value};
use sevbench_reports::{Measurand, Unit};
use sevbench_statistics::Cost;
use std::collections::{BTreeMap, BTreeSet};

/// One metric of one bench.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub measurand: Measurand,
    /// The index of the bench.
    pub bench: usize,
    pub unit: Unit,
    /// Ordered by boot, round and arm.
    pub rows: Vec<Row>,
    /// Whether it is the time that a part of a boot took.
    pub is_boot_time: bool,
    /// The percentile that the values are, if they are one.
    pub percentile: Option<Percentile>,
}

/// A value of one arm in one round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Row {
    pub boot: u32,
    pub round: u32,
    pub arm: u16,
    /// Whether the round is excluded for an external cause.
    pub excluded: bool,
    pub value: Value,
    /// The variance, within the round, of the log ratios of its samples to the control's, and their
    /// number.
    pub samples: Option<(f32, u32)>,
}

impl Series {
    /// The rows of an arm that are not excluded and have a usable cost.
    pub(super) fn usable_rows(&self, arm: u16) -> impl Iterator<Item = &Row> {
        let rows = self.rows.iter().filter(move |row| row.arm == arm && !row.excluded);
        rows.filter(|row| Cost::new(row.value.cost).is_ok())
    }
}

/// The distributions of a bench's observation, pooled over the rounds of each boot and arm.
#[derive(Clone, Debug)]
pub(super) struct PooledDistribution {
    /// The observation's name.
    pub name: String,
    /// The smallest relative difference that percentiles can show: that of the coarsest part.
    pub resolution: f64,
    /// By (boot, arm). Cumulative once the whole journal is read.
    pub boots: BTreeMap<(u32, u16), Counts>,
    /// The (boot, round, arm) whose distributions are pooled.
    pub rounds: BTreeSet<(u32, u32, u16)>,
}

impl PooledDistribution {
    /// The empty distribution of an observation.
    pub(super) const fn named(name: String) -> Self {
        Self { name, resolution: 0.0, boots: BTreeMap::new(), rounds: BTreeSet::new() }
    }
}

/// Pooled distributions by (bench, observation).
pub(super) type PooledTable = BTreeMap<(usize, usize), PooledDistribution>;
