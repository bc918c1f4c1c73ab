//! What fuzzers call.

use crate::message::{
    Request, read_greeting, read_reply, read_request, write_heartbeat, write_request,
};

/// Reads the first bytes of an agent or a coordinator: a greeting, then a request, or a reply.
///
/// # Panics
/// If a request that was read is not written and read back as it was.
pub fn frames(bytes: &[u8]) {
    let mut after_greeting = bytes;
    let _ = read_greeting(&mut after_greeting);
    for mut input in [bytes, after_greeting] {
        let _ = read_reply(&mut { input }, 1);
        while let Ok(message) = read_request(&mut input) {
            let frame = written(message.as_ref());
            let again = read_request(&mut frame.as_slice()).expect("it was written");
            assert_eq!(written(again.as_ref()), frame);
        }
    }
}

fn written(message: Option<&(u64, Request)>) -> Vec<u8> {
    let mut frame = Vec::new();
    match message {
        Some((number, request)) => write_request(&mut frame, *number, request),
        None => write_heartbeat(&mut frame),
    }
    .expect("a vector takes everything");
    frame
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use crate::link::{BenchAnswer, BenchRequest, Measure};
    use crate::message::{Conditions, Hello, Reply, write_greeting, write_reply};
    use crate::observation::{Observation, Observed};
    use crate::unit::Unit;

    #[test]
    fn damaged_frames_never_panic() {
        let mut histogram = hdrhistogram::Histogram::<u64>::new(3).unwrap();
        (1..50).for_each(|ns| histogram.record(ns * 1_000).unwrap());
        let observations = vec![
            Observation::rate("bandwidth", 2e9, Unit::BytesPerSecond),
            Observation::histogram("latency", &histogram),
        ];
        let observed = Observed { observations, measured: None };
        let answers = [
            BenchAnswer::Samples(vec![7; 9]),
            BenchAnswer::Observed(observed),
            BenchAnswer::Failed("a wrong byte".into()),
        ];
        let mut seeds: Vec<Vec<u8>> = answers
            .map(|answer| {
                let (mut frame, conditions) = (Vec::new(), Conditions::default());
                write_reply(&mut frame, 1, &Reply { answer, conditions }).unwrap();
                frame
            })
            .into();
        let mut requests = Vec::new();
        let hello = Hello {
            executable_sha256: "ab".repeat(32),
            benches: vec!["s/a".into(), "s/b".into()],
            facts: sevbench_facts::Facts { kernel: "6.1".into(), cpus: 2, ..Default::default() },
            resident_bytes: 4096,
        };
        write_greeting(&mut requests, &hello).unwrap();
        let measure = Measure { lead_in: 1, iterations: 1 << 40, samples: 3 };
        for request in [
            Request::Start {
                bench: "memory/memcpy/32MiB".into(),
                spin_factor: Some(1.1),
                files: vec![("a".into(), "ab".into())],
            },
            Request::Drive(BenchRequest::Measure(measure)),
            Request::Drive(BenchRequest::Finish),
        ] {
            requests.extend(written(None));
            requests.extend(written(Some(&(1, request))));
        }
        seeds.push(requests);
        let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
        sevbench_testing::fuzz("frames", &seeds, 20_000, frames);
    }
}
