//! What a gate decided about a run, and about which benches.

use crate::model::word::{Against, GateDecision, UndecidedReason};
use serde::{Deserialize, Serialize};

/// The outcome of a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// What it judges.
    pub against: Against,
    /// The baseline that it compares with.
    pub baseline: Option<String>,
    /// The share of runs that it may fail wrongly, over all benches together.
    pub alpha: f64,
    /// What it decided.
    pub decision: GateDecision,
    /// The benches that regressed.
    pub regressed: Vec<GateLine>,
    /// What is not decided, and why.
    pub undecided: Vec<Undecided>,
    /// Why it does not judge this run, and what to do about it.
    pub refusal: Option<String>,
}

/// A line of the result that a gate looks at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GateLine {
    /// The bench, joined with its metric; none where an arm as a whole is meant.
    pub bench: Option<String>,
    /// The treatment arm.
    pub arm: String,
}

/// Something that a gate could not decide.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Undecided {
    /// The line; none where the run as a whole is meant.
    #[serde(flatten)]
    pub line: Option<GateLine>,
    /// Why.
    pub reason: UndecidedReason,
}
