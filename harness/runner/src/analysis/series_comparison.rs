//! One comparison, with the inputs of the overall results.

use super::dataset::ComparisonInput;
use super::result::BootEstimate;
use crate::gate::{Evidence, blur};
use sevbench_reports::{Comparison, Estimate, Flag, Mean};
use sevbench_statistics::{LogRatio, Pivot};

/// One series, compared between two arms.
pub(super) struct SeriesComparison {
    pub comparison: Comparison,
    /// The index of the bench.
    pub bench: usize,
    /// Each boot; empty if the arms are not paired.
    pub boots: Vec<BootRatio>,
    /// The estimate; `None` without an interval.
    pub pivot: Option<Pivot>,
}

/// The log ratio of a boot: the mean over its rounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct BootRatio {
    pub boot: u32,
    pub ratio: LogRatio,
    pub rounds: u32,
}

impl SeriesComparison {
    pub(super) fn estimate(&self) -> BootEstimate {
        let ratios = self.boots.iter().map(|boot| boot.ratio).collect();
        BootEstimate { ratios, pivot: self.pivot }
    }
}

/// The estimates that every comparison has.
pub(super) struct LineEstimates<'a> {
    /// The means of the control and of the treatment, in the unit of the series.
    pub means: [f64; 2],
    pub slowdown: Estimate,
    pub robust: Option<Estimate>,
    /// The estimate of the slowdown; `None` without an interval.
    pub pivot: Option<&'a Pivot>,
    /// The log ratios of boots; empty if the slowdown is not their mean.
    pub ratios: &'a [LogRatio],
}

/// A comparison with the fields that paired and unpaired arms have in common.
pub(super) fn comparison_line(
    input: ComparisonInput<'_>,
    estimates: LineEstimates<'_>,
) -> Comparison {
    let LineEstimates { means: [control, treated], slowdown, robust, pivot, ratios } = estimates;
    let (series, confidence) = (input.series, input.confidence());
    let margin = input.margin();
    let (margin_source, margin_rule) = input.data.margins.source_of(&series.measurand);
    let resolution = input.resolution();
    let blur = blur(resolution);
    let evidence = Evidence { boots: slowdown.boots, mean: pivot, ratios, blur };
    let judgement = evidence.judge(input.data.judge, margin);
    let detectable =
        |pivot: &Pivot| (pivot.minimum_detectable(confidence) + blur).exp().factor() - 1.0;
    Comparison {
        measurand: series.measurand.clone(),
        treatment: input.treatment().to_owned(),
        point: None,
        unit: series.unit,
        control: Mean { mean: control },
        treated: Mean { mean: treated },
        slowdown,
        robust,
        typical: None,
        fieller: None,
        bootstrap: None,
        unexcluded: None,
        variance_shares: None,
        p_value: pivot.map(|pivot| pivot.p_beyond(blur)),
        q_value: None,
        p_regressed: judgement.p_regressed,
        p_regressed_holm: None,
        verdict: judgement.verdict,
        estimand: judgement.estimand,
        margin: margin.fraction(),
        margin_source,
        margin_rule,
        minimum_detectable: pivot.map(detectable),
        settle: None,
        prospect: None,
        best_rounds: None,
        unpaired_rounds: 0,
        warm_up: None,
        resolution,
        change: None,
        judged: true,
        is_boot_time: false,
        groups: None,
        per_boot: Vec::new(),
        flags: judgement.is_median_beyond.then_some(Flag::MedianBeyond).into_iter().collect(),
    }
}
