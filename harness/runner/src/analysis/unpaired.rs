//! Arms that ran independently of each other: Welch's t on the logarithms of boot means.

use super::dataset::ComparisonInput;
use super::doubts::{depends_on_order, has_no_spread};
use super::estimate::Basis;
use super::series::{Row, Series};
use super::series_comparison::{LineEstimates, SeriesComparison, comparison_line};
use sevbench_reports::{BootRow, Comparison, Flag};
use sevbench_statistics::{Cost, LogRatio, Pivot};
use std::collections::BTreeMap;

/// Compares arms that are not paired. `None` if an arm has no value.
pub(super) fn compare_unpaired(input: ComparisonInput<'_>) -> Option<SeriesComparison> {
    let (series, pair, confidence) = (input.series, input.pair, input.confidence());
    let control = ArmBoots::of(series, pair.control);
    let treated = ArmBoots::of(series, pair.treatment);
    if control.boots.is_empty() || treated.boots.is_empty() {
        return None;
    }
    // Rounds are replicates only if both arms have a single boot; the line is then flagged.
    let replicate = match (control.boots.len(), treated.boots.len()) {
        (1, 1) => Replicate::Round,
        _ => Replicate::Boot,
    };
    let (control_costs, treated_costs) = (control.costs(replicate), treated.costs(replicate));
    let mean =
        |costs: &[Cost]| costs.iter().map(|cost| cost.ln()).sum::<f64>() / costs.len() as f64;
    let point = LogRatio::new(mean(&treated_costs) - mean(&control_costs));
    let basis = Basis {
        boots: control.boots.len().min(treated.boots.len()) as u32,
        rounds: control.rounds().min(treated.rounds()),
        confidence,
    };
    let pivot = Pivot::unpaired(&treated_costs, &control_costs);
    let trimmed = Pivot::unpaired_trimmed(&treated_costs, &control_costs);
    let mut flags = pair.flags();
    flags.push(Flag::Unpaired);
    if basis.boots < 2 || !pair.rebooted {
        flags.push(Flag::ConditionalOnThisBoot);
    }
    if [&control, &treated].into_iter().any(|arm| has_no_spread(input, arm.shown())) {
        flags.push(Flag::NoSpread);
    }
    let in_order =
        |arm: &ArmBoots| depends_on_order(input, arm.boots.iter().map(|rows| boot_mean(rows)));
    if in_order(&control) || in_order(&treated) {
        flags.push(Flag::SerialDependence);
    }
    let estimates = LineEstimates {
        means: [control.mean(), treated.mean()],
        slowdown: basis.estimate(point, &pivot, "Welch's t on logarithms"),
        robust: basis.robust(&trimmed, "Yuen and Welch, 20 % trimmed"),
        pivot: pivot.as_ref().ok(),
        ratios: &[],
    };
    let line = comparison_line(input, estimates);
    let comparison = Comparison { flags, per_boot: boot_rows(&control, &treated), ..line };
    Some(SeriesComparison { comparison, bench: series.bench, boots: Vec::new(), pivot: pivot.ok() })
}

/// What counts as one independent value.
#[derive(Clone, Copy)]
enum Replicate {
    Boot,
    Round,
}

/// The usable values of one arm, by boot.
struct ArmBoots {
    boots: Vec<Vec<Row>>,
}

impl ArmBoots {
    fn of(series: &Series, arm: u16) -> Self {
        let rows: Vec<Row> = series.usable_rows(arm).copied().collect();
        Self { boots: rows.chunk_by(|a, b| a.boot == b.boot).map(<[Row]>::to_vec).collect() }
    }

    /// The geometric mean cost of each boot, or the cost of each round.
    fn costs(&self, replicate: Replicate) -> Vec<Cost> {
        let geometric = |rows: &[Row]| {
            let logs = rows.iter().map(|row| row.value.cost.ln()).sum::<f64>();
            Cost::new((logs / rows.len() as f64).exp()).ok()
        };
        match replicate {
            Replicate::Boot => self.boots.iter().filter_map(|rows| geometric(rows)).collect(),
            Replicate::Round => {
                let rows = self.boots.iter().flatten();
                rows.filter_map(|row| Cost::new(row.value.cost).ok()).collect()
            }
        }
    }

    /// The mean over boots, in the unit of the series.
    fn mean(&self) -> f64 {
        self.boots.iter().map(|rows| boot_mean(rows)).sum::<f64>() / self.boots.len() as f64
    }

    /// All values, in the unit of the series.
    fn shown(&self) -> impl Iterator<Item = f64> {
        self.boots.iter().flatten().map(|row| row.value.shown)
    }

    fn rounds(&self) -> u32 {
        self.boots.iter().map(Vec::len).sum::<usize>() as u32
    }
}

/// The boots of both arms, by number. Boots with the same number are not a pair.
fn boot_rows(control: &ArmBoots, treated: &ArmBoots) -> Vec<BootRow> {
    let mut rows: BTreeMap<u32, BootRow> = BTreeMap::new();
    for (arm, is_control) in [(control, true), (treated, false)] {
        for of_boot in &arm.boots {
            let boot = of_boot[0].boot;
            let empty = BootRow { boot, rounds: 0, control: None, treated: None, slowdown: None };
            let row = rows.entry(boot).or_insert(empty);
            row.rounds = row.rounds.max(of_boot.len() as u32);
            *(if is_control { &mut row.control } else { &mut row.treated }) =
                Some(boot_mean(of_boot));
        }
    }
    rows.into_values().collect()
}

fn boot_mean(rows: &[Row]) -> f64 {
    rows.iter().map(|row| row.value.shown).sum::<f64>() / rows.len() as f64
}
