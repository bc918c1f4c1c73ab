//! What a bench author sees: benches, their parameters, the [`Bencher`] and what it measures.
//! Nothing here knows of guests, connections or statistics.

mod bencher;
mod link;
mod observation;
mod registry;
mod size;
mod warm_up;

pub use bencher::Bencher;
pub use observation::{Observation, Observed, ObservedValue, Throughput, Unit};
pub use registry::{Bench, BenchEntry, Case, ParameterisedBench, Suite, SuiteError};
pub use size::ByteSize;

pub(crate) use link::{Answer, Command, Link, Measure, Ready, SampleKind};
pub(crate) use registry::run_once;
pub(crate) use warm_up::WarmUpSeries;
