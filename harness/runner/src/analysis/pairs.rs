//! Pairs: the values of two arms in the same round, and their means by boot.

use super::arm_pair::ArmPair;
use super::series::{Row, Series};
use sevbench_statistics::{Cost, LogRatio};

/// A round in which both arms have a usable value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub round: u32,
    control: Cost,
    treated: Cost,
    /// Both values in the unit of the series.
    shown: [f64; 2],
    pub ratio: LogRatio,
    /// The variance of the log ratios of single samples, and their number.
    pub samples: Option<(f32, u32)>,
}

/// The pairs of one boot block, at least one.
#[derive(Clone, Debug)]
pub(super) struct BootPairs {
    pub boot: u32,
    pub pairs: Vec<Pair>,
}

/// The pairs of a series.
pub(super) struct Pairing {
    pub boots: Vec<BootPairs>,
    /// The number of rounds in which only one arm has a usable value.
    pub unpaired_rounds: u32,
}

/// The rounds that are paired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RoundFilter {
    /// Excluded rounds too.
    All,
    WithoutExcluded,
}

/// Pairs the rows of two arms.
pub(super) fn pair_rounds(series: &Series, arms: ArmPair, filter: RoundFilter) -> Pairing {
    let mut boots: Vec<BootPairs> = Vec::new();
    let mut unpaired_rounds = 0;
    for rows in series.rows.chunk_by(|a, b| (a.boot, a.round) == (b.boot, b.round)) {
        if rows[0].excluded && filter == RoundFilter::WithoutExcluded {
            continue;
        }
        let of = |arm: u16| rows.iter().find(|row| row.arm == arm);
        match (of(arms.control), of(arms.treatment)) {
            (None, None) => {}
            (Some(control), Some(treated)) => match usable(control, treated) {
                Some(pair) => match boots.last_mut().filter(|boot| boot.boot == rows[0].boot) {
                    Some(boot) => boot.pairs.push(pair),
                    None => boots.push(BootPairs { boot: rows[0].boot, pairs: vec![pair] }),
                },
                None => unpaired_rounds += 1,
            },
            _ => unpaired_rounds += 1,
        }
    }
    Pairing { boots, unpaired_rounds }
}

fn usable(control: &Row, treated: &Row) -> Option<Pair> {
    let [control_cost, treated_cost] = [control, treated].map(|row| Cost::new(row.value.cost));
    let (control_cost, treated_cost) = (control_cost.ok()?, treated_cost.ok()?);
    Some(Pair {
        round: control.round,
        control: control_cost,
        treated: treated_cost,
        shown: [control.value.shown, treated.value.shown],
        ratio: LogRatio::of_costs(treated_cost, control_cost),
        samples: treated.samples,
    })
}

impl BootPairs {
    fn ratios(&self) -> Vec<LogRatio> {
        self.pairs.iter().map(|pair| pair.ratio).collect()
    }

    /// The mean log ratio over rounds.
    pub(super) fn mean(&self) -> LogRatio {
        let sum: f64 = self.pairs.iter().map(|pair| pair.ratio.value()).sum();
        LogRatio::new(sum / self.pairs.len() as f64)
    }

    /// The means of the control and of the treatment, in the unit of the series.
    pub(super) fn means(&self) -> [f64; 2] {
        let mean = |side: usize| {
            self.pairs.iter().map(|pair| pair.shown[side]).sum::<f64>() / self.pairs.len() as f64
        };
        [mean(0), mean(1)]
    }

    /// The mean costs of the control and of the treatment.
    pub(super) fn costs(&self) -> Option<(Cost, Cost)> {
        let n = self.pairs.len() as f64;
        let mean = |side: fn(&Pair) -> Cost| {
            Cost::new(self.pairs.iter().map(|pair| side(pair).value()).sum::<f64>() / n).ok()
        };
        Some((mean(|pair| pair.control)?, mean(|pair| pair.treated)?))
    }
}

/// The mean log ratio of each boot. A single boot is replaced by its rounds; its line is flagged
/// `conditional on this boot`.
pub(super) fn replicates(boots: &[BootPairs]) -> Vec<LogRatio> {
    match boots {
        [single] => single.ratios(),
        many => many.iter().map(BootPairs::mean).collect(),
    }
}
