//! An outside program that reports its own figures: the rate at which `dd` copies.
//!
//! `cargo run --release -p sevbench --example program -- --bench --quick`

use sevbench::{Bench, Failure, Observation, Observer, Unit};
use std::process::Command;
use std::time::Duration;

/// `dd` prints what it has copied when it is interrupted, as in
/// `10485760 bytes (10 MB, 10 MiB) copied, 0.5 s, 21 MB/s`.
fn copied_per_second(report: &str) -> Option<f64> {
    let line = report.lines().find(|line| line.contains(" copied, "))?;
    let bytes: f64 = line.split(' ').next()?.parse().ok()?;
    let seconds: f64 = line.split(" copied, ").nth(1)?.split(' ').next()?.parse().ok()?;
    Some(bytes / seconds)
}

fn run_dd(duration: Duration) -> Result<Vec<Observation>, Failure> {
    let output = Command::new("timeout")
        .args(["-s", "INT", &duration.as_secs_f64().to_string()])
        .args(["dd", "if=/dev/zero", "of=/dev/null", "bs=64K"])
        .env("LC_ALL", "C")
        .output()
        .map_err(|error| format!("cannot run timeout: {error}"))?;
    let report = String::from_utf8_lossy(&output.stderr);
    let rate = copied_per_second(&report).ok_or(format!("dd reports no rate: {report}"))?;
    Ok(vec![Observation::rate("copied", rate, Unit::BytesPerSecond)])
}

fn dd(o: &mut Observer<'_>) {
    o.observe(run_dd);
}

sevbench::main!(program, [Bench::program("dd", dd)]);
