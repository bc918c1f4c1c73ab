//! The cost of reading a record, from its opening to the start of the statistics, against what
//! serde_json takes for the same lines. These lines have no checksums.

use crate::journals::{Extent, write_journal};
use serde::Deserialize;
use sevbench_runner::{Overrides, RunValues};
use std::error::Error;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

/// Records of about 100 MB, by what they consist of.
const RECORDS: [(&str, Extent); 3] = [
    (
        "few samples a round",
        Extent { benches: 100, boots: 50, rounds: 50, values: 10, latencies: false },
    ),
    (
        "many samples a round",
        Extent { benches: 20, boots: 20, rounds: 30, values: 600, latencies: false },
    ),
    ("latencies", Extent { benches: 10, boots: 20, rounds: 30, values: 3_000, latencies: true }),
];

/// How often each is read, in turn with serde_json.
const TURNS: usize = 5;

pub(crate) fn compare(folder: &Path) -> Result<(), Box<dyn Error>> {
    let path = folder.join("long.ndjson");
    for (what, extent) in RECORDS {
        write_journal(&path, extent)?;
        let len = fs::metadata(&path)?.len();
        let [mut ours, mut theirs] = [Duration::MAX; 2];
        for _ in 0..TURNS {
            let start = Instant::now();
            black_box(RunValues::read(&path, &Overrides::default())?);
            ours = ours.min(start.elapsed());
            theirs = theirs.min(parse(&path)?);
        }
        println!(
            "reading {:.0} MB of {what}: {:.2} s on all CPUs, with serde_json alone {:.2} s on one: \
             {:.2} times as long (goal 1.2)",
            len as f64 / 1e6,
            ours.as_secs_f64(),
            theirs.as_secs_f64(),
            ours.as_secs_f64() / theirs.as_secs_f64(),
        );
    }
    Ok(fs::remove_file(path)?)
}

/// A round, as the record has it, and nothing more.
#[derive(Deserialize)]
#[expect(dead_code, reason = "reading it is what is timed")]
struct Round {
    boot: u32,
    bench: String,
    round: u32,
    at_ns: u64,
    iterations: u64,
    arms: Vec<ArmRound>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "reading it is what is timed")]
struct ArmRound {
    arm: String,
    guest_ns: Option<u64>,
    host_ns: Option<u64>,
    elapsed_ns: Option<Vec<u64>>,
    observations: Option<Vec<Vec<Observation>>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "reading it is what is timed")]
struct Observation {
    name: String,
    value: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "reading it is what is timed")]
enum Value {
    Distribution { significant_digits: u8, counts: Vec<(u64, u64)> },
}

/// The time that serde_json takes for the rounds of a record, which are nearly all of its lines.
fn parse(path: &Path) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    let mut input = BufReader::with_capacity(256 << 10, File::open(path)?);
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        if line.starts_with(br#"{"event":"round","#) {
            black_box(serde_json::from_slice::<Round>(&line)?);
        }
        line.clear();
    }
    Ok(start.elapsed())
}
