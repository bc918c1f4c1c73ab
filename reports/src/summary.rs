//! The model of a result, as `summary.json` holds it. Others' scripts read these names: add, never rename.

use serde::{Deserialize, Serialize};

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
    /// Rounds left out for a cause from outside.
    pub exclusions: Vec<Exclusion>,
    /// What else differs between the arms.
    pub differences: Vec<DifferenceRow>,
}

/// One execution of the experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The name of its folder.
    pub id: String,
    /// The suite of benches.
    pub suite: String,
    /// The testbed's name.
    pub testbed: String,
    /// When it started, RFC 3339 in UTC.
    pub started: String,
    /// The seed of its schedule.
    pub seed: u64,
    /// The arms, control first.
    pub arms: Vec<ArmSummary>,
    /// How it ended.
    pub outcome: Outcome,
    /// How much of the measuring phase was measured.
    pub duty: Option<Duty>,
    /// Boot blocks of which the record holds something.
    pub boots: u32,
    /// From the start of the coordinator to the first sample of the first round, in ns.
    pub first_sample_ns: Option<u64>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// To its end.
    Complete,
    /// By the user.
    Interrupted,
    /// By an error, such as a full disk.
    Stopped,
    /// Unknown: the record just ends, as after a kill.
    Truncated,
}

/// Timed sample time ÷ wall time of the measuring phase.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Duty {
    /// Sum of all samples, in ns.
    pub timed_ns: u64,
    /// Wall time of all rounds, in ns.
    pub wall_ns: u64,
    /// The quotient.
    pub share: f64,
}

/// One side of the experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmSummary {
    /// Its name.
    pub name: String,
    /// `control` or `treatment`.
    pub role: String,
    /// The protection that its name or configuration claims.
    pub claimed: Option<String>,
    /// Whether the claim is proved; none without a claim.
    pub verified: Option<bool>,
    /// What the machine says its memory is: `none`, `SEV-SNP`, `unknown`; none where it was never reached.
    #[serde(default)]
    pub encryption: Option<String>,
    /// What the claim, or the absence of one, rests on.
    pub evidence: Vec<String>,
    /// Where it ran: `loopback`, `ssh://user@host:22`.
    pub address: String,
    /// What it is, for a person: `this machine again (A/A)`, kernel and CPU.
    pub description: String,
    /// The factor by which its samples were made longer on purpose.
    pub injected: Option<f64>,
    /// Resident memory of its idle agent, in bytes.
    pub agent_resident_bytes: Option<u64>,
}

/// One bench (and metric) in one treatment against the control.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The bench's id; an outside program's metric is joined to it.
    pub bench: String,
    /// The treatment arm.
    pub treatment: String,
    /// The unit of the means: `B/s`, `ns`, …
    pub unit: String,
    /// The control arm.
    pub control: Mean,
    /// The treatment arm.
    pub treated: Mean,
    /// Treatment cost ÷ control cost.
    pub slowdown: Estimate,
    /// The same, from the trimmed mean.
    pub robust: Estimate,
    /// `regressed`, `improved`, `no change`, `inconclusive`.
    pub verdict: String,
    /// The slowdown that is called no change, as a fraction.
    pub margin: f64,
    /// The smallest slowdown, as a fraction, that the data would have found (power 80 %).
    pub minimum_detectable: Option<f64>,
    /// What a reader must know of this line.
    pub flags: Vec<String>,
}

/// A mean in the comparison's unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// Arithmetic mean over boots of the mean over rounds.
    pub mean: f64,
}

/// An estimated slowdown factor with its interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The factor.
    pub estimate: f64,
    /// Lower bound; none where the data give no interval.
    pub low: Option<f64>,
    /// Upper bound; none where the data give no interval.
    pub high: Option<f64>,
    /// The two-sided level.
    pub confidence: f64,
    /// How it was computed.
    pub method: String,
    /// Boot blocks that paired.
    pub boots: u32,
    /// Rounds that paired.
    pub rounds: u32,
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
    /// What to do.
    pub hint: String,
}

/// A bench that failed in an arm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRow {
    /// The bench; none where the arm itself failed.
    pub bench: Option<String>,
    /// The arm.
    pub arm: String,
    /// The boot block, from 1.
    pub boot: u32,
    /// Why.
    pub reason: String,
}

/// A round that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    /// The bench.
    pub bench: String,
    /// The boot block, from 1.
    pub boot: u32,
    /// The round, from 1.
    pub round: u32,
    /// The declared cause.
    pub cause: String,
}

/// A fact in which a treatment differs from the control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceRow {
    /// The fact.
    pub fact: String,
    /// Its value in the control arm.
    pub control: String,
    /// The treatment arm's name.
    pub arm: String,
    /// Its value there.
    pub treatment: String,
    /// Whether the testbed declares it as the treatment.
    pub declared: bool,
}
