//! Why a gate does not judge a run, and what to do about it.

use super::verdict::ALPHA;
use sevbench_reports::Summary;
use sevbench_text::counted;
use thiserror::Error;

/// Why a gate does not judge a run.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum GateRefusal {
    /// One boot says nothing about the next.
    #[error("a gate cannot judge a single boot: measure at least five (--boots 5)")]
    OneBoot,
    /// With so few boots, no outcome could reach the p-value that a failure needs.
    #[error(
        "a gate over {} needs {needed} boots: measure that many (--boots {needed}); with {}, \
         p cannot fall below 1/{}, but a failure needs 1/{}",
        counted(*comparisons, "line"),
        counted(*boots, "boot"),
        2_u64.saturating_pow(*boots),
        one_in(*comparisons)
    )]
    CannotFail {
        /// The boots of the run.
        boots: u32,
        /// Lines that the gate judges, one per metric and treatment.
        comparisons: u32,
        /// The smallest number of boots that suffices.
        needed: u32,
    },
    /// The error of the baseline alone is as large as the margin.
    #[error(
        "the baseline `{baseline}` is too imprecise: the interval of {bench} is ±{percent:.1} %{}, \
         and its margin is {margin} %; save the baseline again with more --boots, or raise --margin",
        if *is_binned { " (including what histogram bins hide in both runs)" } else { "" }
    )]
    CannotPass {
        /// The baseline's name.
        baseline: String,
        /// The worst bench and its arm.
        bench: String,
        /// Half the width of its 90 % interval, plus what bins hide in both runs, in per cent.
        percent: f64,
        /// Whether bins hide anything.
        is_binned: bool,
        /// Its margin, in per cent.
        margin: f64,
    },
    /// The baseline does not have a bench.
    #[error(
        "the baseline `{baseline}` has no {bench}: save it again with --save-baseline, or name \
         another with --baseline"
    )]
    NotInBaseline {
        /// The baseline's name.
        baseline: String,
        /// A bench and its arm.
        bench: String,
    },
    /// The baseline has no interval over boots for a bench.
    #[error(
        "the baseline `{baseline}` has too few boots of {bench}: save it again with --boots 5 or \
         more"
    )]
    TooFewBootsInBaseline {
        /// The baseline's name.
        baseline: String,
        /// A bench and its arm.
        bench: String,
    },
    /// An arm may not have the protection that it claims.
    #[error(
        "the protection of {0} is claimed, not verified: see its evidence in the result; for an \
         ssh:// machine, give the arm a name that claims nothing, as in --treatment other=ssh://…"
    )]
    Unverified(String),
    /// The arms differ in more than the treatment.
    #[error(
        "{arm} differs from the control in more than its treatment ({facts}): remove these \
         differences, or leave the arm out"
    )]
    UndeclaredDifferences {
        /// The treatment arm.
        arm: String,
        /// The facts that differ.
        facts: String,
    },
    /// The baseline's run cannot be judged either.
    #[error("a gate cannot use the baseline `{baseline}`: {refusal}; then save it again")]
    OfBaseline {
        /// The baseline's name.
        baseline: String,
        /// What a gate says about its run.
        refusal: Box<GateRefusal>,
    },
}

/// Why a record, the run's or a baseline's, says nothing about the treatment.
pub(crate) fn refusal_of_record(summary: &Summary) -> Option<GateRefusal> {
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

/// The strictest test of a gate has a level of 1 in this many.
fn one_in(comparisons: u32) -> u64 {
    (f64::from(comparisons.max(1)) / ALPHA).round() as u64
}
