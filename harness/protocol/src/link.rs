//! The requests that a running bench serves and the answers that it gives. A [`Link`] carries them.

use crate::observation::Observed;
use crate::unit::Throughput;
use crate::warm_up::WarmUpSeries;
use serde::{Deserialize, Serialize};
use sevbench_text::counted;

/// What a bench that is set up should do next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum BenchRequest {
    /// Run the closure in batches and report the duration of each.
    WarmUp {
        /// How long to run, in ns.
        duration_ns: u64,
    },
    /// Take timed samples.
    Measure(Measure),
    /// Run the external program once.
    Observe {
        /// How long the program should measure, in ns.
        duration_ns: u64,
    },
    /// Return to the body, so that it verifies its result.
    Finish,
}

/// A request for timed samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// Iterations before the first sample, untimed. The other arms have run in the meantime; this
    /// restores caches and clock frequency.
    pub lead_in: u64,
    /// Iterations in one sample.
    pub iterations: u64,
    /// Number of samples.
    pub samples: u32,
}

/// What a bench answers to a request, or when its body ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum BenchAnswer {
    /// The bench is set up and waits for requests.
    Ready(Ready),
    /// The batches of the warm-up. An external program has none.
    Warm(WarmUpSeries),
    /// The duration of each sample, in ns.
    Samples(Vec<u64>),
    /// The figures of one run of the external program.
    Observed(Observed),
    /// The body has returned; its verification passed.
    Finished,
    /// The bench cannot run in this guest.
    Skipped {
        /// Why it cannot run.
        reason: String,
        /// What the user can do about it.
        hint: String,
    },
    /// The bench failed, with the message of the panic or of the program.
    Failed(String),
}

impl BenchAnswer {
    /// What kind of answer it is, without its content: `3 samples`.
    pub fn kind(&self) -> String {
        match self {
            Self::Ready(_) => "a set-up".into(),
            Self::Warm(series) => {
                format!("a warm-up of {}", counted(series.iterations.len() as u64, "batch"))
            }
            Self::Samples(samples) => counted(samples.len() as u64, "sample"),
            Self::Observed(observed) => counted(observed.observations.len() as u64, "figure"),
            Self::Finished => "the end of the bench".into(),
            Self::Skipped { .. } => "a skip".into(),
            Self::Failed(_) => "a failure".into(),
        }
    }
}

/// How a bench measures; known once it is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// How the bench yields its samples.
    pub kind: SampleKind,
    /// Work of one iteration, if the bench declares it.
    pub throughput: Option<Throughput>,
    /// Operations in one iteration.
    pub operations: u64,
}

/// How a bench yields its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleKind {
    /// A closure is timed.
    Timed,
    /// An external program reports figures.
    Observed,
}

/// The connection of a running bench to whoever drives it.
pub trait Link {
    /// Sends `answer` and waits for the next request. Returns [`BenchRequest::Finish`] if the other
    /// side is gone.
    fn exchange(&mut self, answer: BenchAnswer) -> BenchRequest;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A guest may send megabytes, which nobody wants to read in an error.
    #[test]
    fn kind_of_an_answer_has_nothing_of_its_content() {
        let text = || "content".repeat(1000);
        for (answer, kind) in [
            (BenchAnswer::Samples(vec![7; 1000]), "1000 samples"),
            (BenchAnswer::Failed(text()), "a failure"),
            (BenchAnswer::Skipped { reason: text(), hint: text() }, "a skip"),
        ] {
            assert_eq!(answer.kind(), kind);
        }
    }
}
