//! How often the flags of doubt are raised, on simulated tables: seldom without a cause, nearly
//! always with one.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::super::table::{TableOptions, analyze_table};
use crate::record::{Table, TableBench, TableRow};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sevbench_protocol::Unit;
use sevbench_reports::{Flag, Summary};

const ROUNDS: u32 = 4;

/// A run. The log cost of an arm in a round, in σ = 1 %, is `effect(boot, uniform)` in the
/// treatment, plus a normal deviate of the boot and another one of the round.
struct Run {
    benches: usize,
    boots: u32,
    /// The control's cost, in ns.
    cost: f64,
    /// What the values are multiples of, in ns.
    step: f64,
    effect: fn(u32, f64) -> f64,
    unpaired: bool,
}

impl Run {
    fn analyze(&self, rng: &mut ChaCha8Rng) -> Summary {
        let benches = (0..self.benches).map(|index| TableBench {
            id: format!("s/{index}"),
            unit: Unit::Nanoseconds,
            rows: (1..=self.boots).flat_map(|boot| self.rows(boot, rng)).collect(),
        });
        let arms = vec!["nosev".into(), "snp".into()];
        let table = Table { arms, benches: benches.collect() };
        let options = TableOptions { unpaired: self.unpaired, ..TableOptions::smallest() };
        analyze_table(&table, options).unwrap().summary
    }

    fn rows(&self, boot: u32, rng: &mut ChaCha8Rng) -> Vec<TableRow> {
        let mut rows = Vec::new();
        for arm in 0..2 {
            let share = rng.random();
            let effect = if arm == 1 { (self.effect)(boot, share) } else { 0.0 };
            let of_boot = normal(rng) + effect;
            for round in 1..=ROUNDS {
                let exact = self.cost * (0.01 * (of_boot + normal(rng))).exp();
                let value = (exact / self.step).round().max(1.0) * self.step;
                rows.push(TableRow { arm, boot, round, value, operations: 1.0, line: 1 });
            }
        }
        rows
    }

    /// In how many of the runs some line has a flag for which `is_doubt` holds.
    fn flagged(&self, runs: u64, is_doubt: impl Fn(&Flag) -> bool) -> f64 {
        let is_flagged = |run: &u64| {
            let summary = self.analyze(&mut ChaCha8Rng::seed_from_u64(*run));
            summary.comparisons.iter().flat_map(|line| &line.flags).any(&is_doubt)
        };
        (0..runs).filter(is_flagged).count() as f64 / runs as f64
    }
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let [u, v]: [f64; 2] = [rng.random(), rng.random()];
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

const CLEAN: Run =
    Run { benches: 10, boots: 10, cost: 1e6, step: 1e-3, effect: |_, _| 0.0, unpaired: false };

#[test]
fn clean_runs_of_ten_benches_are_seldom_flagged() {
    for boots in [10, 30] {
        let share = Run { boots, ..CLEAN }.flagged(250, |_| true);
        // 5 %, and two standard errors.
        assert!(share <= 0.078, "{boots} boots: {share}");
    }
}

/// Without pairs, each arm's own boots and values are looked at.
#[test]
fn unpaired_arms_are_doubted_too() {
    let one = Run { benches: 1, unpaired: true, ..CLEAN };
    let drift = Run { boots: 30, effect: |boot, _| f64::from(boot) / 3.0, ..one };
    let coarse = Run { cost: 10.0, step: 1.0, ..one };
    for (run, flag) in [(drift, Flag::SerialDependence), (coarse, Flag::NoSpread)] {
        let share = run.flagged(40, |found| *found == flag);
        assert!(share >= 0.9, "{flag}: {share}");
    }
    assert!(one.flagged(40, |flag| *flag != Flag::Unpaired) <= 0.1);
}

/// The deviation of a boot's log ratio is √(2 · (1 + 1/4)) %: 1.6 %.
#[test]
fn causes_of_doubt_are_found_in_four_of_five_runs() {
    let one = Run { benches: 1, ..CLEAN };
    let mode = Run { effect: |_, share| if share < 0.2 { 16.0 } else { 0.0 }, ..one };
    let drift = Run { boots: 30, effect: |boot, _| 6.4 * f64::from(boot) / 29.0, ..one };
    let coarse = Run { cost: 10.0, step: 1.0, ..one };
    for (run, flag) in
        [(mode, Flag::TwoGroups), (drift, Flag::SerialDependence), (coarse, Flag::NoSpread)]
    {
        let share = run.flagged(150, |found| *found == flag);
        assert!(share >= 0.8, "{flag}: {share}");
    }
}
