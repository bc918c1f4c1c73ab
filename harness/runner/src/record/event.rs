//! The events of a journal, one JSON object per line. The names are stored: add some, but never
//! rename one. Units are part of the names.

use super::header::Header;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use sevbench_guest::{Facts, LaunchRecord};
use sevbench_protocol::{Conditions, Observation, SampleKind, Throughput};
use sevbench_reports::Outcome;
use std::collections::BTreeMap;
use std::fmt;

/// The samples of a round are seldom more. Room for them is reserved, since growing a list to its
/// length takes about as long as parsing it.
const TIMES_USUAL: usize = 16;

/// One line of `run.ndjson`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// The first line: what was requested.
    Header(Box<Header>),
    /// A guest is up, and its agent has said hello.
    Boot(Box<BootRecord>),
    /// A bench was set up in an arm.
    Setup(SetupRecord),
    /// How fast an arm ran a bench during its warm-up.
    WarmUp(WarmUpRecord),
    /// The iterations of a bench in a sample and in the lead-in, for all arms of this run.
    Calibration(CalibrationRecord),
    /// Every arm ran a bench once.
    Round(RoundRecord),
    /// All rounds of a bench in a boot, and how long they took.
    Measured(MeasuredRecord),
    /// A bench cannot run in an arm.
    Skipped(SkipRecord),
    /// A bench, or a whole arm, failed in a boot.
    Failed(FailureRecord),
    /// The second stage of boots was planned.
    Extended(ExtendedRecord),
    /// An unfinished run was continued.
    Resumed(ResumedRecord),
    /// The last line of a run that was not killed.
    End(EndRecord),
}

