//! Tests on reports of a real fio 3.33: good ones, and one that fails each check.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::storage::fio::job::{Engine, RAND_READ, SEQ_READ};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/fio");
    std::fs::read_to_string(folder.join(name).with_extension("json")).unwrap()
}

/// The job that the fixtures were recorded with.
fn job(workload: Workload) -> Job {
    let milliseconds = Duration::from_millis;
    let (runtime, ramp) = (milliseconds(500), milliseconds(200));
    Job { workload, engine: Engine::IoUring, runtime, ramp }
}

fn figures(text: &str, workload: Workload) -> Result<Figures, ReportError> {
    Report::parse(text)?.figures(&job(workload), Path::new("/dev/vdb"))
}

#[track_caller]
fn check_rejected(text: &str, workload: Workload, words: &str) {
    let error = figures(text, workload).unwrap_err().to_string();
    assert!(error.contains(words), "no `{words}` in `{error}`");
}

/// The fixture `name` with one value replaced in every thread.
fn changed(name: &str, pointer: &str, value: Value) -> String {
    let mut report: Value = serde_json::from_str(&fixture(name)).unwrap();
    for thread in report["jobs"].as_array_mut().unwrap() {
        *thread.pointer_mut(pointer).unwrap() = value.clone();
    }
    report.to_string()
}

#[test]
fn sequential_read_has_a_bandwidth_and_latencies() {
    let figures = figures(&fixture("seq-read"), SEQ_READ).unwrap();
    // fio's own figures: "bw_bytes": 1026142523, "mean": 16578880.955785, "N": 4071.
    assert!((figures.bytes_per_second / 1_026_142_523.0 - 1.0).abs() < 1e-8);
    assert!((figures.latency_ns.mean() / 16_578_880.96 - 1.0).abs() < 2e-3);
    assert_eq!((figures.latency_ns.len(), figures.measured.as_millis()), (4_071, 520));
}

#[test]
fn random_read_sums_its_threads() {
    let figures = figures(&fixture("rand-read"), RAND_READ).unwrap();
    let expected = 11_016.0 / 0.501 + 10_987.0 / 0.502 + 10_962.0 / 0.501 + 10_969.0 / 0.501;
    assert!((figures.iops / expected - 1.0).abs() < 1e-12, "{}", figures.iops);
    assert_eq!(figures.latency_ns.len(), 11_016 + 10_987 + 10_962 + 10_969);
}

#[test]
fn text_before_and_after_the_report_is_ignored() {
    let report = fixture("seq-read");
    let text = format!("fio: a warning\n{{curly}} warning\n{{\n{report}\nfio: bye\n{{");
    assert_eq!(figures(&text, SEQ_READ).unwrap().latency_ns.len(), 4_071);
    check_rejected("fio: only a warning\n", SEQ_READ, "no line begins with {");
    check_rejected("", SEQ_READ, "no report");
    check_rejected(&report[..report.len() / 2], SEQ_READ, "EOF");
    check_rejected("{\"jobs\": 3}", SEQ_READ, "invalid type");
}

#[test]
fn options_may_be_global() {
    let mut report: Value = serde_json::from_str(&fixture("seq-read")).unwrap();
    let options = report["jobs"][0]["job options"].take();
    report["jobs"][0]["job options"] = Value::Object(serde_json::Map::new());
    report["global options"] = options;
    assert!(figures(&report.to_string(), SEQ_READ).is_ok());
}

#[test]
fn queue_that_is_not_kept_full_is_rejected() {
    // The first mistake of Castellotti's study was an engine that ignores the depth. Two checks
    // catch it.
    check_rejected(&fixture("psync"), SEQ_READ, "`ioengine`: `psync`, requested: `io_uring`");
    let shallow = changed("psync", "/job options/ioengine", "io_uring".into());
    check_rejected(&shallow, SEQ_READ, "only 0.0 % of the submissions");
    let level = |percent: f64| changed("seq-read", "/iodepth_level/>=64", percent.into());
    assert!(figures(&level(50.0), SEQ_READ).is_ok());
    check_rejected(&level(49.9), SEQ_READ, "half the depth of 128");
    let half = serde_json::json!({ "8": 40.0, "16": 60.0, "32": 0.0, ">=64": 0.0 });
    assert!(figures(&changed("rand-read", "/iodepth_level", half), RAND_READ).is_ok());
}

