//! The time that boots, warm-ups and rounds took in a run: what more of them would cost.

use crate::record::{BootRecord, Header, MeasuredRecord, WarmUpRecord};
use std::collections::{BTreeMap, HashMap};

/// The times in a run, in seconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Costs {
    /// The mean time to boot every arm once.
    boot_block_s: f64,
    /// The number of benches that share a boot block.
    benches: f64,
    /// By bench, the wall time of its rounds in a boot and their number.
    rounds: HashMap<usize, (f64, f64)>,
    /// By bench, the time of its warm-ups in a boot.
    warm_ups: HashMap<usize, f64>,
}

/// One bench's part of the times, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct BenchCosts {
    /// Its share of a boot that all benches use.
    pub boot_s: f64,
    /// A boot for this bench alone.
    pub whole_boot_s: f64,
    /// One round.
    pub round_s: f64,
    /// The number of rounds in a boot.
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

/// Adds up the times of each bench while a journal is read.
#[derive(Debug, Default)]
pub(super) struct BenchTimes {
    /// By bench, the wall time of its rounds and the number of its boots.
    walls: HashMap<String, (f64, u32)>,
    /// By bench, the time of all its warm-ups.
    warm_up_ns: HashMap<String, f64>,
}

impl BenchTimes {
    pub(super) fn measured(&mut self, measured: &MeasuredRecord) {
        let wall = self.walls.entry(measured.bench.clone()).or_default();
        *wall = (wall.0 + measured.wall_ns as f64, wall.1 + 1);
    }

    pub(super) fn warm_up(&mut self, record: &WarmUpRecord) {
        let took_ns = record.elapsed_ns.iter().map(|ns| *ns as f64).sum::<f64>();
        *self.warm_up_ns.entry(record.bench.clone()).or_default() += took_ns;
    }

    pub(super) fn costs(&self, header: &Header, boots: &[BootRecord]) -> Costs {
        let warm_ups = header.benches.iter().enumerate().filter_map(|(index, bench)| {
            let (_, boots) = self.walls.get(bench)?;
            Some((index, self.warm_up_ns.get(bench)? / 1e9 / f64::from(*boots)))
        });
        let rounds = header.benches.iter().enumerate().filter_map(|(index, bench)| {
            let (wall_ns, boots) = self.walls.get(bench)?;
            let wall_s = wall_ns / 1e9 / f64::from(*boots);
            Some((index, (wall_s, f64::from(header.settings.rounds(bench)))))
        });
        Costs {
            warm_ups: warm_ups.collect(),
            boot_block_s: boot_block_s(boots),
            benches: header.benches.len() as f64,
            rounds: rounds.collect(),
        }
    }
}

/// The mean time to boot every arm once.
fn boot_block_s(boots: &[BootRecord]) -> f64 {
    let mut blocks: BTreeMap<u32, f64> = BTreeMap::new();
    for boot in boots {
        let phases = &boot.phases;
        let parts = [phases.start_ns, phases.ship_ns, phases.agent_ns, phases.settle_ns];
        *blocks.entry(boot.boot).or_default() += parts.map(|ns| ns as f64).iter().sum::<f64>();
    }
    blocks.values().sum::<f64>() / 1e9 / blocks.len().max(1) as f64
}
