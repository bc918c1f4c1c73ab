//! How many boots each bench needs, computed from the boots of the first stage.

use super::result::Analysis;
use sevbench_statistics::{Confidence, LogRatio, Pivot, two_stage_boots};
use std::collections::HashMap;

/// By bench, the total number of boots that brings each of its intervals to the precision in the
/// run's settings. This is Stein's rule with the boots of the journal as the first stage.
///
/// Percentiles do not count, because their tails would need too many boots. Benches without an
/// interval are left out. Without a precision in the settings, the result is empty.
pub(crate) fn boots_wanted(analysis: &Analysis) -> HashMap<String, u32> {
    let mut wanted = HashMap::new();
    let replication = analysis.summary.run.replication;
    let Some(precision) = replication.and_then(|replication| replication.precision) else {
        return wanted;
    };
    let half_width = LogRatio::new(precision.ln_1p());
    for line in analysis.lines() {
        let bench = &line.comparison.measurand.bench;
        if line.comparison.is_boot_time || line.comparison.resolution.is_some() {
            continue;
        }
        let ratios = &line.estimate.ratios;
        let (Ok(pivot), Ok(confidence)) =
            (Pivot::mean(ratios), Confidence::new(line.comparison.slowdown.confidence))
        else {
            continue;
        };
        let n = ratios.len() as u32;
        let deviation = pivot.standard_error * f64::from(n).sqrt();
        let needed = two_stage_boots(n, deviation, half_width, confidence);
        // A boot that gave no value is assumed to give none the next time.
        let tried = analysis.boots_tried.get(bench).copied().unwrap_or(n);
        let most: &mut u32 = wanted.entry(bench.clone()).or_default();
        *most = needed.saturating_add(tried.saturating_sub(n)).max(*most);
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::super::test_journal::{analyze_on, five_boots, journal, setups};
    use super::*;
    use crate::record::Event;

    /// Reference values of Stein's rule for these ratios.
    #[test]
    fn boots_wanted_follow_the_spread_of_the_first_stage() {
        let wanted = |percent: Option<f64>, events: Vec<Event>| {
            let mut journal = journal(events);
            journal.header.settings.precision_percent = percent;
            boots_wanted(&analyze_on(&journal, 1))
        };
        let of_a = |boots: u32| HashMap::from([("s/a".to_owned(), boots)]);
        assert_eq!(wanted(Some(1.0), five_boots(None)), of_a(16));
        assert_eq!(wanted(Some(2.0), five_boots(None)), of_a(5));
        assert_eq!(wanted(None, five_boots(None)), HashMap::new());
        let mut events = five_boots(None);
        events.extend(setups(6, None));
        assert_eq!(wanted(Some(1.0), events), of_a(17), "a boot without a value must be repeated");
    }
}
