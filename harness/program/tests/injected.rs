//! A known slowdown through the whole path. It is alone in this executable, so that no other test
//! runs beside it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use sevbench_testing::Lab;

/// A correct interval at 99.99 % misses its factor once in 10,000 runs. The factor is large, so
/// that the interval excludes 1 even on a busy machine.
#[test]
fn injected_slowdown_is_inside_its_interval() {
    let lab = Lab::new();
    let treatment = ["--treatment", "injected=loopback?spin=1.5", "--confidence-level", "0.9999"];
    let effort = [
        "--boots",
        "10",
        "--rounds",
        "20",
        "--measurement-time",
        "200ms",
        "--exact",
        "trials/spin",
    ];
    lab.run(&[&treatment[..], &effort].concat()).expect(0, &["injected"]);
    let summary = lab.summary();
    let slowdown = &summary["comparisons"][0]["slowdown"];
    let (low, high) = (slowdown["low"].as_f64().unwrap(), slowdown["high"].as_f64().unwrap());
    assert!(1.0 < low && low <= 1.5 && 1.5 <= high, "[{low}, {high}]");
    assert_eq!(summary["run"]["arms"][1]["injected"], 1.5);
}
