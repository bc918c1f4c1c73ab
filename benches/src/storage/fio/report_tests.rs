//! Reports of a real fio 3.33: those that are believed, and one for each check that is not passed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::storage::fio::job::{Engine, RAND_READ, SEQ_READ};
use proptest::prelude::*;
use serde_json::Value;

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/fio");
    std::fs::read_to_string(folder.join(name).with_extension("json")).unwrap()
}

/// What the fixtures were made with.
fn job(workload: Workload) -> Job {
    let milliseconds = Duration::from_millis;
    let (runtime, ramp) = (milliseconds(500), milliseconds(200));
    Job { workload, engine: Engine::IoUring, runtime, ramp }
}

fn figures(text: &str, workload: Workload) -> Result<Figures, ReportError> {
    Report::parse(text)?.figures(&job(workload), Path::new("/dev/vdb"))
}

#[track_caller]
fn refused(text: &str, workload: Workload, words: &str) {
    let error = figures(text, workload).unwrap_err().to_string();
    assert!(error.contains(words), "no `{words}` in `{error}`");
}

/// A good report in which one value of every thread is another.
fn changed(name: &str, place: &str, value: Value) -> String {
    let mut report: Value = serde_json::from_str(&fixture(name)).unwrap();
    for thread in report["jobs"].as_array_mut().unwrap() {
        *thread.pointer_mut(place).unwrap() = value.clone();
    }
    report.to_string()
}

#[test]
fn a_sequential_read_has_a_bandwidth_and_latencies() {
    let figures = figures(&fixture("seq-read"), SEQ_READ).unwrap();
    // fio itself: "bw_bytes": 1026142523, "mean": 16578880.955785, "N": 4071.
    assert!((figures.bytes_per_second / 1_026_142_523.0 - 1.0).abs() < 1e-8);
    assert!((figures.latency_ns.mean() / 16_578_880.96 - 1.0).abs() < 2e-3);
    assert_eq!((figures.latency_ns.len(), figures.measured.as_millis()), (4_071, 520));
}

#[test]
fn a_random_read_sums_its_threads() {
    let figures = figures(&fixture("rand-read"), RAND_READ).unwrap();
    let expected = 11_016.0 / 0.501 + 10_987.0 / 0.502 + 10_962.0 / 0.501 + 10_969.0 / 0.501;
    assert!((figures.iops / expected - 1.0).abs() < 1e-12, "{}", figures.iops);
    assert_eq!(figures.latency_ns.len(), 11_016 + 10_987 + 10_962 + 10_969);
}

#[test]
fn warnings_before_a_report_and_words_after_it_are_passed_over() {
    let report = fixture("seq-read");
    let text = format!("fio: a warning\n{{curly}} warning\n{{\n{report}\nfio: bye\n{{");
    assert_eq!(figures(&text, SEQ_READ).unwrap().latency_ns.len(), 4_071);
    refused("fio: only a warning\n", SEQ_READ, "no line begins with {");
    refused("", SEQ_READ, "no report");
    refused(&report[..report.len() / 2], SEQ_READ, "EOF");
    refused("{\"jobs\": 3}", SEQ_READ, "invalid type");
}

#[test]
fn an_option_may_stand_among_the_global_ones() {
    let mut report: Value = serde_json::from_str(&fixture("seq-read")).unwrap();
    let options = report["jobs"][0]["job options"].take();
    report["jobs"][0]["job options"] = Value::Object(serde_json::Map::new());
    report["global options"] = options;
    assert!(figures(&report.to_string(), SEQ_READ).is_ok());
}

#[test]
fn one_request_at_a_time_is_no_depth() {
    // The study's first mistake: an engine that knows no depth. The report says so twice.
    refused(&fixture("psync"), SEQ_READ, "`ioengine` as `psync`, asked was `io_uring`");
    let shallow = changed("psync", "/job options/ioengine", "io_uring".into());
    refused(&shallow, SEQ_READ, "only 0.0 % of the submissions");
    let level = |percent: f64| changed("seq-read", "/iodepth_level/>=64", percent.into());
    assert!(figures(&level(50.0), SEQ_READ).is_ok());
    refused(&level(49.9), SEQ_READ, "half of the depth of 128");
    let half = serde_json::json!({ "8": 40.0, "16": 60.0, "32": 0.0, ">=64": 0.0 });
    assert!(figures(&changed("rand-read", "/iodepth_level", half), RAND_READ).is_ok());
}

