//! What a gate decides about a run.

use super::plan::refuse_plan;
use super::refusal::{GateRefusal, refusal_of_record};
use super::verdict::{ALPHA, blur};
use sevbench_reports::{
    Against, Comparison, Estimand, GateDecision, GateLine, GateReport, Measurand, Outcome, Role,
    Summary, Undecided, UndecidedReason, Verdict,
};
use std::collections::BTreeSet;

/// Judges a run.
///
/// A bench regressed if its p-value, adjusted by Holm over all judged lines, is at most 5 %. If no
/// slowdown is beyond its margin, at most 5 % of runs fail, however many benches they have, as far
/// as the p-values hold. The run passes if every line is found to be within its margin, or faster.
///
/// Otherwise the gate is not decided. That includes a bench that failed, has no result in an arm or
/// has too few boots to fail, and a run that is not complete.
pub fn judge_run(summary: &Summary, against: Against, baseline: Option<&str>) -> GateReport {
    let judged: Vec<&Comparison> = summary.comparisons.iter().filter(|one| one.judged).collect();
    if let Some(refusal) = refusal(summary, &judged) {
        return refused(&refusal, against, baseline, summary.run.judge);
    }
    let report = report(against, baseline, summary.run.judge);
    let lines = judged.len() as u32;
    let (mut regressed, mut by_mean, mut undecided) = (Vec::new(), Vec::new(), Vec::new());
    for comparison in &judged {
        let line = || GateLine {
            measurand: Some(comparison.measurand.clone()),
            arm: comparison.treatment.clone(),
        };
        match decide(comparison, against, lines) {
            Decision::Passed
                if report.judge == Estimand::Both && comparison.estimand == Estimand::Mean =>
            {
                by_mean.push(line());
            }
            Decision::Passed => {}
            Decision::Regressed => regressed.push(line()),
            Decision::Undecided(reason) => undecided.push(open(line(), reason)),
        }
    }
    let failed = failed(summary);
    let mut without_result = without_result(summary);
    without_result.retain(|line| !is_explained(line, &failed, summary));
    undecided.extend(without_result.into_iter().map(|line| open(line, UndecidedReason::NoResult)));
    undecided.extend(failed.into_iter().map(|line| open(line, UndecidedReason::Failed)));
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
    GateReport { decision, regressed, by_mean, undecided, ..report }
}

const fn open(line: GateLine, reason: UndecidedReason) -> Undecided {
    Undecided { line: Some(line), reason }
}

/// The report of a gate that refuses to judge. `judge` is what the run's verdicts are about.
pub fn refused(
    refusal: &GateRefusal,
    against: Against,
    baseline: Option<&str>,
    judge: Estimand,
) -> GateReport {
    GateReport { refusal: Some(refusal.to_string()), ..report(against, baseline, judge) }
}

fn report(against: Against, baseline: Option<&str>, judge: Estimand) -> GateReport {
    GateReport {
        against,
        baseline: baseline.map(str::to_owned),
        alpha: ALPHA,
        judge: match against {
            Against::Margin => judge,
            Against::Baseline => Estimand::Mean,
        },
        decision: GateDecision::Refused,
        regressed: Vec::new(),
        by_mean: Vec::new(),
        undecided: Vec::new(),
        refusal: None,
    }
}

/// The decision about one line.
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
    if boots == 0 {
        Decision::Undecided(UndecidedReason::NoResult)
    } else if boots < 2 {
        Decision::Undecided(UndecidedReason::OneBoot)
    } else if boots_before.is_some_and(|boots| boots < 2) {
        Decision::Undecided(UndecidedReason::OneBootInBaseline)
    } else if refuse_plan(boots, lines).is_some() {
        Decision::Undecided(UndecidedReason::TooFewBoots)
    } else if comparison.flags.iter().any(|flag| flag.is_about_exclusions(against)) {
        Decision::Undecided(UndecidedReason::Exclusions)
    } else if p.is_none() && comparison.estimand == Estimand::Typical {
        Decision::Undecided(UndecidedReason::NoMedianBoot)
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

/// Whether bins hide so much that no result could be within the margin.
fn hides_margin(comparison: &Comparison, against: Against) -> bool {
    let resolution = match against {
        Against::Margin => comparison.resolution,
        Against::Baseline => comparison.change.as_ref().and_then(|change| change.resolution),
    };
    blur(resolution).value() >= comparison.margin.ln_1p()
}

/// The benches without a result in a judged arm: skipped, failed, or with every round excluded.
fn without_result(summary: &Summary) -> Vec<GateLine> {
    let mut missing = Vec::new();
    for arm in summary.run.treatments().filter(|arm| arm.judged) {
        let has = |bench: &String| {
            let mut lines = summary.comparisons.iter().filter(|one| !one.is_boot_time);
            lines.any(|one| one.treatment == arm.name && one.measurand.bench == *bench)
        };
        for bench in summary.run.benches.iter().filter(|bench| !has(bench)) {
            let measurand = Some(Measurand::of_bench(bench));
            missing.push(GateLine { measurand, arm: arm.name.clone() });
        }
    }
    missing
}

/// The benches that failed in some boot of a judged arm or of the control, even if other boots have
/// a result.
fn failed(summary: &Summary) -> Vec<GateLine> {
    let counts = |name: &str| {
        let arm = summary.run.arms.iter().find(|arm| arm.name == name);
        arm.is_none_or(|arm| arm.judged || arm.role == Role::Control)
    };
    let failures = summary.failures().filter(|row| counts(&row.arm));
    let rows: BTreeSet<(&Option<String>, &String)> =
        failures.map(|row| (&row.bench, &row.arm)).collect();
    let line = |(bench, arm): (&Option<String>, &String)| GateLine {
        measurand: bench.as_ref().map(Measurand::of_bench),
        arm: arm.clone(),
    };
    rows.into_iter().map(line).collect()
}

/// Whether a bench has no result because it failed, in the arm or in the control.
fn is_explained(line: &GateLine, failed: &[GateLine], summary: &Summary) -> bool {
    let is_control = |name: &str| {
        summary.run.arms.iter().any(|arm| arm.role == Role::Control && arm.name == name)
    };
    failed.iter().any(|failure| {
        failure.measurand == line.measurand && (failure.arm == line.arm || is_control(&failure.arm))
    })
}

fn refusal(summary: &Summary, judged: &[&Comparison]) -> Option<GateRefusal> {
    let boots = judged.iter().map(|one| one.slowdown.boots).max().filter(|boots| *boots > 0);
    let too_few = || boots.and_then(|boots| refuse_plan(boots, judged.len() as u32));
    let refusal = refusal_of_record(summary).or_else(too_few);
    // An incomplete run has few boots because it ended early; that is reported instead.
    let is_whole = summary.run.outcome == Outcome::Complete;
    let of_boots =
        |why: &GateRefusal| matches!(why, GateRefusal::OneBoot | GateRefusal::CannotFail { .. });
    refusal.filter(|why| is_whole || !of_boots(why))
}

#[cfg(test)]
#[path = "decision_tests.rs"]
mod tests;
