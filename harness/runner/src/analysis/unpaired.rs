//! Arms that did not run in common blocks: Welch's t on the logarithms of boot means, and no pairs.

use super::context::{ArmPair, Context};
use super::outliers::{Placed, outliers};
use super::paired::{Basis, SeriesComparison, has_tail_effect, line};
use super::series::{Row, Series};
use sevbench_reports::{BootRow, Comparison, Flag, OutlierRow};
use sevbench_statistics::{Cost, LogRatio, Pivot};
use std::collections::BTreeMap;

/// One arm's values by boot.
struct ArmBoots {
    boots: Vec<Vec<Row>>,
}

impl ArmBoots {
    fn of(series: &Series, arm: u16) -> Self {
        let rows: Vec<Row> = series
            .rows
            .iter()
            .filter(|row| row.arm == arm && !row.excluded && Cost::new(row.value.cost).is_ok())
            .copied()
            .collect();
        Self { boots: rows.chunk_by(|a, b| a.boot == b.boot).map(<[Row]>::to_vec).collect() }
    }

    /// The geometric mean cost of each boot, or the cost of each round.
    fn replicates(&self, by_rounds: bool) -> Vec<Cost> {
        let geometric = |rows: &[Row]| {
            let logs = rows.iter().map(|row| row.value.cost.ln()).sum::<f64>();
            Cost::new((logs / rows.len() as f64).exp()).ok()
        };
        if by_rounds {
            let rows = self.boots.iter().flatten();
            return rows.filter_map(|row| Cost::new(row.value.cost).ok()).collect();
        }
        self.boots.iter().filter_map(|rows| geometric(rows)).collect()
    }

    fn shown(&self) -> f64 {
        let mean = |rows: &Vec<Row>| {
            rows.iter().map(|row| row.value.shown).sum::<f64>() / rows.len() as f64
        };
        self.boots.iter().map(mean).sum::<f64>() / self.boots.len() as f64
    }

    fn rounds(&self) -> u32 {
        self.boots.iter().map(Vec::len).sum::<usize>() as u32
    }

    fn placed(&self) -> Vec<Placed> {
        let rows = self.boots.iter().flatten();
        rows.map(|row| (row.boot, row.round, LogRatio::new(row.value.cost.ln()))).collect()
    }
}

/// Comparisons arms that are not paired; nothing where either has no value.
pub(super) fn compare_unpaired(
    series: &Series,
    pair: ArmPair,
    context: &Context<'_>,
) -> Option<SeriesComparison> {
    let (control, treated) =
        (ArmBoots::of(series, context.control), ArmBoots::of(series, pair.treatment));
    if control.boots.is_empty() || treated.boots.is_empty() {
        return None;
    }
    // Rounds stand for boots where there is one of either arm, and that is said; beside boots they would be no replicates.
    let by_rounds = control.boots.len() == 1 && treated.boots.len() == 1;
    let (control_costs, treated_costs) =
        (control.replicates(by_rounds), treated.replicates(by_rounds));
    let mean =
        |costs: &[Cost]| costs.iter().map(|cost| cost.ln()).sum::<f64>() / costs.len() as f64;
    let point = LogRatio::new(mean(&treated_costs) - mean(&control_costs));
    let basis = Basis {
        boots: control.boots.len().min(treated.boots.len()) as u32,
        rounds: control.rounds().min(treated.rounds()),
        confidence: context.confidence,
    };
    let pivot = Pivot::unpaired(&treated_costs, &control_costs);
    let robust = Pivot::unpaired_trimmed(&treated_costs, &control_costs);
    let mut flags = pair.flags();
    flags.push(Flag::Unpaired);
    if basis.boots < 2 || !pair.rebooted {
        flags.push(Flag::ConditionalOnThisBoot);
    }
    if has_tail_effect(&pivot, &robust, context.confidence.level()) {
        flags.push(Flag::TailEffect);
    }
    let estimates = [
        basis.estimate(point, &pivot, "Welch's t on logarithms"),
        basis.estimate(point, &robust, "Yuen and Welch, 20 % trimmed"),
    ];
    let means = [control.shown(), treated.shown()];
    let of_all = line(series, pair, context, means, estimates, pivot.as_ref().ok());
    let per_boot = boot_rows(&control, &treated);
    let comparison = Comparison { flags, per_boot, ..of_all };
    Some(SeriesComparison { comparison, bench: series.bench, boots: Vec::new(), pivot: pivot.ok() })
}

/// Both arms' boots, by number. Boots of equal number are not a pair.
fn boot_rows(control: &ArmBoots, treated: &ArmBoots) -> Vec<BootRow> {
    let mut rows: BTreeMap<u32, BootRow> = BTreeMap::new();
    for (side, is_control) in [(control, true), (treated, false)] {
        for of_boot in &side.boots {
            let mean =
                of_boot.iter().map(|row| row.value.shown).sum::<f64>() / of_boot.len() as f64;
            let boot = of_boot[0].boot;
            let empty = BootRow { boot, rounds: 0, control: None, treated: None, slowdown: None };
            let row = rows.entry(boot).or_insert(empty);
            row.rounds = row.rounds.max(of_boot.len() as u32);
            *(if is_control { &mut row.control } else { &mut row.treated }) = Some(mean);
        }
    }
    rows.into_values().collect()
}

/// Values of either arm that lie apart from the others of that arm.
pub(super) fn unpaired_outliers(
    series: &Series,
    pair: ArmPair,
    context: &Context<'_>,
) -> Vec<OutlierRow> {
    let of = |arm: u16| {
        let name = &context.arms[usize::from(arm)].name;
        outliers(&series.measurand, name, &ArmBoots::of(series, arm).placed(), true)
    };
    [of(context.control), of(pair.treatment)].concat()
}
