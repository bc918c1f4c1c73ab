//! An agent that breaks the rules, for the tests of the whole path. Each bench is a way to do so;
//! its agent does not run bodies, but answers as the bench's name says.

use sevbench::{Bench, Bencher, Observation, Observed, ObservedValue, Throughput, Unit};
use sevbench_guest::{Facts, sha256_of_self};
use sevbench_protocol::{
    AGENT_ARGUMENT, BenchAnswer, BenchRequest, Conditions, Hello, Ready, Reply, Request,
    SampleKind, WarmUpSeries, read_request, write_greeting, write_reply,
};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

fn never_run(_: &mut Bencher<'_>) {}

const MODES: [&str; 68] = [
    "honest",
    "ready-zero-operations",
    "ready-zero-bytes",
    "ready-all-operations",
    "start-samples",
    "start-finished",
    "start-long-skip",
    "start-long-failure",
    "start-steering-failure",
    "start-steering-skip",
    "start-garbage",
    "start-oversize",
    "start-torn",
    "start-trailing",
    "start-exit",
    "start-silent",
    "start-twice",
    "start-loud",
    "warm-empty",
    "warm-mismatch",
    "warm-zero-iterations",
    "warm-many",
    "warm-endless",
    "warm-timeless",
    "warm-samples",
    "warm-skip",
    "measure-none",
    "measure-one-more",
    "measure-million",
    "measure-zero",
    "measure-max",
    "measure-hour",
    "measure-observed",
    "measure-ready",
    "measure-finished",
    "measure-skip",
    "measure-exit",
    "measure-silent",
    "measure-flood",
    "observe-none",
    "observe-nan",
    "observe-infinite",
    "observe-negative",
    "observe-zero",
    "observe-no-name",
    "observe-long-name",
    "observe-steering-name",
    "observe-same-names",
    "observe-many",
    "observe-wide",
    "observe-empty",
    "observe-uncounted",
    "observe-descending",
    "observe-all-counts",
    "observe-255-digits",
    "observe-nan-bins",
    "observe-wide-bins",
    "observe-endless",
    "observe-samples",
    "finish-samples",
    "finish-failure",
    "finish-exit",
    "finish-skip",
    "conditions-timeless",
    "conditions-endless",
    "conditions-stolen",
    "conditions-stepped",
    "conditions-host",
];

fn benches() -> impl Iterator<Item = Bench> {
    MODES.into_iter().map(|mode| Bench::new(mode, never_run))
}

const STEERING: &str = "\x1b[2J\u{9b}31m\u{202e}\r\nfake/row  1.000 [1.000, 1.000]";

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(AGENT_ARGUMENT) {
        // The coordinator ends the connection when it has had enough.
        return serve().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    sevbench::bench_main("hostile", benches())
}

fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let (mut input, mut out) = (io::stdin().lock(), io::stdout().lock());
    let hello = Hello {
        executable_sha256: sha256_of_self()?,
        benches: MODES.map(|mode| format!("hostile/{mode}")).into(),
        facts: Facts::gather(),
        resident_bytes: u64::MAX,
    };
    write_greeting(&mut out, &hello)?;
    let mut mode = String::new();
    loop {
        let Some((number, request)) = read_request(&mut input)? else { continue };
        let (phase, honest) = match request {
            Request::Start { bench, .. } => {
                mode = bench.trim_start_matches("hostile/").to_owned();
                ("start", BenchAnswer::Ready(ready(&mode)))
            }
            Request::Drive(BenchRequest::WarmUp { .. }) => match ready(&mode).kind {
                SampleKind::Timed => ("warm", warm(&[10, 10], &[900, 900])),
                SampleKind::Observed => ("warm", warm(&[], &[])),
            },
            Request::Drive(BenchRequest::Measure(measure)) => {
                ("measure", BenchAnswer::Samples(vec![1_000; measure.samples as usize]))
            }
            Request::Drive(BenchRequest::Observe { .. }) => ("observe", figures(vec![figure(1e9)])),
            Request::Drive(BenchRequest::Finish) => ("finish", BenchAnswer::Finished),
        };
        misbehave(&mut out, &mode, phase)?;
        let answer = match mode.strip_prefix(phase).and_then(|rest| rest.strip_prefix('-')) {
            Some(how) => answer(phase, how).unwrap_or(honest),
            None => honest,
        };
        let reply = Reply { answer, conditions: conditions(&mode) };
        let times = match mode.as_str() {
            "start-twice" if phase == "start" => 2,
            "measure-flood" if phase == "measure" => 100,
            _ => 1,
        };
        for _ in 0..times {
            write_reply(&mut out, number, &reply)?;
        }
    }
}

fn ready(mode: &str) -> Ready {
    let kind = match mode.starts_with("observe") {
        true => SampleKind::Observed,
        false => SampleKind::Timed,
    };
    let throughput = (mode == "ready-zero-bytes").then_some(Throughput::Bytes(0));
    let operations = match mode {
        "ready-zero-operations" => 0,
        "ready-all-operations" => u64::MAX,
        _ => 1,
    };
    Ready { kind, throughput, operations }
}

/// What is not a frame, or no answer at all.
fn misbehave(out: &mut impl Write, mode: &str, phase: &str) -> io::Result<()> {
    match mode.strip_prefix(phase).unwrap_or_default() {
        "-garbage" => out.write_all(&[8, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255])?,
        "-oversize" => out.write_all(&[255; 12])?,
        "-torn" => {
            out.write_all(&[200, 0, 0, 0, 1, 2, 3])?;
            out.flush()?;
            std::process::exit(0);
        }
        // A complete answer, `Finished`, with one more byte.
        "-trailing" => out.write_all(&[10, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 0, 0, 7])?,
        "-exit" => std::process::exit(7),
        "-silent" => std::thread::sleep(Duration::from_secs(3600)),
        "-loud" => {
            let line = "loud ".repeat(1000);
            (0..2000).for_each(|_| drop(writeln!(io::stderr(), "{line}")));
            std::process::exit(7);
        }
        _ => {}
    }
    out.flush()
}

