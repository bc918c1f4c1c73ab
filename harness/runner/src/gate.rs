//! Pure: a comparison and a policy give a verdict. Nothing is measured or printed here.

mod margin;
mod plan;

pub use margin::{Margin, MarginError, Margins};
pub use plan::{GatePlan, refuse_plan};

use sevbench_reports::{
    Against, Comparison, FailedRow, GateDecision, GateLine, GateReport, Outcome, Summary,
    Undecided, UndecidedReason, Verdict,
};
use sevbench_statistics::{Confidence, LogRatio, Pivot};
use std::collections::BTreeSet;
use thiserror::Error;

/// The share of runs that a gate may fail wrongly.
pub const ALPHA: f64 = 0.05;

/// Judges an estimate by its 90 % interval (two one-sided tests at 5 %) against ±ln(1 + margin). Where values lie in bins, which may
/// hide as much as `blur` on either side, the interval must clear the margin by that.
pub fn judge(estimate: Option<&Pivot>, margin: Margin, blur: LogRatio) -> Verdict {
    let Some(interval) = estimate.map(|pivot| pivot.interval(Confidence::P90)) else {
        return Verdict::Inconclusive;
    };
    let (bound, blur) = (margin.log_ratio().value(), blur.value());
    let (low, high) = (interval.low.value() - blur, interval.high.value() + blur);
    if low > bound {
        Verdict::Regressed
    } else if high < -bound {
        Verdict::Improved
    } else if low > -bound && high < bound {
        Verdict::NoChange
    } else {
        Verdict::Inconclusive
    }
}

/// How much bins of this relative width may hide of a ratio, on the log scale; nothing where there are none.
pub fn blur(bin_width: Option<f64>) -> LogRatio {
    LogRatio::new(bin_width.unwrap_or(0.0).ln_1p())
}

/// Why a gate does not judge a run.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum GateRefusal {
    /// There is no replication.
    #[error("a gate needs two boots at least: one says nothing of the next")]
    OneBoot,
    /// So few boots that no data could bear the p that a failure needs.
    #[error(
        "a gate over {comparisons} {} needs {needed} boots: with {boots} no pattern of signs is rarer than 1 in {}, and the strictest test asks for 1 in {}; add --boots {needed}",
        if *comparisons == 1 { "comparison" } else { "comparisons" },
        2_u64.saturating_pow(*boots),
        plan::one_in(*comparisons)
    )]
    CannotFail {
        /// The boots that there would be.
        boots: u32,
        /// Benches times treatments.
        comparisons: u32,
        /// The boots that would do.
        needed: u32,
    },
    /// The baseline alone errs by more than the margin.
    #[error(
        "a gate against the baseline `{baseline}` could hardly pass: {bench} is known there to ± {percent:.1} % only{}, and its margin is {margin} %; save a baseline with more boots, or widen the margin",
        if *is_binned { " (with what bins hide in both runs)" } else { "" }
    )]
    CannotPass {
        /// The baseline's name.
        baseline: String,
        /// The worst bench and its arm.
        bench: String,
        /// Half of the width of its 90 % interval, and what bins hide in both runs, in per cent.
        percent: f64,
        /// Whether bins hide anything.
        is_binned: bool,
        /// Its margin, in per cent.
        margin: f64,
    },
    /// The baseline lacks what is to be judged.
    #[error(
        "the baseline `{baseline}` has no {bench}: save it again, or name another with --baseline"
    )]
    NotInBaseline {
        /// The baseline's name.
        baseline: String,
        /// A bench and its arm.
        bench: String,
    },
    /// An arm may not be what it is called.
    #[error("the protection of {0} is claimed, not verified")]
    Unverified(String),
    /// The arms differ in more than the treatment.
    #[error("{arm} differs from the control in more than its treatment ({facts}): make them alike")]
    UndeclaredDifferences {
        /// The treatment arm.
        arm: String,
        /// In what.
        facts: String,
    },
}

/// Judges a run. A bench regressed if its p, adjusted by Holm over all lines that are judged, is at
/// most 5 %. A run in which no slowdown is beyond its margin therefore fails in at most 5 % of cases,
/// however many benches it has. The run passes if every line is found to be within its margin, or
/// faster. Anything else is not decided: also a bench that failed, has no result in an arm, or has
/// too few boots to fail, and a run that did not reach its end.
pub fn judge_run(summary: &Summary, against: Against, baseline: Option<&str>) -> GateReport {
    let judged: Vec<&Comparison> = summary.comparisons.iter().filter(|one| one.judged).collect();
    if let Some(refusal) = refusal(summary, &judged) {
        return refused(&refusal, against, baseline);
    }
    let lines = judged.len() as u32;
    let (mut regressed, mut undecided) = (Vec::new(), Vec::new());
    for comparison in &judged {
        let line = || GateLine {
            bench: Some(comparison.measurand.to_string()),
            arm: comparison.treatment.clone(),
        };
        match decide(comparison, against, lines) {
            Decision::Passed => {}
            Decision::Regressed => regressed.push(line()),
            Decision::Undecided(reason) => undecided.push(Undecided { line: Some(line()), reason }),
        }
    }
    undecided.extend(without_result(summary));
    undecided.extend(failed(summary));
    let of_run = |reason: UndecidedReason| Undecided { line: None, reason };
    if judged.is_empty() && undecided.is_empty() {
        undecided.push(of_run(UndecidedReason::Nothing));
    }
    if summary.run.outcome != Outcome::Complete {
        undecided.push(of_run(UndecidedReason::Incomplete));
    }
    let decision = match (regressed.is_empty(), undecided.is_empty()) {
        (false, _) => GateDecision::Regressed,
        (true, false) => GateDecision::Inconclusive,
        (true, true) => GateDecision::Passed,
    };
    GateReport { decision, regressed, undecided, ..report(against, baseline) }
}

