//! What a bench that drives an external program reports.

use crate::unit::Unit;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use sevbench_text::escaped;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The values that are computed with, in any unit. The squares of others would be infinite or zero.
pub const VALUE_RANGE: RangeInclusive<f64> = 1e-30..=1e30;
/// The longest name of an observation, in bytes.
const NAME_LEN_MAX: usize = 200;

/// A named figure that an external program reports.
///
/// The result is shown under the bench's id and this name, as in `storage/seq-read/nvme/bandwidth`.
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{Observation, Unit};
/// use std::time::Duration;
///
/// let bandwidth = Observation::rate("bandwidth", 1.2e9, Unit::BytesPerSecond);
/// let start_up = Observation::duration("start-up", Duration::from_millis(340));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// What was observed, such as `bandwidth`. At most 200 bytes, without control characters.
    pub name: String,
    /// The figure.
    pub value: ObservedValue,
}

/// The value of an [`Observation`].
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{Observation, ObservedValue, Unit};
/// # use std::time::Duration;
///
/// let start_up = Observation::duration("start-up", Duration::from_millis(340));
/// let value = ObservedValue::Scalar { value: 340e6, unit: Unit::Nanoseconds };
/// assert_eq!(start_up.value, value);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObservedValue {
    /// A rate or a duration.
    Scalar {
        /// The value, in `unit`. It must be finite and positive.
        value: f64,
        /// The unit of `value`.
        unit: Unit,
    },
    /// A distribution of durations. Its mean and its percentiles are compared.
    Distribution {
        /// Number of significant decimal digits to which the values were rounded.
        significant_digits: u8,
        /// Largest relative width of the bins in which the program counted the values, if it did.
        #[serde(default)]
        bin_width: Option<f64>,
        /// Pairs of a value in ns and its count, by ascending value.
        counts: Vec<(u64, u64)>,
    },
}

/// What one run of an external program measured.
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{Observation, Observed, Unit};
/// use std::time::Duration;
///
/// let iops = Observation::rate("iops", 84_000.0, Unit::Iops);
/// let observed = Observed::from(vec![iops]).measured_for(Duration::from_secs(30));
/// assert_eq!(observed.defect(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Observed {
    /// The figures, in the order in which they are shown.
    pub observations: Vec<Observation>,
    /// How long the program measured, without its start and its ramp, if it reports that. It counts
    /// toward the *duty* of the run: the share of the measuring phase that was timed.
    pub measured: Option<Duration>,
}

impl From<Vec<Observation>> for Observed {
    fn from(observations: Vec<Observation>) -> Self {
        Self { observations, measured: None }
    }
}

impl Observed {
    /// Sets how long the program measured.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{Observation, Observed, Unit};
    /// # use std::time::Duration;
    ///
    /// let bandwidth = Observation::rate("bandwidth", 1.2e9, Unit::BytesPerSecond);
    /// let observed = Observed::from(vec![bandwidth]).measured_for(Duration::from_secs(30));
    /// assert_eq!(observed.measured, Some(Duration::from_secs(30)));
    /// ```
    #[must_use]
    pub fn measured_for(self, duration: Duration) -> Self {
        Self { measured: Some(duration), ..self }
    }

    /// Returns why these figures cannot be used, or `None` if they can: there are none, a name is
    /// invalid, a value is not finite and positive, a distribution is empty, or a bin width is
    /// not between 0 and 1.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{Observation, Observed, Unit};
    ///
    /// let iops = Observation::rate("iops", 0.0, Unit::Iops);
    /// let defect = Observed::from(vec![iops]).defect();
    /// assert_eq!(defect.as_deref(), Some("`iops` is 0 iops, which is not a positive number"));
    ///
    /// let iops = Observation::rate("iops", 1e308, Unit::Iops);
    /// let defect = Observed::from(vec![iops]).defect();
    /// assert_eq!(defect.as_deref(), Some("`iops` is 1e308 iops, too large or too small"));
    /// ```
    pub fn defect(&self) -> Option<String> {
        match self.observations.as_slice() {
            [] => Some("the program reported no observation".into()),
            all => all.iter().find_map(Observation::defect),
        }
    }
}

