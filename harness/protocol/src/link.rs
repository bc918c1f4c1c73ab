//! The commands that a running bench obeys and the answers that it gives. Who sends them is not known here.

use crate::observation::{Observed, Throughput};
use crate::warm_up::WarmUpSeries;
use serde::{Deserialize, Serialize};

/// One thing that a bench, once set up, is told to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum BenchRequest {
    /// Run for about so long and report how long that took, batch by batch.
    WarmUp {
        /// How long, in ns.
        duration_ns: u64,
    },
    /// Take timed samples.
    Measure(Measure),
    /// Run the outside program once.
    Observe {
        /// How long it should measure, in ns.
        duration_ns: u64,
    },
    /// Return from `iter`: verification follows.
    Finish,
}

/// A request for timed samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// Calls of the closure before the first sample, untimed: they bring back the caches and clocks that the
    /// other arms have used since.
    pub lead_in: u64,
    /// Calls of the closure in one sample.
    pub iterations: u64,
    /// Number of samples.
    pub samples: u32,
}

/// What a bench answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum BenchAnswer {
    /// Set up; commands may come.
    Ready(Ready),
    /// Warm: the batches that this took; none of an outside program.
    Warm(WarmUpSeries),
    /// The time of each sample, in ns.
    Samples(Vec<u64>),
    /// What the outside program did.
    Observed(Observed),
    /// Finished and verified.
    Finished,
    /// Cannot run in this guest.
    Skipped {
        /// Why.
        reason: String,
        /// What to do about it.
        hint: String,
    },
    /// Broken, with the panic's or the program's message.
    Failed(String),
}

/// What a bench says of itself once it is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Timed closure, or an outside program.
    pub kind: SampleKind,
    /// Work of one iteration, if the bench counts it.
    pub throughput: Option<Throughput>,
    /// Operations in one iteration.
    pub operations: u64,
}

/// How a bench yields its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleKind {
    /// The time of a closure.
    Timed,
    /// Figures of an outside program.
    Observed,
}

/// The other side of a running bench.
pub trait Link {
    /// Gives an answer and waits for the next command. [`BenchRequest::Finish`] where nobody listens any more.
    fn exchange(&mut self, answer: BenchAnswer) -> BenchRequest;
}