/// The report of a gate that does not judge.
pub fn refused(refusal: &GateRefusal, against: Against, baseline: Option<&str>) -> GateReport {
    GateReport { refusal: Some(refusal.to_string()), ..report(against, baseline) }
}

fn report(against: Against, baseline: Option<&str>) -> GateReport {
    GateReport {
        against,
        baseline: baseline.map(str::to_owned),
        alpha: ALPHA,
        decision: GateDecision::Refused,
        regressed: Vec::new(),
        undecided: Vec::new(),
        refusal: None,
    }
}

/// What a gate makes of one line.
enum Decision {
    Passed,
    Regressed,
    Undecided(UndecidedReason),
}

fn decide(comparison: &Comparison, against: Against, lines: u32) -> Decision {
    let change = comparison.change.as_ref();
    let (p, verdict, boots_before) = match (against, change) {
        (Against::Margin, _) => (comparison.p_regressed_holm, comparison.verdict, None),
        (Against::Baseline, Some(change)) => {
            (change.p_regressed_holm, change.verdict, Some(change.factor.boots))
        }
        (Against::Baseline, None) => return Decision::Undecided(UndecidedReason::NotInBaseline),
    };
    let boots = comparison.slowdown.boots;
    let is_within = matches!(verdict, Verdict::NoChange | Verdict::Improved);
    if boots < 2 {
        Decision::Undecided(UndecidedReason::OneBoot)
    } else if boots_before.is_some_and(|boots| boots < 2) {
        Decision::Undecided(UndecidedReason::OneBootInBaseline)
    } else if refuse_plan(boots, lines).is_some() {
        Decision::Undecided(UndecidedReason::TooFewBoots)
    } else if p.is_some_and(|p| p <= ALPHA) {
        Decision::Regressed
    } else if is_within {
        Decision::Passed
    } else if hides_margin(comparison, against) {
        Decision::Undecided(UndecidedReason::BinsHideMargin)
    } else {
        Decision::Undecided(UndecidedReason::Inconclusive)
    }
}

/// Whether the bins that a percentile comes from hide so much that nothing could be found to be within its margin.
fn hides_margin(comparison: &Comparison, against: Against) -> bool {
    let of_run = blur(comparison.resolution);
    let hidden = if against == Against::Baseline { of_run + of_run } else { of_run };
    hidden.value() >= comparison.margin.ln_1p()
}

/// The benches of the run without a result in an arm that is judged: skipped, failed, or with every
/// round excluded.
fn without_result(summary: &Summary) -> Vec<Undecided> {
    let mut missing = Vec::new();
    for arm in summary.run.treatments().filter(|arm| arm.judged) {
        let has = |bench: &String| {
            let mut lines = summary.comparisons.iter();
            lines.any(|one| one.treatment == arm.name && one.measurand.bench == *bench)
        };
        for bench in summary.run.benches.iter().filter(|bench| !has(bench)) {
            let line = GateLine { bench: Some(bench.clone()), arm: arm.name.clone() };
            missing.push(Undecided { line: Some(line), reason: UndecidedReason::NoResult });
        }
    }
    missing
}

/// The benches that failed in some boot, though other boots may have given a result.
fn failed(summary: &Summary) -> BTreeSet<Undecided> {
    let line = |row: &FailedRow| GateLine { bench: row.bench.clone(), arm: row.arm.clone() };
    let rows = summary.failed.iter();
    rows.map(|row| Undecided { line: Some(line(row)), reason: UndecidedReason::Failed }).collect()
}

/// Why a run, this one or a baseline, says nothing of the treatment.
pub fn refusal_of_record(summary: &Summary) -> Option<GateRefusal> {
    if let Some(arm) = summary.run.arms.iter().find(|arm| arm.verified == Some(false)) {
        return Some(GateRefusal::Unverified(arm.name.clone()));
    }
    if let Some(first) = summary.differences.iter().find(|row| !row.declared) {
        let same = summary.differences.iter().filter(|row| !row.declared && row.arm == first.arm);
        let facts: Vec<&str> = same.map(|row| row.fact.as_str()).collect();
        let (arm, facts) = (first.arm.clone(), facts.join(", "));
        return Some(GateRefusal::UndeclaredDifferences { arm, facts });
    }
    (summary.run.boots < 2).then_some(GateRefusal::OneBoot)
}

fn refusal(summary: &Summary, judged: &[&Comparison]) -> Option<GateRefusal> {
    let boots = judged.iter().map(|one| one.slowdown.boots).max();
    let too_few = || boots.and_then(|boots| refuse_plan(boots, judged.len() as u32));
    let refusal = refusal_of_record(summary).or_else(too_few);
    // That a run has few boots because it did not come to its end is another matter, and is said.
    let is_whole = summary.run.outcome == Outcome::Complete;
    let of_boots =
        |why: &GateRefusal| matches!(why, GateRefusal::OneBoot | GateRefusal::CannotFail { .. });
    refusal.filter(|why| is_whole || !of_boots(why))
}

#[cfg(test)]
#[path = "gate/gate_tests.rs"]
mod tests;
