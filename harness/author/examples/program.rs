//! An external program that reports its own figures: the rate at which `dd` copies.
//!
//! `cargo run --release -p sevbench --example program -- --bench --quick`

use sevbench::{Bench, Failure, Observation, Observer, Unit};
use std::process::Command;
use std::time::{Duration, Instant};

/// The bytes and seconds in a line such as
/// `10485760 bytes (10 MB, 10 MiB) copied, 0.5 s, 21 MB/s`.
fn copied(report: &str) -> Option<(f64, f64)> {
    let line = report.lines().find(|line| line.contains(" copied, "))?;
    let bytes = line.split(' ').next()?.parse().ok()?;
    let seconds = line.split(" copied, ").nth(1)?.split(' ').next()?.parse().ok()?;
    Some((bytes, seconds))
}

/// Copies 1 GiB at a time until `duration` has passed.
fn run_dd(duration: Duration) -> Result<Vec<Observation>, Failure> {
    let started = Instant::now();
    let (mut bytes, mut seconds) = (0.0, 0.0);
    while bytes == 0.0 || started.elapsed() < duration {
        let output = Command::new("dd")
            .args(["if=/dev/zero", "of=/dev/null", "bs=64K", "count=16K"])
            .env("LC_ALL", "C")
            .output()
            .map_err(|error| format!("cannot run dd: {error}"))?;
        let report = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("dd failed: {report}").into());
        }
        let this = copied(&report).ok_or(format!("dd reports no figures: {report}"))?;
        bytes += this.0;
        seconds += this.1;
    }
    Ok(vec![Observation::rate("copied", bytes / seconds, Unit::BytesPerSecond)])
}

fn dd(o: &mut Observer<'_>) {
    o.observe(run_dd);
}

sevbench::main!(program, [Bench::program("dd", dd)]);
