//! Runs a body once in this process, as `cargo test` does: one iteration or one short observation.

use crate::case::Case;
use crate::data_files::DataFiles;
use crate::link::{BenchAnswer, BenchRequest, Link, Measure, SampleKind};
use sevbench_text::nanoseconds;
use std::time::Duration;

/// How long an external program should measure in a test.
const OBSERVATION_DURATION: Duration = Duration::from_secs(1);

/// Runs the body of `case` once. A panic of the body is not caught.
pub fn run_once(case: &Case) -> BenchAnswer {
    case.run(&mut OnceLink, None, DataFiles::in_place(case.listed().files()))
}

/// Requests one sample of one iteration, or one short observation, then finishes the bench.
struct OnceLink;

impl Link for OnceLink {
    fn exchange(&mut self, answer: BenchAnswer) -> BenchRequest {
        let BenchAnswer::Ready(ready) = answer else { return BenchRequest::Finish };
        match ready.kind {
            SampleKind::Timed => {
                BenchRequest::Measure(Measure { lead_in: 0, iterations: 1, samples: 1 })
            }
            SampleKind::Observed => {
                BenchRequest::Observe { duration_ns: nanoseconds(OBSERVATION_DURATION) }
            }
        }
    }
}

#[cfg(test)]
#[path = "run_once_tests.rs"]
mod tests;
