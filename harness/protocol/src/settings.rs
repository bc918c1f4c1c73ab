//! What an author sets for one bench, instead of the defaults of a run.

use serde::{Deserialize, Serialize};

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
        let is_zero = |ns: Option<u64>| ns == Some(0);
        match self {
            _ if is_zero(self.warm_up_ns) => Some("its warm_up_time is zero"),
            _ if is_zero(self.measurement_ns) => Some("its measurement_time is zero"),
            _ if is_zero(self.observation_ns) => Some("its observation_time is zero"),
            Self { rounds: Some(0), .. } => Some("it has no rounds"),
            Self { confidence: Some(level), .. } if !(*level > 0.0 && *level < 1.0) => {
                Some("its confidence_level is not between 0 and 1")
            }
            _ => None,
        }
    }
}
