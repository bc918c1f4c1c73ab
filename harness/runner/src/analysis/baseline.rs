//! Whether a baseline is good enough for a gate to judge changes against it.

use super::result::{Analysis, Line, NamedRecord};
use crate::gate::{GateRefusal, Margins, blur, refusal_of_record};
use sevbench_statistics::Confidence;

/// The benches and treatments that a gate will judge.
#[derive(Clone, Copy, Debug)]
pub struct GateScope<'a> {
    /// The ids of the benches.
    pub benches: &'a [String],
    /// The names of the treatment arms.
    pub treatments: &'a [String],
}

impl GateScope<'_> {
    fn contains(&self, line: &Line<'_>) -> bool {
        let comparison = line.comparison;
        comparison.judged
            && self.treatments.contains(&comparison.treatment)
            && self.benches.contains(&comparison.measurand.bench)
    }
}

/// Why a gate cannot use this baseline; `None` if it can.
///
/// The baseline itself cannot be judged, lacks a bench, or has an error as large as the margin, so
/// that hardly any run could pass.
pub fn refuse_baseline(
    baseline: NamedRecord<'_>,
    scope: GateScope<'_>,
    margins: &Margins,
) -> Option<GateRefusal> {
    let of_baseline = |refusal: GateRefusal| GateRefusal::OfBaseline {
        baseline: baseline.name.into(),
        refusal: Box::new(refusal),
    };
    let of_record = refusal_of_record(&baseline.analysis.summary);
    match of_record {
        // For a single boot, the refusal of a line says more.
        None | Some(GateRefusal::OneBoot) => refuse_missing(baseline, scope)
            .or_else(|| refuse_without_error(baseline, scope))
            .or_else(|| of_record.map(of_baseline))
            .or_else(|| refuse_imprecise(baseline, scope, margins)),
        Some(refusal) => Some(of_baseline(refusal)),
    }
}

/// The smallest number of boots behind the spread of any line that a gate will judge. `None` if the
/// baseline has no such line.
pub(crate) fn fewest_boots(baseline: &Analysis, scope: GateScope<'_>) -> Option<u32> {
    let lines = baseline.lines().filter(|line| scope.contains(line));
    let pivots = lines.filter_map(|line| line.estimate.pivot);
    pivots.map(|pivot| pivot.degrees_of_freedom.round() as u32 + 1).min()
}

fn refuse_missing(baseline: NamedRecord<'_>, scope: GateScope<'_>) -> Option<GateRefusal> {
    let comparisons = &baseline.analysis.summary.comparisons;
    scope.treatments.iter().find_map(|treatment| {
        let has = |bench: &String| {
            let mut lines = comparisons.iter();
            lines.any(|one| one.treatment == *treatment && one.measurand.bench == *bench)
        };
        let bench = scope.benches.iter().find(|bench| !has(bench))?;
        let (baseline, bench) = (baseline.name.into(), format!("{bench} in {treatment}"));
        Some(GateRefusal::NotInBaseline { baseline, bench })
    })
}

fn refuse_without_error(baseline: NamedRecord<'_>, scope: GateScope<'_>) -> Option<GateRefusal> {
    let has_error =
        |line: &Line<'_>| line.comparison.slowdown.boots > 1 && line.estimate.pivot.is_some();
    let mut lines = baseline.analysis.lines().filter(|line| scope.contains(line));
    let line = lines.find(|line| !has_error(line))?;
    Some(GateRefusal::TooFewBootsInBaseline { baseline: baseline.name.into(), bench: line.name() })
}

/// Names the line with the widest interval that does not fit into its margin.
fn refuse_imprecise(
    baseline: NamedRecord<'_>,
    scope: GateScope<'_>,
    margins: &Margins,
) -> Option<GateRefusal> {
    let lines = baseline.analysis.lines().filter(|line| scope.contains(line));
    let too_wide = lines.filter_map(|line| {
        let margin = margins.of_measurand(&line.comparison.measurand);
        // The bins of the run to come hide as much as those of the baseline.
        let hidden = blur(line.comparison.resolution) + blur(line.comparison.resolution);
        let half_width = line.estimate.pivot?.half_width(Confidence::P90) + hidden.value();
        (half_width >= margin.log_ratio().value()).then_some((line, half_width, margin))
    });
    let (line, half_width, margin) = too_wide.max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(GateRefusal::CannotPass {
        baseline: baseline.name.into(),
        bench: line.name(),
        percent: half_width.exp_m1() * 100.0,
        is_binned: line.comparison.resolution.is_some(),
        margin: margin.in_percent(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::super::test_journal::{BIN_WIDTH, analyze_on, binned_analysis, five_boots, journal};
    use super::*;
    use crate::record::{Event, ExtendedRecord, Journal};
    use std::collections::BTreeMap;

    /// The bins of two runs together hide more than 3 %, so no run could be within 3 % of the
    /// baseline.
    #[test]
    fn baseline_whose_bins_hide_the_margin_is_refused() {
        let refused = |bin_width: Option<f64>, percent: f64| {
            let (benches, treatments) = (["s/a".to_owned()], ["aa".to_owned()]);
            let margins = Margins::of(percent, []).unwrap();
            let baseline = binned_analysis(100_000, bin_width);
            let scope = GateScope { benches: &benches, treatments: &treatments };
            refuse_baseline(NamedRecord { name: "main", analysis: &baseline }, scope, &margins)
        };
        let text = refused(Some(BIN_WIDTH), 3.0).unwrap().to_string();
        assert!(
            text.contains("±3.1 % (including what histogram bins hide in both runs)"),
            "{text}"
        );
        assert_eq!((refused(Some(BIN_WIDTH), 4.0), refused(None, 3.0)), (None, None));
    }

    /// The spread of each line comes from the boots of the first stage only.
    #[test]
    fn two_stage_baseline_counts_the_boots_of_its_first_stage() {
        let (benches, treatments) = (["s/a".to_owned()], ["aa".to_owned()]);
        let scope = GateScope { benches: &benches, treatments: &treatments };
        let fewest = |journal: &Journal| fewest_boots(&analyze_on(journal, 1), scope);
        let mut journal = journal(five_boots(None));
        assert_eq!(fewest(&journal), Some(5));
        journal.events.push(Event::Extended(ExtendedRecord {
            after_boot: 3,
            benches: BTreeMap::from([("s/a".into(), 5)]),
            first_stage_ns: 1,
            max_time_ns: 1,
        }));
        assert_eq!(fewest(&journal), Some(3));
        let other = GateScope { treatments: &["snp".to_owned()], ..scope };
        assert_eq!(fewest_boots(&analyze_on(&journal, 1), other), None);
    }
}
