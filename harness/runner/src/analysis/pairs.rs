//! Pairs: what two arms made of the same round, and what boots make of them.

use super::series::{Row, Series};
use sevbench_statistics::{Cost, LogRatio};

/// A round that both arms have a usable value of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub round: u32,
    pub control: Cost,
    pub treated: Cost,
    /// The values as they are shown.
    pub shown: [f64; 2],
    pub ratio: LogRatio,
    pub samples: Option<(f32, u32)>,
}

/// The pairs of one boot block; there is one at least.
#[derive(Clone, Debug)]
pub(super) struct BootPairs {
    pub boot: u32,
    pub pairs: Vec<Pair>,
}

/// What pairs in a series, and how many rounds do not.
pub(super) struct Pairing {
    pub boots: Vec<BootPairs>,
    pub unpaired_rounds: u32,
}

/// Pairs the rows of two arms; `with_excluded` also those that the exclusions leaves out.
pub(super) fn pair_rounds(
    series: &Series,
    control: u16,
    treatment: u16,
    with_excluded: bool,
) -> Pairing {
    let mut boots: Vec<BootPairs> = Vec::new();
    let mut unpaired_rounds = 0;
    for rows in series.rows.chunk_by(|a, b| (a.boot, a.round) == (b.boot, b.round)) {
        if rows[0].excluded && !with_excluded {
            continue;
        }
        let of = |arm: u16| rows.iter().find(|row| row.arm == arm);
        match (of(control), of(treatment)) {
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
    pub(super) fn ratios(&self) -> Vec<LogRatio> {
        self.pairs.iter().map(|pair| pair.ratio).collect()
    }

    pub(super) fn mean(&self) -> LogRatio {
        let sum: f64 = self.pairs.iter().map(|pair| pair.ratio.value()).sum();
        LogRatio::new(sum / self.pairs.len() as f64)
    }

    /// The mean of what is shown, of the control and of the treatment.
    pub(super) fn shown(&self) -> [f64; 2] {
        let mean = |side: usize| {
            self.pairs.iter().map(|pair| pair.shown[side]).sum::<f64>() / self.pairs.len() as f64
        };
        [mean(0), mean(1)]
    }

    /// The mean costs of both arms.
    pub(super) fn costs(&self) -> Option<(Cost, Cost)> {
        let n = self.pairs.len() as f64;
        let mean = |side: fn(&Pair) -> Cost| {
            Cost::new(self.pairs.iter().map(|pair| side(pair).value()).sum::<f64>() / n).ok()
        };
        Some((mean(|pair| pair.control)?, mean(|pair| pair.treated)?))
    }
}

/// Boot means; of a single boot its rounds, which is then said.
pub(super) fn replicates(boots: &[BootPairs]) -> Vec<LogRatio> {
    match boots {
        [single] => single.ratios(),
        many => many.iter().map(BootPairs::mean).collect(),
    }
}
