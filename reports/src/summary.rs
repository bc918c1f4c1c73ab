//! The model of a result, as `summary.json` holds it. Others' scripts read these names: add, never rename.

use crate::{Comparison, Estimate};
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
    /// All benches of a treatment as one factor.
    #[serde(default)]
    pub overall: Vec<Overall>,
    /// Rounds that lie apart from the others of their bench; nothing is left out because of it.
    #[serde(default)]
    pub outliers: Vec<OutlierRow>,
}

/// The geometric mean over the benches of a treatment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overall {
    /// The treatment arm.
    pub treatment: String,
    /// How many benches are in it.
    pub benches: u32,
    /// The mean is taken inside each boot first, then its interval over boots.
    pub slowdown: Estimate,
}

/// A round outside of Tukey's fences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutlierRow {
    /// The bench.
    pub bench: String,
    /// The treatment whose log ratio it is, or the arm itself where arms are not paired.
    pub arm: String,
    /// The boot block.
    pub boot: u32,
    /// The round.
    pub round: u32,
    /// `low severe`, `low mild`, `high mild`, `high severe`.
    pub label: String,
    /// Whether it is the first value of an arm's own series: a cold start.
    pub first: bool,
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
    /// The benches that it was to measure.
    #[serde(default)]
    pub benches: Vec<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the longest time was over before every bench had its boots.
    #[serde(default)]
    pub cut_off: bool,
    /// Lines of its record that could not be read and are left out.
    #[serde(default)]
    pub defects: Vec<String>,
    /// How much of the measuring phase was measured.
    pub duty: Option<Duty>,
    /// Boot blocks of which the record holds something.
    pub boots: u32,
    /// From the start of the coordinator to the first sample of the first round, in ns.
    pub first_sample_ns: Option<u64>,
    /// How many boots each bench gets.
    #[serde(default)]
    pub replication: Option<Replication>,
    /// What comparisons of the control with itself show.
    #[serde(default)]
    pub noise_floor: Option<NoiseFloor>,
}

/// How many boots each bench gets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replication {
    /// Boots of the first stage; of the whole run where there is no second.
    pub first_stage: u32,
    /// The half-width, as a fraction, to which the second stage brings each interval; none where there is no second stage.
    pub precision: Option<f64>,
}

/// What an A/A comparison shows: the true slowdown is 1, so that the width of its intervals is noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseFloor {
    /// The arm that is the control again.
    pub arm: String,
    /// Its benches that have an interval.
    pub benches: u32,
    /// Half of the interval's width, as a fraction: the median over benches.
    pub median: f64,
    /// The largest.
    pub largest: f64,
    /// In how many benches the interval holds 1.
    pub hold_one: u32,
}

impl Run {
    /// The bench of the run that a comparison's id is of, or of one of whose metrics.
    pub fn bench_of(&self, id: &str) -> Option<&String> {
        let is_of = |bench: &&String| {
            let metric = id.strip_prefix(bench.as_str());
            metric.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.benches.iter().filter(is_of).max_by_key(|bench| bench.len())
    }
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
