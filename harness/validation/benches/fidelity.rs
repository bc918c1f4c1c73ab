//! The cost of the harness itself: one bench under sevbench-criterion, over the whole remote path,
//! and under criterion, in turns; the timed share of the measuring phase; the time to the first
//! sample; the agent's memory.
//!
//! This executable is also a bench executable: it starts itself as coordinator, server and agent.

#![allow(missing_docs, reason = "a program")]

use serde_json::Value;
use sevbench_statistics::{Confidence, Cost, LogRatio, t_interval, yuen_interval};
use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// Turns of the remote path and criterion. The two measurements of a turn are compared.
const TURNS: usize = 100;
/// The warm-up and the measuring time of either side in a turn.
const WARM_UP: Duration = Duration::from_millis(30);
const MEASUREMENT: Duration = Duration::from_millis(100);

/// CPU-bound, about 2 µs. It exists once, so only the path to it differs.
#[inline(never)]
fn kernel() -> u64 {
    (0..2_000_u64).fold(1, |x, i| black_box(x.wrapping_mul(6_364_136_223_846_793_005) ^ i))
}

fn local(c: &mut criterion::Criterion) {
    c.bench_function("fold", |b| b.iter(kernel));
}

fn remote(c: &mut remote_criterion::Criterion) {
    c.bench_function("fold", |b| b.iter(kernel));
}

remote_criterion::criterion_group!(remote_group, remote);

fn main() -> ExitCode {
    let first = std::env::args().nth(1).unwrap_or_default();
    // Every role except the one that cargo starts with `--bench` and perhaps a filter.
    if first.starts_with("--sevbench-") || std::env::var_os("SEVBENCH_HOME").is_some() {
        return remote_criterion::run_groups("fidelity", &[remote_group]);
    }
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut ratios = Vec::with_capacity(TURNS);
    for turn in 0..TURNS {
        // The first one changes with every turn, so that drift favours neither.
        let (remote_ns, local_ns) = if turn % 2 == 0 {
            let remote_ns = by_sevbench(folder.path())?;
            (remote_ns, by_criterion(folder.path())?)
        } else {
            let local_ns = by_criterion(folder.path())?;
            (by_sevbench(folder.path())?, local_ns)
        };
        ratios.push(LogRatio::of_costs(Cost::new(remote_ns)?, Cost::new(local_ns)?));
    }
    // A burst of other load hits one side of a turn, so the trimmed interval is the narrower one
    // here.
    for (method, interval) in [
        ("t on log ratios", t_interval(&ratios, Confidence::P95)?),
        ("Yuen 20 % trimmed", yuen_interval(&ratios, Confidence::P95)?),
    ] {
        println!(
            "fidelity: sevbench-criterion ÷ criterion = {:.4} [{:.4}, {:.4}] ({method}, 95 %, \
             {TURNS} turns; goal 1 ± 0.01)",
            interval.estimate.exp().factor(),
            interval.low.exp().factor(),
            interval.high.exp().factor(),
        );
    }

    let run = run_self(folder.path(), &[])?["run"].take();
    let duty = run["duty"]["share"].as_f64().ok_or("no duty")?;
    println!("duty, default settings on loopback: {:.1} % (goal 90 %)", duty * 100.0);
    let first_ns = run["first_sample_ns"].as_f64().ok_or("no first sample")?;
    println!("start to first sample: {:.2} s (goal 1.5 s)", first_ns / 1e9);
    let resident = run["arms"][0]["agent_resident_bytes"].as_f64().ok_or("no memory")?;
    println!("resident memory of an idle agent: {:.1} MiB (goal 16 MiB)", resident / 1_048_576.0);
    Ok(())
}

/// The time of an iteration over the whole path: one boot with both arms of an A/A comparison.
fn by_sevbench(folder: &Path) -> Result<f64, Box<dyn Error>> {
    let warm_up = format!("{}ms", WARM_UP.as_millis());
    // The two arms share the time that criterion has for one.
    let measurement = format!("{}ms", MEASUREMENT.as_millis() / 2);
    let effort = ["--boots", "1", "--rounds", "10"];
    let time = ["--warm-up-time", &warm_up, "--measurement-time", &measurement];
    let summary = run_self(folder, &[effort, time].concat())?;
    let comparison = &summary["comparisons"][0];
    let mean = |arm: &str| comparison[arm]["mean"].as_f64().ok_or("the remote run has no result");
    Ok(f64::midpoint(mean("control")?, mean("treated")?))
}

/// Runs this executable as a coordinator and reads its summary.
fn run_self(folder: &Path, arguments: &[&str]) -> Result<Value, Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--bench", "--quiet", "--format", "json"]).args(arguments);
    let output = command.env("SEVBENCH_HOME", folder).stderr(Stdio::inherit()).output()?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The mean time of an iteration, as criterion estimates it.
fn by_criterion(folder: &Path) -> Result<f64, Box<dyn Error>> {
    let mut criterion = criterion::Criterion::default()
        .output_directory(folder)
        .without_plots()
        .warm_up_time(WARM_UP)
        .measurement_time(MEASUREMENT)
        .nresamples(1_001)
        .sample_size(20);
    local(&mut criterion);
    let estimates = std::fs::read_to_string(folder.join("fold/new/estimates.json"))?;
    let estimates: Value = serde_json::from_str(&estimates)?;
    Ok(estimates["mean"]["point_estimate"].as_f64().ok_or("criterion has no mean")?)
}
