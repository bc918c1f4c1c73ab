//! What an author sets for a group of benches or for all of them.

use std::time::Duration;

/// What is set; the rest is left to sevbench.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Config {
    pub(crate) warm_up_time: Option<Duration>,
    pub(crate) measurement_time: Option<Duration>,
    pub(crate) confidence_level: Option<f64>,
}

impl Config {
    /// These settings, and the others' where they set nothing.
    pub(crate) fn or(self, others: Self) -> Self {
        Self {
            warm_up_time: self.warm_up_time.or(others.warm_up_time),
            measurement_time: self.measurement_time.or(others.measurement_time),
            confidence_level: self.confidence_level.or(others.confidence_level),
        }
    }
}
