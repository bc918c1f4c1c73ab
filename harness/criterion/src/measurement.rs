//! What is measured: wall-clock time, and nothing else.

use sevbench::Throughput;
use std::any::TypeId;
use std::time::{Duration, Instant};

/// How a custom measurement shows its values. Nothing here calls it.
#[expect(missing_docs, reason = "criterion documents it")]
pub trait ValueFormatter {
    fn format_value(&self, value: f64) -> String {
        value.to_string()
    }

    fn format_throughput(&self, _: &Throughput, value: f64) -> String {
        value.to_string()
    }

    fn scale_values(&self, typical_value: f64, values: &mut [f64]) -> &'static str;

    fn scale_throughputs(
        &self,
        typical_value: f64,
        throughput: &Throughput,
        values: &mut [f64],
    ) -> &'static str;

    fn scale_for_machines(&self, values: &mut [f64]) -> &'static str;
}

/// Something that can be measured. Only [`WallTime`] is; benches with another measurement are
/// refused when they are listed.
#[expect(missing_docs, reason = "criterion documents it")]
pub trait Measurement: 'static {
    type Intermediate;
    type Value;

    fn start(&self) -> Self::Intermediate;
    fn end(&self, i: Self::Intermediate) -> Self::Value;
    fn add(&self, v1: &Self::Value, v2: &Self::Value) -> Self::Value;
    fn zero(&self) -> Self::Value;
    fn to_f64(&self, value: &Self::Value) -> f64;
    fn formatter(&self) -> &dyn ValueFormatter;
}

/// Wall-clock time.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallTime;

impl Measurement for WallTime {
    type Intermediate = Instant;
    type Value = Duration;

    fn start(&self) -> Instant {
        Instant::now()
    }

    fn end(&self, i: Instant) -> Duration {
        i.elapsed()
    }

    fn add(&self, v1: &Duration, v2: &Duration) -> Duration {
        *v1 + *v2
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        &Nanoseconds
    }
}

/// Shows values as they are.
struct Nanoseconds;

impl ValueFormatter for Nanoseconds {
    fn scale_values(&self, _: f64, _: &mut [f64]) -> &'static str {
        "ns"
    }

    fn scale_throughputs(
        &self,
        _: f64,
        throughput: &Throughput,
        values: &mut [f64],
    ) -> &'static str {
        let amount = throughput.amount() as f64;
        values.iter_mut().for_each(|ns| *ns = amount / *ns * 1e9);
        throughput.unit().symbol()
    }

    fn scale_for_machines(&self, _: &mut [f64]) -> &'static str {
        "ns"
    }
}

/// Whether this is the measurement that benches can have here.
pub(crate) fn is_wall_time<M: Measurement>() -> bool {
    TypeId::of::<M>() == TypeId::of::<WallTime>()
}
