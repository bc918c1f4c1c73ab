//! The analysis of one run, as `summary.json` holds it. Other people's scripts read these names:
//! add, never rename.

use crate::model::comparison::{Comparison, Estimate};
use crate::model::gate::GateReport;
use crate::model::measurand::Measurand;
use crate::model::run::Run;
use crate::model::word::{ExclusionKind, Outcome, OutlierLabel, Place, WarmUpClass};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The version of the document.
pub const SUMMARY_SCHEMA: &str = "sevbench/summary/1";

/// The analysis of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// [`SUMMARY_SCHEMA`].
    pub schema: String,
    /// What was run.
    pub run: Run,
    /// A line for each bench, treatment and metric.
    pub comparisons: Vec<Comparison>,
    /// Benches that could not run in an arm.
    pub skipped: Vec<SkippedRow>,
    /// Benches that failed in a boot of an arm.
    pub failed: Vec<FailedRow>,
    /// Rounds excluded for an external cause.
    pub exclusions: Vec<Exclusion>,
    /// Other differences between the arms.
    pub differences: Vec<DifferenceRow>,
    /// All benches of a treatment as one factor.
    #[serde(default)]
    pub overall: Vec<Overall>,
    /// Outlier rounds. They are labelled and kept.
    #[serde(default)]
    pub outliers: Vec<OutlierRow>,
    /// Each warm-up, batch by batch.
    #[serde(default)]
    pub warm_ups: Vec<WarmUpCourse>,
    /// The gate's decision; `None` without `--gate`.
    #[serde(default)]
    pub gate: Option<GateReport>,
}

/// The geometric mean over the benches of a treatment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overall {
    /// The treatment arm.
    pub treatment: String,
    /// The number of benches in it.
    pub benches: u32,
    /// The mean within each boot, with its interval over boots.
    pub slowdown: Estimate,
}

/// A round outside Tukey's fences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutlierRow {
    /// The bench, and its metric.
    #[serde(flatten)]
    pub measurand: Measurand,
    /// The treatment whose log ratio it is; for unpaired arms the arm itself.
    pub arm: String,
    /// The boot block.
    pub boot: u32,
    /// The round.
    pub round: u32,
    /// On which side it lies, and how far.
    pub label: OutlierLabel,
    /// Whether it is the first value of an arm's own series: a cold start.
    pub first: bool,
}

/// One warm-up: how fast the batches of a bench ran, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WarmUpCourse {
    /// The bench.
    pub bench: String,
    /// The arm.
    pub arm: String,
    /// The boot block, from 1.
    pub boot: u32,
    /// How it went; `None` if it is too short to tell.
    pub class: Option<WarmUpClass>,
    /// The number of batches.
    pub batches: u32,
    /// The index of the first steady batch; `None` without a steady state.
    pub steady_from: Option<u32>,
    /// The time of an iteration in ns, batch by batch. Longer courses are thinned: each value is
    /// then the mean of several consecutive batches.
    pub iteration_ns: Vec<f32>,
}

/// A bench that could not run in an arm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SkippedRow {
    /// The bench.
    pub bench: String,
    /// The arm.
    pub arm: String,
    /// Why.
    pub reason: String,
    /// What to do about it.
    pub hint: String,
}

/// A bench that failed in an arm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRow {
    /// The bench; `None` if the arm itself failed.
    pub bench: Option<String>,
    /// The arm.
    pub arm: String,
    /// The boot block, from 1.
    pub boot: u32,
    /// Why.
    pub reason: String,
}

/// An excluded round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredExclusion")]
pub struct Exclusion {
    /// The bench.
    pub bench: String,
    /// The boot block, from 1.
    pub boot: u32,
    /// The round, from 1.
    pub round: u32,
    /// The kind of cause; `None` if a later version wrote it and this one does not know it.
    pub kind: Option<ExclusionKind>,
    /// The arm in which it was seen.
    pub arm: Option<String>,
    /// The cause with its figures, for the reader.
    pub cause: String,
}