#[test]
fn only_reads_may_have_happened() {
    // 4 KiB blocks: 26865664 bytes are 6559 writes beside the first thread's reads.
    refused(&fixture("mixed"), RAND_READ, "26865664 bytes were written or trimmed");
    refused(&fixture("writes"), RAND_READ, "were written or trimmed");
    let mut report: Value = serde_json::from_str(&fixture("rand-read")).unwrap();
    report["jobs"][3]["job options"]["rw"] = "randrw".into();
    refused(&report.to_string(), RAND_READ, "`rw` as `randrw`, asked was `randread`");
    let nothing = changed("rand-read", "/read/io_bytes", 0.into());
    refused(&nothing, RAND_READ, "thread 1 read nothing");
}

#[test]
fn every_thread_must_be_there_and_well() {
    refused(&fixture("one-job"), RAND_READ, "1 threads ran where 4");
    refused(&fixture("failed"), RAND_READ, "thread 1 ended with error 22");
}

#[test]
fn a_run_that_stopped_early_is_too_short() {
    refused(&fixture("early"), SEQ_READ, "measured for 73 ms of 500 ms");
    assert!(figures(&changed("psync", "/read/runtime", 449.into()), SEQ_READ).is_err());
}

#[test]
fn the_page_cache_may_not_help() {
    refused(&fixture("buffered"), RAND_READ, "`direct` as `0`, asked was `1`");
}

#[test]
fn another_disk_is_another_measurement() {
    let other = fixture("seq-read").replace("/dev/vdb", "/dev/vda");
    refused(&other, SEQ_READ, "`filename` as `/dev/vda`");
    let glued = fixture("seq-read").replace("/dev/vdb", "/dev/vdb--iodepth=128");
    refused(&glued, SEQ_READ, "`filename`");
}

#[test]
fn amounts_must_be_of_each_other() {
    // KB/s where B/s is said.
    let kilobytes = changed("seq-read", "/read/bw_bytes", 1_002_092.into());
    refused(&kilobytes, SEQ_READ, "a bandwidth of 1002092 does not fit");
    // Latencies of fewer requests than bytes were read in.
    let fewer = changed("seq-read", "/read/clat_ns/N", 3_000.into());
    refused(&fewer, SEQ_READ, "are not blocks of 131072 bytes");
    refused(&changed("seq-read", "/read/short_ios", 1.into()), SEQ_READ, "1 of them short");
    refused(&changed("seq-read", "/read/clat_ns/bins", serde_json::json!({})), SEQ_READ, "bins");
    let odd = serde_json::json!({ "fast": 4_071 });
    refused(&changed("seq-read", "/read/clat_ns/bins", odd), SEQ_READ, "hold 0 of 4071");
}

proptest! {
    #[test]
    fn garbage_never_panics(text in "[{}\\[\\]\":,a-z0-9\n ]{0,200}") {
        let _ = figures(&text, SEQ_READ);
    }

    #[test]
    fn a_report_with_a_byte_changed_never_panics(place in any::<prop::sample::Index>(), byte in 0x20_u8..0x7f) {
        let mut report = fixture("seq-read").into_bytes();
        let place = place.index(report.len());
        report[place] = byte;
        let _ = figures(&String::from_utf8(report).unwrap(), SEQ_READ);
    }

    #[test]
    fn a_report_with_a_wild_number_never_panics(
        place in prop::sample::select(vec![
            "/error", "/read/io_bytes", "/read/bw_bytes", "/read/runtime", "/read/short_ios",
            "/read/clat_ns/N", "/write/io_bytes", "/iodepth_level/>=64",
        ]),
        number in prop_oneof![Just(0), Just(1), Just(u64::MAX), any::<u64>()],
    ) {
        let _ = figures(&changed("seq-read", place, number.into()), SEQ_READ);
    }

    #[test]
    fn wild_bins_never_panic(value: u64, count: u64) {
        let bins = serde_json::json!({ value.to_string(): count, "5": 4_071 });
        let _ = figures(&changed("seq-read", "/read/clat_ns/bins", bins), SEQ_READ);
    }
}
