//! Runs a body once in this process, as `cargo test` does: one iteration or one short observation.

use crate::case::Case;
use crate::link::{BenchAnswer, BenchRequest, Link, Measure, Ready, SampleKind};
use sevbench_text::nanoseconds;
use std::time::Duration;

/// How long an external program should measure in a test.
const OBSERVATION_DURATION: Duration = Duration::from_secs(1);

/// Runs the body of `case` once. Fails if it measures differently from what the list declares.
/// A panic of the body is not caught.
pub fn run_once(case: &Case) -> BenchAnswer {
    let mut link = OnceLink::default();
    let answer = case.run(&mut link, None);
    let declared = if case.is_observed() { SampleKind::Observed } else { SampleKind::Timed };
    match (link.ready, answer) {
        (Some(ready), BenchAnswer::Finished) if ready.kind != declared => BenchAnswer::Failed(
            match ready.kind {
                SampleKind::Observed => {
                    "the body drives an external program: add `.observed()` to it in the list"
                }
                SampleKind::Timed => {
                    "the body times a closure: remove `.observed()` from it in the list"
                }
            }
            .into(),
        ),
        (_, answer) => answer,
    }
}

/// Requests one sample of one iteration, or one short observation, then finishes the bench.
#[derive(Default)]
struct OnceLink {
    ready: Option<Ready>,
}

impl Link for OnceLink {
    fn exchange(&mut self, answer: BenchAnswer) -> BenchRequest {
        let BenchAnswer::Ready(ready) = answer else { return BenchRequest::Finish };
        self.ready = Some(ready);
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