/// The form in JSON. The first version has only the cause, which begins with the words of its kind.
#[derive(Deserialize)]
struct StoredExclusion {
    bench: String,
    boot: u32,
    round: u32,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    arm: Option<String>,
    cause: String,
}

impl From<StoredExclusion> for Exclusion {
    fn from(stored: StoredExclusion) -> Self {
        let StoredExclusion { bench, boot, round, kind, arm, cause } = stored;
        let mut kinds = ExclusionKind::ALL.iter().copied();
        let kind = kinds.find(|one| match &kind {
            Some(word) => word == one.word(),
            None => cause.starts_with(one.word()),
        });
        Self { bench, boot, round, kind, arm, cause }
    }
}

/// A fact in which a treatment differs from the control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceRow {
    /// The fact.
    pub fact: String,
    /// Its value in the control arm.
    pub control: String,
    /// The name of the treatment arm.
    pub arm: String,
    /// Its value there.
    pub treatment: String,
    /// Whether the testbed declares it as the treatment.
    pub declared: bool,
}

impl Summary {
    /// The failures that count. In a complete run, a boot that lost a guest was made up for, so
    /// neither the guest nor a bench that it took along counts.
    pub fn failures(&self) -> impl Iterator<Item = &FailedRow> {
        let is_complete = self.run.outcome == Outcome::Complete && !self.run.cut_off;
        let lost = self.failed.iter().filter(|row| is_complete && row.bench.is_none());
        let lost: HashSet<(u32, &str)> = lost.map(|row| (row.boot, row.arm.as_str())).collect();
        self.failed.iter().filter(move |row| !lost.contains(&(row.boot, row.arm.as_str())))
    }

    /// Fills in fields that the first version of the document does not have.
    pub(crate) fn resolve(&mut self) {
        let benches = &self.run.benches;
        self.comparisons.iter_mut().for_each(|one| one.measurand.resolve(benches));
        self.outliers.iter_mut().for_each(|one| one.measurand.resolve(benches));
        if let Some(gate) = &mut self.gate {
            let undecided = gate.undecided.iter_mut().filter_map(|one| one.line.as_mut());
            let lines = gate.regressed.iter_mut().chain(undecided);
            lines.filter_map(|line| line.measurand.as_mut()).for_each(|one| one.resolve(benches));
        }
        for arm in &mut self.run.arms {
            arm.place = arm.place.or_else(|| Place::of_address(&arm.address));
            let mut lines = self.comparisons.iter().filter(|one| one.treatment == arm.name);
            arm.judged |= lines.any(|one| one.judged);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn lines_of_an_older_gate_are_split_like_those_of_the_result() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/golden/summary-1.json");
        let mut value: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        value["gate"] = serde_json::json!({
            "against": "margin",
            "baseline": null,
            "alpha": 0.05,
            "decision": "regressed",
            "regressed": [{ "bench": "trials/rate/p99", "arm": "injected" }],
            "undecided": [{ "bench": null, "arm": "injected", "reason": "failed" }],
            "refusal": null,
        });
        let mut summary: Summary = serde_json::from_value(value).unwrap();
        summary.resolve();
        let gate = summary.gate.unwrap();
        let measurand = gate.regressed[0].measurand.clone().unwrap();
        assert_eq!(
            (measurand.bench.as_str(), measurand.metric.as_deref()),
            ("trials/rate", Some("p99"))
        );
        assert_eq!(gate.undecided[0].line.as_ref().unwrap().measurand, None);
    }

    #[test]
    fn kind_of_an_exclusion_is_its_own_or_that_of_its_cause() {
        let kind = |kind: &str| {
            let head = r#"{"bench": "b", "boot": 1, "round": 2, "cause": "CPU steal of 3 %""#;
            serde_json::from_str::<Exclusion>(&format!("{head}{kind}}}")).unwrap().kind
        };
        assert_eq!(kind(""), Some(ExclusionKind::Steal));
        assert_eq!(kind(r#", "kind": "clock step""#), Some(ExclusionKind::ClockStep));
        assert_eq!(kind(r#", "kind": "of a later version""#), None);
    }
}
