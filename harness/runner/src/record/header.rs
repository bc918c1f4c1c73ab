//! The header of a journal: what was requested, of which arms. As for all events, names are added
//! and never renamed.

use serde::{Deserialize, Serialize};
use sevbench_guest::{Declaration, Protection};
use sevbench_protocol::{BenchSettings, ROUNDS_MAX};
use sevbench_reports::{Estimand, MarginSource, Place, Role};
use std::collections::BTreeMap;

/// The most boots and rounds that a run can have, and the longest time of any setting.
pub(crate) const BOOTS_MAX: u32 = 10_000;
const SAMPLES_MAX: u32 = 1 << 16;
const TIME_MAX_NS: u64 = 24 * 3_600 * 1_000_000_000;

/// The version of the journal's format.
pub(crate) const JOURNAL_SCHEMA: &str = "sevbench/journal/1";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub schema: String,
    pub id: String,
    /// The place of this run among all runs in its folder; 0 in older records.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub number: u64,
    pub suite: String,
    pub testbed: String,
    pub started: String,
    pub seed: u64,
    pub sevbench_version: String,
    pub executable_sha256: String,
    /// Facts about the coordinator's machine.
    #[serde(default)]
    pub host: BTreeMap<String, String>,
    pub arms: Vec<ArmRecord>,
    pub benches: Vec<String>,
    /// The SHA-256 of the files that they declare, by the path that the author wrote.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    pub settings: Settings,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Boots of every bench. With a precision, those of the first stage.
    pub boots: u32,
    /// The half-width, in per cent, that the slowdowns' intervals should have. A second stage of
    /// boots aims at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision_percent: Option<f64>,
    /// No boot block starts after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_time_ns: Option<u64>,
    pub rounds: u32,
    pub samples: u32,
    pub warm_up_ns: u64,
    pub measurement_ns: u64,
    /// How long an external program measures in a round.
    #[serde(default)]
    pub observation_ns: u64,
    pub timeout_ns: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_timeout_ns: Option<u64>,
    /// Whether idle guests run while another one measures.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_pause: bool,
    pub confidence: f64,
    pub margin_percent: f64,
    /// What verdicts are about. `None` in older records, whose verdicts were about the mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<Estimand>,
    /// Where the margin of all other benches comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin_source: Option<MarginSource>,
    /// Margins of some benches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub margins: Vec<MarginRule>,
    /// What the authors of some benches have set for them and no flag has overridden, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub of_benches: BTreeMap<String, BenchSettings>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Header {
    /// What no run can have begun with. It would be continued for ever, or not at all.
    pub(crate) fn defect(&self) -> Option<&'static str> {
        let Settings { boots, rounds, samples, timeout_ns, confidence, .. } = self.settings;
        let mut all_rounds = self.benches.iter().map(|id| self.settings.rounds(id)).chain([rounds]);
        let times = self.benches.iter().flat_map(|id| {
            let settings = &self.settings;
            [settings.warm_up_ns(id), settings.measurement_ns(id), settings.observation_ns(id)]
        });
        let is_control = |arm: &ArmRecord| arm.role == Role::Control;
        match self {
            _ if self.arms.len() < 2 => Some("it has fewer than two arms"),
            _ if !is_control(&self.arms[0]) => Some("its first arm is not the control"),
            _ if !(1..=BOOTS_MAX).contains(&boots) => Some("its number of boots"),
            _ if all_rounds.any(|n| !(1..=ROUNDS_MAX).contains(&n)) => Some("its number of rounds"),
            _ if !(1..=SAMPLES_MAX).contains(&samples) => Some("its number of samples"),
            _ if times.chain([timeout_ns]).any(|ns| ns > TIME_MAX_NS) => Some("one of its times"),
            _ if !(confidence > 0.0 && confidence < 1.0) => Some("its confidence level"),
            _ => None,
        }
    }
}

impl Settings {
    /// The warm-up time of this bench, in ns.
    pub(crate) fn warm_up_ns(&self, bench: &str) -> u64 {
        self.of(bench, |settings| settings.warm_up_ns).unwrap_or(self.warm_up_ns)
    }

    /// The measuring time of this bench, in ns.
    pub(crate) fn measurement_ns(&self, bench: &str) -> u64 {
        self.of(bench, |settings| settings.measurement_ns).unwrap_or(self.measurement_ns)
    }

    /// How long this bench's program measures in a round, in ns.
    pub(crate) fn observation_ns(&self, bench: &str) -> u64 {
        self.of(bench, |settings| settings.observation_ns).unwrap_or(self.observation_ns)
    }

    /// The rounds of this bench in a boot.
    pub(crate) fn rounds(&self, bench: &str) -> u32 {
        self.of(bench, |settings| settings.rounds).unwrap_or(self.rounds)
    }

    /// The confidence level of this bench's intervals, if it has one of its own.
    pub(crate) fn confidence(&self, bench: &str) -> Option<f64> {
        self.of(bench, |settings| settings.confidence)
    }

    fn of<T>(&self, bench: &str, setting: impl Fn(&BenchSettings) -> Option<T>) -> Option<T> {
        setting(self.of_benches.get(bench)?)
    }

    /// What verdicts are about.
    pub(crate) fn judge(&self) -> Estimand {
        self.judge.unwrap_or(Estimand::Mean)
    }

    /// The margins for some benches: expression and per cent.
    pub(crate) fn margin_rules(&self) -> impl Iterator<Item = (&str, f64)> {
        self.margins.iter().map(|rule| (rule.benches.as_str(), rule.percent))
    }
}

/// A margin for the benches whose ids match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MarginRule {
    /// A regular expression that must match the whole id of a bench.
    pub benches: String,
    /// The margin, in per cent.
    pub percent: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ArmRecord {
    pub name: String,
    pub role: Role,
    pub address: String,
    /// `None` in older records, whose address says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    pub claimed: Option<Protection>,
    pub spin_factor: Option<f64>,
    /// Whether each boot restarts the guest, and not only the connection and the agent.
    pub rebooted: bool,
    /// The facts in which the treatment itself makes it differ from the control.
    #[serde(default)]
    pub declares: Vec<Declaration>,
    /// The settings of the machine, if sevbench boots it; `None` in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<serde_json::Value>,
}

impl ArmRecord {
    /// Whether this arm has the same address and the same injected slowdown as `other`.
    pub(crate) fn repeats(&self, other: &Self) -> bool {
        self.address == other.address && self.spin_factor == other.spin_factor
    }

    /// The kind of its machine.
    pub(crate) fn place(&self) -> Option<Place> {
        self.place.or_else(|| Place::of_address(&self.address))
    }
}
