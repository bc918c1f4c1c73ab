//! A gate's decision about a run, and the benches behind it.

use crate::model::measurand::Measurand;
use crate::model::word::{Against, Estimand, GateDecision, UndecidedReason};
use serde::{Deserialize, Serialize};

/// The outcome of a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// Whether it judges slowdowns or their changes.
    pub against: Against,
    /// The baseline, if it judges changes.
    pub baseline: Option<String>,
    /// The share of runs that it may fail wrongly, over all benches together.
    pub alpha: f64,
    /// What its verdicts are about. Changes are judged by the mean.
    #[serde(default = "mean")]
    pub judge: Estimand,
    /// The decision.
    pub decision: GateDecision,
    /// The benches that regressed.
    pub regressed: Vec<GateLine>,
    /// If both are judged: the lines that pass by their mean alone, since their median boot is not
    /// decided.
    #[serde(default)]
    pub by_mean: Vec<GateLine>,
    /// What is not decided, and why.
    pub undecided: Vec<Undecided>,
    /// Why the gate refuses to judge this run, and what to do about it.
    pub refusal: Option<String>,
}

const fn mean() -> Estimand {
    Estimand::Mean
}

/// A line of the result that a gate looks at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateLine {
    /// The bench, and its metric; `None` for an arm as a whole.
    #[serde(flatten)]
    pub measurand: Option<Measurand>,
    /// The arm.
    pub arm: String,
}

/// Something that a gate could not decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Undecided {
    /// The line; `None` for the run as a whole.
    #[serde(flatten)]
    pub line: Option<GateLine>,
    /// Why.
    pub reason: UndecidedReason,
}
