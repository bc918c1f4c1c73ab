//! What the first stage's boots say of how many are needed.

use super::Analysis;
use sevbench_statistics::{Confidence, LogRatio, Pivot, two_stage_boots};
use std::collections::HashMap;

/// The boots, in all, that bring every interval of a bench to the precision of the run's settings, by Stein's rule with the
/// boots of the journal as the first stage. A bench of an outside program is held to its figures and means, not to its
/// percentiles: it would be repeated for the sake of its tail. Benches without an interval are left out, and all where no
/// precision was asked for.
pub(crate) fn boots_wanted(analysis: &Analysis) -> HashMap<String, u32> {
    let mut wanted = HashMap::new();
    let replication = analysis.summary.run.replication;
    let Some(precision) = replication.and_then(|replication| replication.precision) else {
        return wanted;
    };
    let half_width = LogRatio::new(precision.ln_1p());
    for (comparison, estimated) in analysis.summary.comparisons.iter().zip(&analysis.estimates) {
        let bench = &comparison.measurand.bench;
        if comparison.is_boot_time || comparison.resolution.is_some() {
            continue;
        }
        let (Ok(pivot), Ok(confidence)) =
            (Pivot::mean(&estimated.boots), Confidence::new(comparison.slowdown.confidence))
        else {
            continue;
        };
        let n = estimated.boots.len() as u32;
        let deviation = pivot.standard_error * f64::from(n).sqrt();
        let needed = two_stage_boots(n, deviation, half_width, confidence);
        // A boot that gave no value gives none the next time either, for all that is known.
        let tried = analysis.boots_tried.get(bench).copied().unwrap_or(n);
        let most: &mut u32 = wanted.entry(bench.clone()).or_default();
        *most = needed.saturating_add(tried.saturating_sub(n)).max(*most);
    }
    wanted
}
