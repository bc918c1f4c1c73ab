//! What an author sets for one bench, instead of the defaults of a run.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The most rounds of a bench in a boot.
pub const ROUNDS_MAX: u32 = 100_000;
/// The longest time that a run spends on one thing, such as the warm-up of a bench.
pub const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);

/// How one bench is measured and judged, where its author has set that. Flags of a run take
/// precedence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BenchSettings {
    /// How long its closure runs before the first sample of a boot, in ns.
    #[serde(default)]
    pub warm_up_ns: Option<u64>,
    /// How long its closure is measured in a boot, in ns.
    #[serde(default)]
    pub measurement_ns: Option<u64>,
    /// How long its external program measures in a round, in ns.
    #[serde(default)]
    pub observation_ns: Option<u64>,
    /// Its rounds in a boot.
    #[serde(default)]
    pub rounds: Option<u32>,
    /// The two-sided confidence level of its intervals.
    #[serde(default)]
    pub confidence: Option<f64>,
}

impl BenchSettings {
    /// What is out of its range, in the words of the builder's method.
    pub(crate) fn defect(&self) -> Option<&'static str> {
        let is_wrong = |ns: Option<u64>| {
            ns.is_some_and(|ns| ns == 0 || Duration::from_nanos(ns) > DURATION_MAX)
        };
        match self {
            _ if is_wrong(self.warm_up_ns) => Some("its warm_up_time is zero or above 24 h"),
            _ if is_wrong(self.measurement_ns) => {
                Some("its measurement_time is zero or above 24 h")
            }
            _ if is_wrong(self.observation_ns) => {
                Some("its observation_time is zero or above 24 h")
            }
            Self { rounds: Some(0), .. } => Some("it has no rounds"),
            Self { rounds: Some(ROUNDS_MAX..), .. } if self.rounds != Some(ROUNDS_MAX) => {
                Some("it has more than 100,000 rounds")
            }
            Self { confidence: Some(level), .. } if !(*level > 0.0 && *level < 1.0) => {
                Some("its confidence_level is not between 0 and 1")
            }
            _ => None,
        }
    }
}
