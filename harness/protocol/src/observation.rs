//! What a measurement is counted in, and what a bench that drives an outside program reports.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The longest name of an observation.
const NAME_LEN_MAX: usize = 200;

/// How much one iteration gets done; turns a time into a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Throughput {
    /// Bytes an iteration processes; shown as B/s.
    Bytes(u64),
    /// Elements an iteration processes; shown as elements/s.
    Elements(u64),
}

/// The unit in which a value is recorded and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Nanoseconds an operation: a cost.
    #[serde(rename = "ns")]
    Nanoseconds,
    /// Bytes a second: a rate.
    #[serde(rename = "B/s")]
    BytesPerSecond,
    /// Elements a second: a rate.
    #[serde(rename = "elements/s")]
    ElementsPerSecond,
    /// Operations a second: a rate.
    #[serde(rename = "ops/s")]
    OperationsPerSecond,
    /// I/O operations a second: a rate.
    #[serde(rename = "iops")]
    Iops,
}

impl Unit {
    /// Whether more is better; then the cost of an operation is the value's inverse.
    pub const fn is_rate(self) -> bool {
        !matches!(self, Self::Nanoseconds)
    }

    /// The unit as it stands in records and output.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::BytesPerSecond => "B/s",
            Self::ElementsPerSecond => "elements/s",
            Self::OperationsPerSecond => "ops/s",
            Self::Iops => "iops",
        }
    }
}

/// One figure that a bench reports of an outside program, under a name of its own.
///
/// The name is joined to the bench's id: `storage/seq-read/bandwidth`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// What was observed: `bandwidth`, `completion-latency`.
    pub name: String,
    /// The figure, in its unit.
    pub value: ObservedValue,
}

/// The figure of an [`Observation`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObservedValue {
    /// A rate or a duration.
    Scalar {
        /// The value, finite and above zero.
        value: f64,
        /// Its unit.
        unit: Unit,
    },
    /// A distribution of durations, as the recorded (value in ns, count) pairs of an HDR histogram.
    Distribution {
        /// Significant decimal digits that the histogram kept.
        significant_digits: u8,
        /// The relative width of the bins that its values were counted in before, where they were.
        #[serde(default)]
        bin_width: Option<f64>,
        /// Recorded values in ns with their counts, ascending.
        counts: Vec<(u64, u64)>,
    },
}

/// What one run of an outside program gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// The figures, in the order in which they are shown.
    pub observations: Vec<Observation>,
    /// How long the program measured for them, where it says so: its ramp and its start are not in it. The share of
    /// the run that was measured (*duty*) counts it.
    pub measured: Option<Duration>,
}

impl From<Vec<Observation>> for Observed {
    fn from(observations: Vec<Observation>) -> Self {
        Self { observations, measured: None }
    }
}

impl Observed {
    /// Why this cannot be used, if it cannot.
    pub fn defect(&self) -> Option<String> {
        match self.observations.as_slice() {
            [] => Some("the program reported no observation".into()),
            all => all.iter().find_map(Observation::defect),
        }
    }
}

impl Observation {
    /// A rate such as a bandwidth in [`Unit::BytesPerSecond`].
    pub fn rate(name: &str, per_second: f64, unit: Unit) -> Self {
        Self { name: name.into(), value: ObservedValue::Scalar { value: per_second, unit } }
    }

    /// A duration.
    pub fn duration(name: &str, duration: Duration) -> Self {
        let value = duration.as_nanos() as f64;
        Self { name: name.into(), value: ObservedValue::Scalar { value, unit: Unit::Nanoseconds } }
    }

    /// A distribution of durations in nanoseconds.
    pub fn histogram(name: &str, histogram_ns: &Histogram<u64>) -> Self {
        let counts = histogram_ns
            .iter_recorded()
            .map(|step| (step.value_iterated_to(), step.count_at_value()))
            .collect();
        let significant_digits = histogram_ns.sigfig();
        let bin_width = None;
        Self {
            name: name.into(),
            value: ObservedValue::Distribution { significant_digits, bin_width, counts },
        }
    }

    /// A distribution of durations in nanoseconds that a program had counted in bins, each of at most this relative width: no
    /// difference of percentiles below it shows.
    pub fn binned_histogram(
        name: &str,
        histogram_ns: &Histogram<u64>,
        relative_width: f64,
    ) -> Self {
        let mut observation = Self::histogram(name, histogram_ns);
        if let ObservedValue::Distribution { bin_width, .. } = &mut observation.value {
            *bin_width = Some(relative_width);
        }
        observation
    }

    /// Why the observation cannot be used, if it cannot: a value that is no positive number, no counts, a name that is none.
    fn defect(&self) -> Option<String> {
        let is_name = !self.name.is_empty()
            && self.name.len() <= NAME_LEN_MAX
            && !self.name.chars().any(char::is_control);
        if !is_name {
            return Some(format!("an observation is called `{}`", self.name.escape_debug()));
        }
        let sound = match &self.value {
            ObservedValue::Scalar { value, .. } => value.is_finite() && *value > 0.0,
            ObservedValue::Distribution { bin_width: Some(width), .. }
                if !(0.0..=1.0).contains(width) =>
            {
                return Some(format!("`{}` has bins of a relative width of {width}", self.name));
            }
            ObservedValue::Distribution { counts, .. } => {
                counts.iter().any(|(_, count)| *count > 0)
            }
        };
        (!sound)
            .then(|| format!("observed `{}` is not a positive number: {:?}", self.name, self.value))
    }
}
