//! What was run, on what, and how it ended.

use crate::model::word::{
    Encryption, Estimand, MachineRole, Outcome, Place, Protection, Role, Witness,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One execution of the experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The name of its folder.
    pub id: String,
    /// The suite of benches.
    pub suite: String,
    /// The testbed's name.
    pub testbed: String,
    /// When it started: RFC 3339, UTC.
    pub started: String,
    /// The seed of its schedule.
    pub seed: u64,
    /// The version of sevbench that measured; empty if unknown.
    #[serde(default)]
    pub sevbench_version: String,
    /// Facts about the coordinator's machine, by name.
    #[serde(default)]
    pub host: BTreeMap<String, String>,
    /// The arms, control first.
    pub arms: Vec<ArmSummary>,
    /// The benches that it was to measure.
    #[serde(default)]
    pub benches: Vec<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether `--max-time` ended it before every bench had its boots.
    #[serde(default)]
    pub cut_off: bool,
    /// Lines of its record that could not be read. They are ignored.
    #[serde(default)]
    pub defects: Vec<String>,
    /// The share of the measuring phase that was timed.
    pub duty: Option<Duty>,
    /// The number of boot blocks with rounds in the record.
    pub boots: u32,
    /// From the start of the coordinator to the first sample of the first round, in ns.
    pub first_sample_ns: Option<u64>,
    /// The number of boots that each bench gets.
    #[serde(default)]
    pub replication: Option<Replication>,
    /// The widths of the intervals of an A/A comparison; `None` without one.
    #[serde(default)]
    pub noise_floor: Option<NoiseFloor>,
    /// What its verdicts are about.
    #[serde(default = "mean")]
    pub judge: Estimand,
    /// The settings that this analysis takes instead of those of the run.
    #[serde(default)]
    pub overridden: Vec<Overridden>,
}

impl Run {
    /// The arms that are compared with the control.
    pub fn treatments(&self) -> impl Iterator<Item = &ArmSummary> {
        self.arms.iter().filter(|arm| arm.role == Role::Treatment)
    }
}

const fn mean() -> Estimand {
    Estimand::Mean
}

/// A setting of the run that an analysis has replaced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "setting", rename_all = "snake_case")]
pub enum Overridden {
    /// The level of the intervals.
    ConfidenceLevel(OverriddenFraction),
    /// The margin.
    Margin(OverriddenFraction),
    /// What verdicts are about.
    Judge {
        /// In the run.
        run: Estimand,
        /// In this analysis.
        analysis: Estimand,
    },
}

/// A replaced setting that is a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OverriddenFraction {
    /// Its value in the run.
    pub run: f64,
    /// Its value in this analysis.
    pub analysis: f64,
    /// Values that single benches had in the run and do not have in this analysis.
    pub of_benches: u32,
}

/// The number of boots that each bench gets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replication {
    /// Boots of the first stage; without a second stage, of the whole run.
    pub first_stage: u32,
    /// The half-width, as a fraction, that the second stage aims at; `None` without a second stage.
    pub precision: Option<f64>,
}

/// The intervals of an A/A comparison. Its true slowdown is 1, so their width is noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseFloor {
    /// The arm that repeats the control.
    pub arm: String,
    /// Its benches that have an interval.
    pub benches: u32,
    /// The median half-width of an interval, as a fraction.
    pub median: f64,
    /// The largest half-width.
    pub largest: f64,
    /// The number of benches whose interval contains 1.
    pub hold_one: u32,
}

/// Timed sample time ÷ wall time of the measuring phase.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Duty {
    /// The time of all samples, and the time that external programs say they measured, in ns.
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
    /// Control or treatment.
    pub role: Role,
    /// Whether it runs on the control's machine with the same injected slowdown, if any: an A/A
    /// comparison.
    #[serde(default)]
    pub repeats_control: bool,
    /// Whether a gate judges it. Treatments that repeat the control are judged only if all
    /// treatments do.
    #[serde(default)]
    pub judged: bool,
    /// The protection that its name or configuration claims.
    pub claimed: Option<Protection>,
    /// Whether the claim is proved; `None` without a claim.
    pub verified: Option<bool>,
    /// How the machine says its memory is protected: `none`, `SEV-SNP`, `unknown`; `None` if
    /// it was never reached, or is this process.
    #[serde(default)]
    pub encryption: Option<Encryption>,
    /// The evidence for the claim, or for its absence, as text.
    pub evidence: Vec<String>,
    /// The same, with who vouches for it.
    #[serde(default)]
    pub testimony: Vec<Testimony>,
    /// The kind of machine.
    #[serde(default)]
    pub place: Option<Place>,
    /// Where it ran: `loopback`, `ssh://user@host:22`.
    pub address: String,
    /// Its machines, the measured one first.
    #[serde(default)]
    pub machines: Vec<ArmMachine>,
    /// The executable that measured.
    #[serde(default)]
    pub build: Option<Build>,
    /// A description for the reader: kernel, CPU, memory.
    pub description: String,
    /// The factor by which its samples were made longer on purpose.
    pub injected: Option<f64>,
    /// Resident memory of its idle agent, in bytes.
    pub agent_resident_bytes: Option<u64>,
}

/// One piece of evidence about an arm's protection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testimony {
    /// Who vouches for it.
    pub witness: Witness,
    /// What it says.
    pub text: String,
}

/// A machine of an arm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArmMachine {
    /// Its role.
    pub role: MachineRole,
    /// Its address.
    pub address: String,
}

/// An executable that ran in an arm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// SHA-256 of its bytes, in hex.
    pub executable_sha256: String,
}
