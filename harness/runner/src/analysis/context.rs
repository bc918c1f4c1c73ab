//! What every comparison of a run has in common.

use super::series::{PooledDistribution, Series};
use super::warm_ups::WarmUpTable;
use crate::gate::Margins;
use crate::record::ArmRecord;
use sevbench_reports::Flag;
use sevbench_statistics::Confidence;
use std::collections::{BTreeMap, HashMap};

/// What every comparison of a run has in common.
pub(super) struct Context<'a> {
    pub arms: &'a [ArmRecord],
    pub control: u16,
    pub confidence: Confidence,
    pub margins: &'a Margins,
    /// The last boot of the first stage, where there is a second.
    pub first_stage: Option<u32>,
    pub costs: &'a Costs,
    pub pooled: &'a BTreeMap<(usize, usize), PooledDistribution>,
    pub warm_ups: &'a WarmUpTable,
}

impl Context<'_> {
    /// The smallest relative difference that the values of a series can show.
    pub(super) fn resolution(&self, series: &Series) -> Option<f64> {
        let percentile = series.percentile?;
        let pooled = self.pooled.get(&(series.bench, percentile.place))?;
        Some(pooled.resolution)
    }
}

/// The two arms, and what is known of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct ArmPair {
    pub treatment: u16,
    /// Whether a slowdown is injected into either.
    pub injected: bool,
    /// Whether each boot is another life of both machines.
    pub rebooted: bool,
    /// Whether every protection that they claim is proved.
    pub are_verified: bool,
    /// Whether the control, which claims no protection, has one.
    pub control_is_encrypted: bool,
    /// Whether they differ in more than the treatment.
    pub differ_undeclared: bool,
    /// Whether a gate judges the treatment.
    pub judged: bool,
}

impl ArmPair {
    pub(super) fn flags(self) -> Vec<Flag> {
        let all = [
            (!self.judged, Flag::ControlRepeated),
            (self.injected, Flag::Injected),
            (!self.are_verified, Flag::ClaimedNotVerified),
            (self.control_is_encrypted, Flag::ControlIsEncrypted),
            (self.differ_undeclared, Flag::UndeclaredDifferences),
        ];
        all.into_iter().filter(|(holds, _)| *holds).map(|(_, flag)| flag).collect()
    }
}

/// What things took in a run, in seconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Costs {
    /// A boot of every arm.
    pub boot_block_s: f64,
    /// How many benches share it.
    pub benches: f64,
    /// By bench: the wall time of its rounds in a boot, and how many there are.
    pub rounds: HashMap<usize, (f64, f64)>,
    /// By bench: what its warm-ups take in a boot.
    pub warm_ups: HashMap<usize, f64>,
}

/// What a bench's part of it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct BenchCosts {
    /// A boot, shared by all benches.
    pub boot_s: f64,
    /// A boot for this bench alone.
    pub whole_boot_s: f64,
    pub round_s: f64,
    /// Rounds in a boot.
    pub rounds: f64,
}

impl Costs {
    pub(super) fn of(&self, bench: usize) -> Option<BenchCosts> {
        let (wall_s, rounds) = *self.rounds.get(&bench)?;
        let warm_up_s = self.warm_ups.get(&bench).copied().unwrap_or(0.0);
        (rounds > 0.0 && self.benches > 0.0).then(|| BenchCosts {
            boot_s: self.boot_block_s / self.benches + warm_up_s,
            whole_boot_s: self.boot_block_s + warm_up_s,
            round_s: wall_s / rounds,
            rounds,
        })
    }
}
