//! Pure: a comparison and a policy give a verdict. Nothing is measured or printed here.

use crate::statistics::{Interval, LogRatio, StatisticsError};
use sevbench_reports::Summary;
use std::fmt;
use thiserror::Error;

/// The ids of boot times begin so.
const BOOT_BENCHES: &str = "boot/";

/// The slowdown that is still called no change: 3 % by default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin(f64);

/// A margin that is none.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
#[error("a margin is a percentage above 0 and up to 1000, not {0}")]
pub struct MarginError(f64);

impl Margin {
    /// A margin of so many per cent.
    ///
    /// # Errors
    /// If it is not above 0 and up to 1000.
    pub fn percent(percent: f64) -> Result<Self, MarginError> {
        let sound = percent > 0.0 && percent <= 1000.0;
        if sound { Ok(Self(percent / 100.0)) } else { Err(MarginError(percent)) }
    }

    /// As a fraction: 0.03.
    pub const fn fraction(self) -> f64 {
        self.0
    }
}

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

/// Judges a 90 % interval (two one-sided tests at 5 %) of ln(slowdown) against ±ln(1 + margin).
pub fn judge(interval_90: Result<Interval, StatisticsError>, margin: Margin) -> Verdict {
    let Ok(interval) = interval_90 else { return Verdict::Inconclusive };
    let bound = LogRatio::new((1.0 + margin.fraction()).ln());
    let mirror = LogRatio::new(-bound.value());
    if interval.low > bound {
        Verdict::Regressed
    } else if interval.high < mirror {
        Verdict::Improved
    } else if interval.low > mirror && interval.high < bound {
        Verdict::NoChange
    } else {
        Verdict::Inconclusive
    }
}

/// What a gate says of a whole run.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GateRefusal {
    /// There is no replication.
    #[error("a gate needs two boots at least: one says nothing of the next")]
    OneBoot,
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

/// Judges a run by its verdicts, each bench by itself at its own error rate. How long boots take is shown and not judged.
///
/// What was to be measured and has no result, `unmeasured`, is not decided; a run without any result is not either.
pub fn judge_run(summary: &Summary, unmeasured: &[String]) -> GateOutcome {
    if let Some(refusal) = refusal(summary) {
        return GateOutcome::Refused(refusal);
    }
    let with = |verdict: Verdict| -> Vec<String> {
        let comparisons = summary.comparisons.iter().filter(|c| !c.bench.starts_with(BOOT_BENCHES));
        let found = comparisons.filter(|comparison| comparison.verdict == verdict.to_string());
        found
            .map(|comparison| format!("{} in {}", comparison.bench, comparison.treatment))
            .collect()
    };
    let regressed = with(Verdict::Regressed);
    let open = [with(Verdict::Inconclusive), unmeasured.to_vec()].concat();
    if !regressed.is_empty() {
        GateOutcome::Regressed(regressed)
    } else if !open.is_empty() {
        GateOutcome::Inconclusive(open)
    } else {
        GateOutcome::Passed
    }
}

fn refusal(summary: &Summary) -> Option<GateRefusal> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use crate::statistics::{Confidence, t_interval};

    fn verdict(ratios: [f64; 3]) -> Verdict {
        let logs = ratios.map(|ratio: f64| LogRatio::new(ratio.ln()));
        judge(t_interval(&logs, Confidence::P90), Margin::percent(3.0).unwrap())
    }

    #[test]
    fn each_verdict_has_its_interval() {
        assert_eq!(verdict([1.10, 1.11, 1.12]), Verdict::Regressed);
        assert_eq!(verdict([0.90, 0.91, 0.89]), Verdict::Improved);
        assert_eq!(verdict([1.00, 1.005, 0.995]), Verdict::NoChange);
        assert_eq!(verdict([1.00, 1.05, 1.03]), Verdict::Inconclusive);
    }

    #[test]
    fn no_interval_is_inconclusive() {
        let single = t_interval(&[LogRatio::new(0.5)], Confidence::P90);
        assert_eq!(judge(single, Margin::percent(3.0).unwrap()), Verdict::Inconclusive);
    }

    /// A run as it was stored, of three boots, with one bench regressed and one inconclusive.
    fn stored() -> Summary {
        serde_json::from_str(include_str!("../../fixtures/golden/summary-1.json")).unwrap()
    }

    #[test]
    fn a_run_is_judged_by_its_worst_verdict() {
        let mut summary = stored();
        let regressed = vec!["trials/spin in injected".to_owned()];
        assert_eq!(judge_run(&summary, &[]), GateOutcome::Regressed(regressed));
        summary.comparisons[0].verdict = "no change".into();
        let open = vec!["trials/rate in injected".to_owned()];
        assert_eq!(judge_run(&summary, &[]), GateOutcome::Inconclusive(open));
        summary.comparisons[1].bench = "boot/total".into();
        assert_eq!(judge_run(&summary, &[]), GateOutcome::Passed);
        let unmeasured = ["trials/slow in injected".to_owned()];
        let open = GateOutcome::Inconclusive(unmeasured.to_vec());
        assert_eq!(judge_run(&summary, &unmeasured), open);
    }

    #[test]
    fn what_says_nothing_of_the_treatment_is_refused() {
        let mut summary = stored();
        summary.run.boots = 1;
        assert_eq!(judge_run(&summary, &[]), GateOutcome::Refused(GateRefusal::OneBoot));
        let mut summary = stored();
        summary.differences.push(sevbench_reports::DifferenceRow {
            fact: "kernel".into(),
            control: "6.1".into(),
            arm: "injected".into(),
            treatment: "6.8".into(),
            declared: true,
        });
        assert!(matches!(judge_run(&summary, &[]), GateOutcome::Regressed(_)), "it is declared");
        summary.differences[0].declared = false;
        let GateOutcome::Refused(refusal) = judge_run(&summary, &[]) else { panic!("judged") };
        assert!(
            refusal.to_string().contains("injected differs")
                && refusal.to_string().contains("kernel")
        );
        summary.run.arms[1].verified = Some(false);
        let unverified = GateRefusal::Unverified("injected".into());
        assert_eq!(judge_run(&summary, &[]), GateOutcome::Refused(unverified));
    }

    #[test]
    fn a_margin_is_a_percentage() {
        assert!(Margin::percent(0.0).is_err() && Margin::percent(f64::NAN).is_err());
        assert!(Margin::percent(-1.0).is_err() && Margin::percent(1001.0).is_err());
    }
}