fn answer(phase: &str, how: &str) -> Option<BenchAnswer> {
    let long = || "x".repeat(15_900_000);
    let skip = |text: String| BenchAnswer::Skipped { reason: text.clone(), hint: text };
    let max = u64::MAX;
    Some(match (phase, how) {
        (_, "samples") => BenchAnswer::Samples(vec![1, 2, 3]),
        (_, "finished") => BenchAnswer::Finished,
        (_, "ready") => BenchAnswer::Ready(ready("")),
        (_, "observed") => figures(vec![figure(1.0)]),
        (_, "skip") => skip("not today".into()),
        (_, "failure") => BenchAnswer::Failed("never".into()),
        (_, "long-skip") => skip(long().split_off(8_000_000)),
        (_, "long-failure") => BenchAnswer::Failed(long()),
        (_, "steering-skip") => skip(STEERING.into()),
        (_, "steering-failure") => BenchAnswer::Failed(STEERING.into()),
        ("warm", "empty") => warm(&[], &[]),
        ("warm", "mismatch") => warm(&[1, 2, 3], &[1]),
        ("warm", "zero-iterations") => warm(&[0, 0], &[1, 1]),
        ("warm", "many") => warm(&[1; 1_000_000], &[1; 1_000_000]),
        ("warm", "endless") => warm(&[1, 1], &[max, max]),
        ("warm", "timeless") => warm(&[max, max], &[0, 0]),
        ("measure", "none") => BenchAnswer::Samples(Vec::new()),
        ("measure", "one-more") => BenchAnswer::Samples(vec![1_000; 4]),
        ("measure", "million") => BenchAnswer::Samples(vec![1; 15_000_000]),
        ("measure", "zero") => BenchAnswer::Samples(vec![0; 3]),
        ("measure", "max") => BenchAnswer::Samples(vec![max; 3]),
        ("measure", "hour") => BenchAnswer::Samples(vec![3_600_000_000_000; 3]),
        ("observe", _) => return observed(how),
        _ => return None,
    })
}

fn observed(how: &str) -> Option<BenchAnswer> {
    let max = u64::MAX;
    let named = |name: &str| figures(vec![Observation::rate(name, 1.0, Unit::Iops)]);
    Some(match how {
        "none" => figures(Vec::new()),
        "nan" => figures(vec![figure(f64::NAN)]),
        "infinite" => figures(vec![figure(f64::INFINITY)]),
        "negative" => figures(vec![figure(-1.0)]),
        "zero" => figures(vec![figure(0.0)]),
        "no-name" => named(""),
        "long-name" => named(&"n".repeat(1_000_000)),
        "steering-name" => named(STEERING),
        "same-names" => figures(vec![figure(1.0), figure(2.0)]),
        "many" => figures(vec![figure(1.0); 100_000]),
        "wide" => distribution(3, None, (1..=7_500_000).map(|ns| (ns, 1)).collect()),
        "empty" => distribution(3, None, Vec::new()),
        "uncounted" => distribution(3, None, vec![(1, 0), (2, 0)]),
        "descending" => distribution(3, None, vec![(9, 30), (5, 30), (9, 30)]),
        "all-counts" => distribution(3, None, vec![(1, max), (max, max)]),
        "255-digits" => distribution(255, None, vec![(5, 100)]),
        "nan-bins" => distribution(3, Some(f64::NAN), vec![(5, 100)]),
        "wide-bins" => distribution(3, Some(2.0), vec![(5, 100)]),
        "endless" => {
            BenchAnswer::Observed(Observed::from(vec![figure(1.0)]).measured_for(Duration::MAX))
        }
        _ => return None,
    })
}

fn warm(iterations: &[u64], elapsed_ns: &[u64]) -> BenchAnswer {
    let (iterations, elapsed_ns) = (iterations.to_vec(), elapsed_ns.to_vec());
    BenchAnswer::Warm(WarmUpSeries { iterations, elapsed_ns })
}

fn figure(value: f64) -> Observation {
    Observation::rate("figure", value, Unit::Iops)
}

fn figures(observations: Vec<Observation>) -> BenchAnswer {
    BenchAnswer::Observed(observations.into())
}

fn distribution(digits: u8, bin_width: Option<f64>, counts: Vec<(u64, u64)>) -> BenchAnswer {
    let value = ObservedValue::Distribution { significant_digits: digits, bin_width, counts };
    figures(vec![Observation { name: "latency".into(), value }])
}

fn conditions(mode: &str) -> Conditions {
    let honest = Conditions { guest_ns: Some(10_000), ..Conditions::default() };
    match mode {
        "conditions-timeless" => Conditions { guest_ns: Some(0), ..honest },
        "conditions-endless" => Conditions { guest_ns: Some(u64::MAX), ..honest },
        "conditions-stolen" => Conditions { steal_ns: Some(u64::MAX), ..honest },
        "conditions-stepped" => Conditions { clock_step_ns: i64::MIN, ..honest },
        "conditions-host" => Conditions {
            host_ns: Some(u64::MAX),
            transport_retries: Some(u32::MAX),
            stopped: true,
            ..honest
        },
        _ => honest,
    }
}
