//! Journals of any size, in the format of a run.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

const ARMS: [&str; 2] = ["nosev", "snp"];

/// The size of a journal.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    pub benches: usize,
    pub boots: usize,
    pub rounds: usize,
    /// Values of an arm in a round: samples or latencies.
    pub values: usize,
    /// Whether a round holds a distribution of latencies instead of timed samples.
    pub latencies: bool,
}

/// Writes a journal of this size.
pub(crate) fn write_journal(path: &Path, extent: Extent) -> io::Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut out = BufWriter::new(File::create(path)?);
    // The tag first, as in a run's journal.
    let mut line = |event: &str, fields: Value| {
        let fields = fields.to_string();
        writeln!(out, "{{\"event\":\"{event}\",{}", &fields[1..])
    };
    line("header", header(extent))?;
    for boot in 1..=extent.boots {
        for bench in (0..extent.benches).map(id) {
            for arm in ARMS {
                let kind = if extent.latencies { "observed" } else { "timed" };
                line(
                    "setup",
                    json!({
                        "boot": boot, "bench": bench, "arm": arm, "kind": kind,
                        "throughput": null, "operations": 1,
                    }),
                )?;
            }
            for round in 1..=extent.rounds {
                let mut arm = |name: &str, factor: f64| {
                    let values = (0..extent.values).map(|_| value_ns(&mut rng, factor));
                    arm_round(name, &values.collect::<Vec<u64>>(), extent.latencies)
                };
                let arms = [arm(ARMS[0], 1.0), arm(ARMS[1], 1.05)];
                line(
                    "round",
                    json!({
                        "boot": boot, "bench": bench, "round": round,
                        "at_ns": 1, "iterations": 1000, "arms": arms,
                    }),
                )?;
            }
            let wall_ns = 1_000_000;
            line("measured", json!({ "boot": boot, "bench": bench, "wall_ns": wall_ns }))?;
        }
    }
    line("end", json!({ "outcome": "complete" }))?;
    out.flush()
}

fn id(bench: usize) -> String {
    format!("suite/subject-{bench}/parameter")
}

fn header(extent: Extent) -> Value {
    let arm = |name: &str| {
        json!({
            "name": name, "role": if name == ARMS[0] { "control" } else { "treatment" },
            "address": format!("ssh://root@{name}"), "claimed": null, "spin_factor": null,
            "rebooted": true,
        })
    };
    json!({
        "schema": "sevbench/journal/1", "id": "benchmark", "suite": "suite",
        "testbed": "own", "started": "2026-01-01T00:00:00Z", "seed": 1,
        "sevbench_version": "0.1.0", "executable_sha256": "",
        "arms": ARMS.map(arm), "benches": (0..extent.benches).map(id).collect::<Vec<_>>(),
        "settings": {
            "boots": extent.boots, "rounds": extent.rounds, "samples": extent.values,
            "warm_up_ns": 1, "measurement_ns": 1, "timeout_ns": 1, "confidence": 0.95,
            "margin_percent": 3.0,
        },
    })
}

/// A skewed value with a tail, like a latency.
fn value_ns(rng: &mut ChaCha8Rng, factor: f64) -> u64 {
    let u: f64 = rng.random();
    (factor * (80_000.0 - 20_000.0 * (1.0 - u).ln())) as u64
}

fn arm_round(name: &str, values_ns: &[u64], latencies: bool) -> Value {
    if !latencies {
        return json!({
            "arm": name, "guest_ns": 1_000_000, "host_ns": 1_000_000, "elapsed_ns": values_ns,
        });
    }
    // Three significant digits, as in a histogram.
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    values_ns.iter().for_each(|ns| *counts.entry(ns / 64 * 64 + 63).or_default() += 1);
    let counts: Vec<(u64, u64)> = counts.into_iter().collect();
    let value = json!({ "distribution": { "significant_digits": 3, "counts": counts } });
    json!({ "arm": name, "observations": [[{ "name": "latency", "value": value }]] })
}