impl Observation {
    /// A rate of `per_second`, in a unit such as [`Unit::BytesPerSecond`].
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{Observation, Observed, Unit};
    ///
    /// let bandwidth = Observation::rate("bandwidth", 1.2e9, Unit::BytesPerSecond);
    /// assert_eq!(Observed::from(vec![bandwidth]).defect(), None);
    /// ```
    pub fn rate(name: &str, per_second: f64, unit: Unit) -> Self {
        Self { name: name.into(), value: ObservedValue::Scalar { value: per_second, unit } }
    }

    /// A duration, in [`Unit::Nanoseconds`].
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{Observation, Observed};
    /// # use std::time::Duration;
    ///
    /// let start_up = Observation::duration("start-up", Duration::from_millis(340));
    /// assert_eq!(Observed::from(vec![start_up]).defect(), None);
    /// ```
    pub fn duration(name: &str, duration: Duration) -> Self {
        let value = duration.as_nanos() as f64;
        Self { name: name.into(), value: ObservedValue::Scalar { value, unit: Unit::Nanoseconds } }
    }

    /// A distribution of durations, from a histogram of values in ns. `sevbench::hdrhistogram` is
    /// the matching version of the crate.
    ///
    /// The bench then has the metrics `name-mean`, `name-p50`, `name-p99` and `name-p99.9`. The
    /// percentiles need 20, 1000 and 10,000 values: in each round, or else in all rounds together.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::hdrhistogram::Histogram;
    ///
    /// let mut latency_ns = Histogram::<u64>::new(3).expect("3 digits are valid");
    /// latency_ns.saturating_record(81_300);
    /// let latency = sevbench::Observation::histogram("latency", &latency_ns);
    /// ```
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

    /// Like [`histogram`](Self::histogram), for values that a program has already counted in bins.
    ///
    /// `relative_width` is the largest width of a bin divided by its value, at most 1. A smaller
    /// difference between percentiles cannot be seen, and the analysis takes that into account.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::hdrhistogram::Histogram;
    ///
    /// let mut latency_ns = Histogram::<u64>::new(3).expect("3 digits are valid");
    /// for (bin_ns, count) in [(80_896, 951), (81_920, 49)] {
    ///     latency_ns.saturating_record_n(bin_ns, count);
    /// }
    /// let latency = sevbench::Observation::binned_histogram("latency", &latency_ns, 1.0 / 64.0);
    /// ```
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

    fn defect(&self) -> Option<String> {
        let shown = &self.name[..self.name.floor_char_boundary(NAME_LEN_MAX)];
        let name = escaped(shown);
        let has_name = !self.name.is_empty()
            && self.name.len() <= NAME_LEN_MAX
            && !self.name.chars().any(char::is_control);
        if !has_name {
            return Some(format!(
                "invalid name `{name}` of an observation: use 1 to {NAME_LEN_MAX} bytes \
                 without control characters"
            ));
        }
        match &self.value {
            ObservedValue::Scalar { value, unit } if !(value.is_finite() && *value > 0.0) => Some(
                format!("`{name}` is {value} {}, which is not a positive number", unit.symbol()),
            ),
            ObservedValue::Scalar { value, unit } if !VALUE_RANGE.contains(value) => {
                Some(format!("`{name}` is {value:e} {}, too large or too small", unit.symbol()))
            }
            ObservedValue::Distribution { bin_width: Some(width), .. }
                if !(0.0..=1.0).contains(width) =>
            {
                Some(format!("`{name}` has a relative bin width of {width}, not 0 to 1"))
            }
            ObservedValue::Distribution { counts, .. }
                if counts.iter().all(|(_, count)| *count == 0) =>
            {
                Some(format!("`{name}` is an empty distribution"))
            }
            _ => None,
        }
    }
}
