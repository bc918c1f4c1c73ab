//! One series, one treatment: pairs, boot means, the intervals, the verdict, the flags.

use super::series::{Series, Value};
use crate::gate::{Margin, judge};
use crate::record::ArmRecord;
use crate::statistics::{
    Confidence, Cost, Interval, LogRatio, Pivot, StatisticsError, t_interval, yuen_interval,
};
use sevbench_reports::{Comparison, Estimate, Mean};

/// By what a comparison is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judgement {
    pub confidence: Confidence,
    pub margin: Margin,
}

/// The two arms, and what is known of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides<'a> {
    pub control: &'a ArmRecord,
    pub treatment: &'a ArmRecord,
    /// Whether every protection that they claim is proved.
    pub are_verified: bool,
    /// Whether the control, which claims no protection, has one.
    pub control_is_encrypted: bool,
    /// Whether they differ in more than the treatment.
    pub differ_undeclared: bool,
}

/// A boot's pairs of rounds.
struct BootPairs {
    ratios: Vec<LogRatio>,
    control_mean: f64,
    treated_mean: f64,
}

/// Compares a treatment with the control; nothing where no round pairs.
pub(super) fn compare(
    series: &Series,
    sides: Sides<'_>,
    judgement: Judgement,
) -> Option<Comparison> {
    let Sides { control, treatment, .. } = sides;
    let boots: Vec<BootPairs> = series
        .boots
        .values()
        .filter_map(|rounds| {
            let pairs = rounds
                .values()
                .filter_map(|arms| Some((*arms.get(&control.name)?, *arms.get(&treatment.name)?)));
            boot_pairs(&pairs.collect::<Vec<_>>())
        })
        .collect();
    let replicates = replicates(&boots);
    let estimate = LogRatio::mean(&replicates)?;
    let rounds = boots.iter().map(|boot| boot.ratios.len()).sum::<usize>() as u32;
    let to_estimate = |interval: Result<Interval, StatisticsError>, method: &str| Estimate {
        estimate: interval.as_ref().map_or(estimate, |interval| interval.estimate).exp().factor(),
        low: interval.as_ref().ok().map(|interval| interval.low.exp().factor()),
        high: interval.as_ref().ok().map(|interval| interval.high.exp().factor()),
        confidence: judgement.confidence.level(),
        method: method.into(),
        boots: boots.len() as u32,
        rounds,
    };
    let t = t_interval(&replicates, judgement.confidence);
    let yuen = yuen_interval(&replicates, judgement.confidence);
    let conditional = boots.len() < 2 || !(control.rebooted && treatment.rebooted);
    let mut flags = Vec::new();
    if treatment.spin_factor.is_some() || control.spin_factor.is_some() {
        flags.push("injected".to_owned());
    }
    if !sides.are_verified {
        flags.push("claimed, not verified".to_owned());
    }
    if sides.control_is_encrypted {
        flags.push("control is encrypted".to_owned());
    }
    if sides.differ_undeclared {
        flags.push("undeclared differences".to_owned());
    }
    if conditional {
        flags.push("conditional on this boot".to_owned());
    }
    if has_tail_effect(&t, &yuen) {
        flags.push("tail effect".to_owned());
    }
    let detectable =
        Pivot::mean(&replicates).map(|pivot| pivot.minimum_detectable(judgement.confidence));
    Some(Comparison {
        bench: series.id.clone(),
        treatment: treatment.name.clone(),
        unit: series.unit.symbol().into(),
        control: Mean { mean: mean(boots.iter().map(|boot| boot.control_mean)) },
        treated: Mean { mean: mean(boots.iter().map(|boot| boot.treated_mean)) },
        slowdown: to_estimate(t, "t on log ratios"),
        robust: to_estimate(yuen, "Yuen 20 % trimmed"),
        verdict: judge(t_interval(&replicates, Confidence::P90), judgement.margin).to_string(),
        margin: judgement.margin.fraction(),
        minimum_detectable: detectable.ok().map(|ratio| ratio.exp().factor() - 1.0),
        flags,
    })
}

fn boot_pairs(pairs: &[(Value, Value)]) -> Option<BootPairs> {
    let ratios: Vec<LogRatio> = pairs
        .iter()
        .filter_map(|(control, treated)| {
            Some(LogRatio::of_costs(Cost::new(treated.cost).ok()?, Cost::new(control.cost).ok()?))
        })
        .collect();
    (!ratios.is_empty()).then(|| BootPairs {
        ratios,
        control_mean: mean(pairs.iter().map(|(control, _)| control.shown)),
        treated_mean: mean(pairs.iter().map(|(_, treated)| treated.shown)),
    })
}

/// Boot means; of a single boot its rounds, which is then said.
fn replicates(boots: &[BootPairs]) -> Vec<LogRatio> {
    match boots {
        [single] => single.ratios.clone(),
        many => many.iter().filter_map(|boot| LogRatio::mean(&boot.ratios)).collect(),
    }
}

/// Whether the two intervals disagree, at either bound, by more than half of the wider one's width.
fn has_tail_effect(
    t: &Result<Interval, StatisticsError>,
    yuen: &Result<Interval, StatisticsError>,
) -> bool {
    let (Ok(t), Ok(yuen)) = (t, yuen) else { return false };
    let low = (t.low.value() - yuen.low.value()).abs();
    let high = (t.high.value() - yuen.high.value()).abs();
    low.max(high) > t.width().max(yuen.width()) / 2.0
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}