#[test]
fn writes_and_trims_are_rejected() {
    // 26865664 bytes: the first thread made 6559 writes of 4 KiB besides its reads.
    check_rejected(&fixture("mixed"), RAND_READ, "wrote or trimmed 26865664 bytes");
    check_rejected(&fixture("writes"), RAND_READ, "wrote or trimmed");
    let mut report: Value = serde_json::from_str(&fixture("rand-read")).unwrap();
    report["jobs"][3]["job options"]["rw"] = "randrw".into();
    check_rejected(&report.to_string(), RAND_READ, "`rw`: `randrw`, requested: `randread`");
    let nothing = changed("rand-read", "/read/io_bytes", 0.into());
    check_rejected(&nothing, RAND_READ, "thread 1 read nothing");
}

#[test]
fn missing_or_failed_threads_are_rejected() {
    check_rejected(&fixture("one-job"), RAND_READ, "number of threads: 1, requested: 4");
    check_rejected(&fixture("failed"), RAND_READ, "thread 1 ended with error 22");
}

#[test]
fn run_that_stopped_early_is_rejected() {
    check_rejected(&fixture("early"), SEQ_READ, "measured for only 73 ms of 500 ms");
    assert!(figures(&changed("psync", "/read/runtime", 449.into()), SEQ_READ).is_err());
}

#[test]
fn buffered_reads_are_rejected() {
    check_rejected(&fixture("buffered"), RAND_READ, "`direct`: `0`, requested: `1`");
}

#[test]
fn reads_of_another_disk_are_rejected() {
    let other = fixture("seq-read").replace("/dev/vdb", "/dev/vda");
    check_rejected(&other, SEQ_READ, "`filename`: `/dev/vda`");
    let glued = fixture("seq-read").replace("/dev/vdb", "/dev/vdb--iodepth=128");
    check_rejected(&glued, SEQ_READ, "`filename`");
}

#[test]
fn amounts_that_disagree_are_rejected() {
    // KB/s instead of B/s.
    let kilobytes = changed("seq-read", "/read/bw_bytes", 1_002_092.into());
    check_rejected(&kilobytes, SEQ_READ, "a bandwidth of 1002092 B/s contradicts");
    // Latencies of fewer requests than the bytes imply.
    let fewer = changed("seq-read", "/read/clat_ns/N", 3_000.into());
    check_rejected(&fewer, SEQ_READ, "are not whole blocks of 131072 bytes");
    check_rejected(
        &changed("seq-read", "/read/short_ios", 1.into()),
        SEQ_READ,
        "1 short or dropped",
    );
    check_rejected(
        &changed("seq-read", "/read/clat_ns/bins", serde_json::json!({})),
        SEQ_READ,
        "bins",
    );
    let odd = serde_json::json!({ "fast": 4_071 });
    check_rejected(&changed("seq-read", "/read/clat_ns/bins", odd), SEQ_READ, "hold 0 of 4071");
}

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

#[test]
fn report_with_a_wild_number_never_panics() {
    let pointers = [
        "/error",
        "/read/io_bytes",
        "/read/bw_bytes",
        "/read/runtime",
        "/read/short_ios",
        "/read/clat_ns/N",
        "/write/io_bytes",
        "/iodepth_level/>=64",
    ];
    let mut rng = rng();
    for pointer in pointers {
        for number in [0, 1, u64::MAX, rng.random(), rng.random()] {
            let _ = figures(&changed("seq-read", pointer, number.into()), SEQ_READ);
        }
    }
}

#[test]
fn wild_bins_never_panic() {
    let mut rng = rng();
    for (value, count) in [(0, u64::MAX), (u64::MAX, 1), (rng.random(), rng.random())] {
        let bins = serde_json::json!({ value.to_string(): count, "5": 4_071 });
        let _ = figures(&changed("seq-read", "/read/clat_ns/bins", bins), SEQ_READ);
    }
}

#[test]
fn damaged_reports_never_panic() {
    let reports = ["seq-read", "mixed", "failed"].map(fixture);
    sevbench_testing::fuzz(
        "fio reports",
        &reports.each_ref().map(String::as_bytes),
        2_000,
        fuzz_report,
    );
}
