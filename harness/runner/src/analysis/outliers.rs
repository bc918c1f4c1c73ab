//! Outlier rounds, by Tukey's fences. They are labelled and kept.

use super::dataset::ComparisonInput;
use super::pairs::{BootPairs, RoundFilter, pair_rounds};
use sevbench_reports::{OutlierLabel, OutlierRow};
use sevbench_statistics::{LogRatio, OutlierLabel as Fence, tukey_labels};

/// A value, and the round that it comes from.
struct RoundValue {
    boot: u32,
    round: u32,
    value: LogRatio,
}

/// The outliers among the log ratios of pairs.
pub(super) fn paired_outliers(input: ComparisonInput<'_>) -> Vec<OutlierRow> {
    let pairing = pair_rounds(input.series, input.pair, RoundFilter::WithoutExcluded);
    outlier_rows(input, input.treatment(), &residuals(&pairing.boots))
}

/// The outliers among the costs of each arm. The first value of an arm may be a cold start.
pub(super) fn unpaired_outliers(input: ComparisonInput<'_>) -> Vec<OutlierRow> {
    let of = |arm: u16, name: &str| {
        let values: Vec<RoundValue> = input
            .series
            .usable_rows(arm)
            .map(|row| {
                let value = LogRatio::new(row.value.cost.ln());
                RoundValue { boot: row.boot, round: row.round, value }
            })
            .collect();
        let mut rows = outlier_rows(input, name, &values);
        if let (Some(row), Some(first)) = (rows.first_mut(), values.first()) {
            row.first = (row.boot, row.round) == (first.boot, first.round);
        }
        rows
    };
    [of(input.pair.control, input.control()), of(input.pair.treatment, input.treatment())].concat()
}

/// Each log ratio minus the mean of its boot. If every boot has one round, nothing is subtracted.
fn residuals(boots: &[BootPairs]) -> Vec<RoundValue> {
    let single = boots.iter().all(|boot| boot.pairs.len() == 1);
    let of_boot = |boot: &BootPairs| {
        let mean = if single { 0.0 } else { boot.mean().value() };
        let residual = |ratio: LogRatio| LogRatio::new(ratio.value() - mean);
        let values = boot.pairs.iter().map(|pair| RoundValue {
            boot: boot.boot,
            round: pair.round,
            value: residual(pair.ratio),
        });
        values.collect::<Vec<_>>()
    };
    boots.iter().flat_map(of_boot).collect()
}

fn outlier_rows(input: ComparisonInput<'_>, arm: &str, values: &[RoundValue]) -> Vec<OutlierRow> {
    let ratios: Vec<LogRatio> = values.iter().map(|value| value.value).collect();
    let labelled = values.iter().zip(tukey_labels(&ratios)).filter_map(|(value, label)| {
        Some(OutlierRow {
            measurand: input.series.measurand.clone(),
            arm: arm.into(),
            boot: value.boot,
            round: value.round,
            label: label_of(label?),
            first: false,
        })
    });
    labelled.collect()
}

const fn label_of(fence: Fence) -> OutlierLabel {
    match fence {
        Fence::LowSevere => OutlierLabel::LowSevere,
        Fence::LowMild => OutlierLabel::LowMild,
        Fence::HighMild => OutlierLabel::HighMild,
        Fence::HighSevere => OutlierLabel::HighSevere,
    }
}