impl Event {
    /// Parses a line of a journal. To find a tag, serde reads the whole object into a buffer. The
    /// events with the most values start with their tag, so they are parsed without that buffer.
    pub(super) fn parse(line: &[u8]) -> serde_json::Result<Self> {
        if line.starts_with(br#"{"event":"round","#) {
            return serde_json::from_slice(line).map(Self::Round);
        }
        if line.starts_with(br#"{"event":"warm_up","#) {
            return serde_json::from_slice(line).map(Self::WarmUp);
        }
        serde_json::from_slice(line)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BootRecord {
    pub boot: u32,
    pub arm: String,
    pub phases: Phases,
    pub uploaded: bool,
    pub host_key: String,
    pub agent_resident_bytes: u64,
    /// How we launched the machine, if we did.
    #[serde(default)]
    pub launch: Option<LaunchRecord>,
    pub facts: Facts,
}

/// How long each phase of a boot took, in ns. In time, `settle_ns` comes before `agent_ns`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Phases {
    /// Starting the guest and authenticating the connection.
    pub start_ns: u64,
    /// Of `start_ns`, until QEMU answered.
    #[serde(default)]
    pub qemu_ns: Option<u64>,
    /// From then until the kernel's first line.
    #[serde(default)]
    pub kernel_ns: Option<u64>,
    /// From then until the SSH server answered.
    #[serde(default)]
    pub ssh_ns: Option<u64>,
    /// Putting the executable into the guest.
    pub ship_ns: u64,
    /// Starting the agent, until its hello.
    pub agent_ns: u64,
    /// Waiting until the guest had finished its own start-up.
    #[serde(default)]
    pub settle_ns: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SetupRecord {
    pub boot: u32,
    pub bench: String,
    pub arm: String,
    pub kind: SampleKind,
    pub throughput: Option<Throughput>,
    pub operations: u64,
}

/// Batches of about equal duration, in the order in which they ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WarmUpRecord {
    pub boot: u32,
    pub bench: String,
    pub arm: String,
    /// The iterations of each batch.
    pub iterations: Vec<u64>,
    /// The time of each batch.
    pub elapsed_ns: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CalibrationRecord {
    pub bench: String,
    pub lead_in: u64,
    pub iterations: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RoundRecord {
    pub boot: u32,
    pub bench: String,
    pub round: u32,
    /// When the round began, counted from the start of the coordinator.
    pub at_ns: u64,
    pub iterations: u64,
    /// In the order in which the arms ran.
    pub arms: Vec<ArmRound>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ArmRoundFields")]
pub(crate) struct ArmRound {
    pub arm: String,
    #[serde(flatten)]
    pub conditions: Conditions,
    #[serde(flatten)]
    pub samples: RoundSamples,
    /// How long an external program measured, if it reports that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_ns: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RoundSamples {
    /// The time of each sample.
    ElapsedNs(Vec<u64>),
    /// What an external program reported: a list for each sample.
    Observations(Vec<Vec<Observation>>),
}

impl ArmRound {
    /// The time that was measured, as far as the bench or its program reports it.
    pub(crate) fn timed_ns(&self) -> Option<f64> {
        match &self.samples {
            RoundSamples::ElapsedNs(samples) => Some(total_ns(samples)),
            RoundSamples::Observations(_) => self.measured_ns.map(|ns| ns as f64),
        }
    }
}

/// The sum of times. The integers are exact, and adding them is fast.
pub(crate) fn total_ns(samples: &[u64]) -> f64 {
    samples.iter().map(|ns| u128::from(*ns)).sum::<u128>() as f64
}

/// The fields of an [`ArmRound`] in a line. Serde would read flattened fields, with all values,
/// into a buffer first.
#[derive(Deserialize)]
struct ArmRoundFields {
    arm: String,
    guest_ns: Option<u64>,
    host_ns: Option<u64>,
    steal_ns: Option<u64>,
    #[serde(default)]
    clock_step_ns: i64,
    transport_retries: Option<u32>,
    #[serde(default)]
    stopped: bool,
    #[serde(default, deserialize_with = "times")]
    elapsed_ns: Option<Vec<u64>>,
    observations: Option<Vec<Vec<Observation>>>,
    measured_ns: Option<u64>,
}

/// Reads the times of a round's samples.
fn times<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u64>>, D::Error> {
    struct Times;

    impl<'de> Visitor<'de> for Times {
        type Value = Option<Vec<u64>>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a list of times in ns")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut times = Vec::with_capacity(TIMES_USUAL);
            while let Some(time) = list.next_element()? {
                times.push(time);
            }
            Ok(Some(times))
        }
    }
    deserializer.deserialize_seq(Times)
}

impl TryFrom<ArmRoundFields> for ArmRound {
    type Error = &'static str;

    fn try_from(fields: ArmRoundFields) -> Result<Self, Self::Error> {
        let samples = match (fields.elapsed_ns, fields.observations) {
            (Some(elapsed_ns), None) => RoundSamples::ElapsedNs(elapsed_ns),
            (None, Some(observations)) => RoundSamples::Observations(observations),
            (None, None) => return Err("an arm has neither `elapsed_ns` nor `observations`"),
            (Some(_), Some(_)) => return Err("an arm has both `elapsed_ns` and `observations`"),
        };
        let conditions = Conditions {
            guest_ns: fields.guest_ns,
            host_ns: fields.host_ns,
            steal_ns: fields.steal_ns,
            clock_step_ns: fields.clock_step_ns,
            transport_retries: fields.transport_retries,
            stopped: fields.stopped,
        };
        Ok(Self { arm: fields.arm, conditions, samples, measured_ns: fields.measured_ns })
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MeasuredRecord {
    pub boot: u32,
    pub bench: String,
    pub wall_ns: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SkipRecord {
    pub boot: u32,
    pub bench: String,
    pub arm: String,
    pub reason: String,
    pub hint: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FailureRecord {
    pub boot: u32,
    pub bench: Option<String>,
    pub arm: String,
    pub reason: String,
}

/// The plan for the second stage. It is made once, when every bench has done the first stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExtendedRecord {
    /// The last boot of the first stage.
    pub after_boot: u32,
    /// The total boots of each bench that needs more.
    pub benches: BTreeMap<String, u32>,
    /// How long the first stage took.
    pub first_stage_ns: u64,
    /// No boot block starts after this time, counted from the first boot of the process.
    pub max_time_ns: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ResumedRecord {
    /// The time, RFC 3339 in UTC.
    pub at: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct EndRecord {
    pub outcome: Outcome,
    /// The boots that benches still lacked at the time limit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lacking: BTreeMap<String, u32>,
}
