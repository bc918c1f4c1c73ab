//! Rounds that lie apart from the others of their series: labelled, never left out.

use super::pairs::BootPairs;
use sevbench_reports::{Measurand, OutlierLabel, OutlierRow};
use sevbench_statistics::{LogRatio, OutlierLabel as Fence, tukey_labels};

/// A value with its place: (boot, round, log ratio or log cost).
pub(super) type Placed = (u32, u32, LogRatio);

/// The residuals of pairs: each log ratio less the mean of its boot, or of all where boots have one round each.
pub(super) fn residuals(boots: &[BootPairs]) -> Vec<Placed> {
    let single = boots.iter().all(|boot| boot.pairs.len() == 1);
    let placed = boots.iter().flat_map(|boot| {
        let mean = if single { 0.0 } else { boot.mean().value() };
        boot.pairs
            .iter()
            .map(move |pair| (boot.boot, pair.round, LogRatio::new(pair.ratio.value() - mean)))
    });
    placed.collect()
}

/// Those outside of Tukey's fences, in the order of the series. Of an arm's own series the first value may be that of a cold start; of
/// pairs, where both arms began alike, it is one like others.
pub(super) fn outliers(
    measurand: &Measurand,
    arm: &str,
    placed: &[Placed],
    own_series: bool,
) -> Vec<OutlierRow> {
    let values: Vec<LogRatio> = placed.iter().map(|(.., value)| *value).collect();
    let labels = tukey_labels(&values);
    let labelled =
        placed.iter().zip(labels).enumerate().filter_map(|(place, ((boot, round, _), label))| {
            Some(OutlierRow {
                bench: measurand.to_string(),
                arm: arm.into(),
                boot: *boot,
                round: *round,
                label: label_of(label?),
                first: own_series && place == 0,
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
