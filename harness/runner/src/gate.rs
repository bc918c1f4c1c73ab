//! Pure: a comparison and a policy give a verdict. Nothing is measured or printed here.

mod margin;
mod plan;

pub use margin::{Margin, MarginError, Margins};
pub use plan::{GatePlan, refuse_plan};

use sevbench_reports::{Comparison, FailedRow, Outcome, Summary};
use sevbench_statistics::{Confidence, LogRatio, Pivot};
use std::collections::BTreeSet;
use std::fmt;
use thiserror::Error;

/// The share of runs that a gate may fail wrongly.
pub const ALPHA: f64 = 0.05;

/// What a comparison comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The slowdown is beyond the margin.
    Regressed,
    /// The speed-up is beyond the margin.
    Improved,
    /// The slowdown lies inside the margin.
    NoChange,
    /// The data do not decide.
    Inconclusive,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Regressed => "regressed",
            Self::Improved => "improved",
            Self::NoChange => "no change",
            Self::Inconclusive => "inconclusive",
        })
    }
}

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

/// What a gate judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The slowdown itself: it must be below the margin.
    Margin,
    /// The change of the slowdown since a baseline.
    Baseline,
}

/// What a gate says of a whole run.
#[derive(Clone, Debug, PartialEq)]
pub enum GateOutcome {
    /// Nothing regressed, and everything is decided.
    Passed,
    /// These benches regressed.
    Regressed(Vec<String>),
    /// None regressed, and these are not decided.
    Inconclusive(Vec<String>),
    /// The result says nothing of the treatment.
    Refused(GateRefusal),
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

/// Judges a run. A bench regressed if its p, adjusted by Holm over all that are judged, is at most 5 %: so a run in which no
/// slowdown is beyond its margin fails in at most 5 % of cases, however many benches it has. It passed if each is found to be
/// within its margin, or faster. What is neither is not decided, nor is a bench of the run that failed or has no result in an arm, or
/// too few boots to bear a failure, nor a run that did not come to its end.
pub fn judge_run(summary: &Summary, against: Against) -> GateOutcome {
    let judged: Vec<&Comparison> = summary.comparisons.iter().filter(|one| one.judged).collect();
    if let Some(refusal) = refusal(summary, &judged) {
        return GateOutcome::Refused(refusal);
    }
    let (mut regressed, mut open) = (Vec::new(), Vec::new());
    let can_fail = |boots: u32| refuse_plan(boots, judged.len() as u32).is_none();
    for comparison in &judged {
        let name = format!("{} in {}", comparison.bench, comparison.treatment);
        let (p, verdict) = match (against, &comparison.change) {
            (Against::Margin, _) => (comparison.p_regressed_holm, comparison.verdict.as_str()),
            (Against::Baseline, Some(change)) => (change.p_regressed_holm, change.verdict.as_str()),
            (Against::Baseline, None) => {
                open.push(format!("{name} (not in the baseline)"));
                continue;
            }
        };
        let is_within =
            [Verdict::NoChange, Verdict::Improved].iter().any(|v| v.to_string() == verdict);
        let of_change = comparison.change.as_ref().filter(|_| against == Against::Baseline);
        if comparison.slowdown.boots < 2 {
            open.push(format!("{name} (one boot)"));
        } else if of_change.is_some_and(|change| change.factor.boots < 2) {
            open.push(format!("{name} (one boot in the baseline)"));
        } else if !can_fail(comparison.slowdown.boots) {
            open.push(format!("{name} (too few boots)"));
        } else if p.is_some_and(|p| p <= ALPHA) {
            regressed.push(name);
        } else if !is_within && hides_margin(comparison, against) {
            open.push(format!("{name} (its bins hide as much as the margin)"));
        } else if !is_within {
            open.push(name);
        }
    }
    open.extend(without_result(summary));
    open.extend(failed(summary));
    if judged.is_empty() && open.is_empty() {
        open.push("no bench has a result".into());
    }
    if summary.run.outcome != Outcome::Complete {
        open.push("the run did not come to its end".into());
    }
    if !regressed.is_empty() {
        GateOutcome::Regressed(regressed)
    } else if !open.is_empty() {
        GateOutcome::Inconclusive(open)
    } else {
        GateOutcome::Passed
    }
}

/// Whether the bins that a percentile comes from hide so much that nothing could be found to be within its margin.
fn hides_margin(comparison: &Comparison, against: Against) -> bool {
    let of_run = blur(comparison.resolution);
    let hidden = if against == Against::Baseline { of_run + of_run } else { of_run };
    hidden.value() >= comparison.margin.ln_1p()
}

/// The benches of the run that have no result in an arm that is judged: skipped, failed, or left out in all rounds.
fn without_result(summary: &Summary) -> Vec<String> {
    let run = &summary.run;
    let mut missing = Vec::new();
    for arm in run.arms.iter().filter(|arm| arm.role != "control") {
        let of_arm = || summary.comparisons.iter().filter(|one| one.treatment == arm.name);
        // An arm of which nothing is judged is the control again.
        if of_arm().next().is_some() && of_arm().all(|one| !one.judged && !one.is_boot_time) {
            continue;
        }
        for bench in &run.benches {
            if !of_arm().any(|one| run.bench_of(&one.bench) == Some(bench)) {
                missing.push(format!("{bench} in {} (no result)", arm.name));
            }
        }
    }
    missing
}

/// The benches that failed in some boot, though others may have given a result.
fn failed(summary: &Summary) -> BTreeSet<String> {
    let name = |row: &FailedRow| match &row.bench {
        Some(bench) => format!("{bench} in {} (failed)", row.arm),
        None => format!("{} (failed)", row.arm),
    };
    summary.failed.iter().map(name).collect()
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
