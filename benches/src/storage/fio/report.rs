//! fio's report (`--output-format=json+`), and the checks that it must pass before any of its
//! figures is used. Each check catches a mistake that the figures alone would not show.

pub mod error;

use crate::storage::fio::job::{Job, Workload};
use error::ReportError;
use hdrhistogram::Histogram;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The share of submissions that must find the queue at half the requested depth or more. If a
/// device completes the whole queue at once, so that fio refills it from empty, just over half of
/// the submissions do. One request at a time, or a queue that is not kept full, stays below.
const DEEP_SHARE_MIN: f64 = 0.5;
/// The share of the requested runtime that each thread must have measured. fio stops within a few
/// requests of it.
const RUNTIME_SHARE_MIN: f64 = 0.9;
/// How far fio's bandwidth may deviate from bytes ÷ runtime. fio rounds the runtime to ms.
const BANDWIDTH_TOLERANCE: f64 = 0.02;
/// Significant decimal digits of the latencies.
const LATENCY_DIGITS: u8 = 3;
/// Largest relative width of fio's latency bins. There are 64 for each power of two.
pub const LATENCY_BIN: f64 = 1.0 / 64.0;
/// How many lines that could start the report are tried.
const STARTS_MAX: usize = 64;

/// The part of a report that is used. The rest is ignored.
#[derive(Debug, Deserialize)]
pub struct Report {
    #[serde(default, rename = "global options")]
    global_options: BTreeMap<String, String>,
    jobs: Vec<Thread>,
}

/// One of the job's threads.
#[derive(Debug, Deserialize)]
struct Thread {
    error: i64,
    #[serde(default, rename = "job options")]
    options: BTreeMap<String, String>,
    read: Direction,
    write: Direction,
    trim: Direction,
    /// Percentage of submissions by depth of the queue. A level (`1`, `2`, `4` … `32`, `>=64`)
    /// covers the depths from its own up to the next level.
    iodepth_level: BTreeMap<String, f64>,
}

#[derive(Debug, Deserialize)]
struct Direction {
    io_bytes: u64,
    bw_bytes: u64,
    /// In ms.
    runtime: u64,
    short_ios: u64,
    drop_ios: u64,
    clat_ns: Latency,
}

#[derive(Debug, Deserialize)]
struct Latency {
    #[serde(rename = "N")]
    count: u64,
    /// Number of completions by the middle of the bin, in ns.
    #[serde(default)]
    bins: BTreeMap<String, u64>,
}

/// The figures of a report that passed every check.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Bandwidth, summed over all threads.
    pub bytes_per_second: f64,
    /// Completions per second, summed over all threads.
    pub iops: f64,
    /// Time from submission to completion in ns, for all threads together.
    pub latency_ns: Histogram<u64>,
    /// The shortest duration that any thread measured.
    pub measured: Duration,
}

impl Report {
    /// Finds the report in what fio printed. Warnings may precede it.
    ///
    /// # Errors
    /// If there is no report.
    pub fn parse(text: &str) -> Result<Self, ReportError> {
        let mut reason = "no line begins with {".to_owned();
        let mut start = 0;
        let mut starts_left = STARTS_MAX;
        for line in text.split_inclusive('\n') {
            if line.starts_with('{') && starts_left > 0 {
                starts_left -= 1;
                let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter();
                match values.next() {
                    Some(Ok(report)) => return Ok(report),
                    Some(Err(error)) => reason = error.to_string(),
                    None => {}
                }
            }
            start += line.len();
        }
        Err(ReportError::NoReport { reason })
    }

    /// Checks the report against the job and returns its figures.
    ///
    /// # Errors
    /// If a check fails.
    pub(super) fn figures(&self, job: &Job, disk: &Path) -> Result<Figures, ReportError> {
        let Job { workload, runtime, .. } = job;
        if self.jobs.len() != workload.threads as usize {
            let found = self.jobs.len();
            return Err(ReportError::ThreadCount { found, requested: workload.threads });
        }
        let (mut bytes_per_second, mut iops, mut measured_ms) = (0.0, 0.0, u64::MAX);
        let mut latency_ns = empty_histogram();
        for (thread, number) in self.jobs.iter().zip(1..) {
            thread.check_run(number, *runtime)?;
            self.check_options(thread, &job.options(disk))?;
            thread.check_depth(workload.depth)?;
            let read = &thread.read;
            read.check_amounts(workload)?;
            let seconds = read.runtime as f64 / 1e3;
            bytes_per_second += read.io_bytes as f64 / seconds;
            // fio's own figure omits the requests that were in flight when the ramp ended.
            iops += read.clat_ns.count as f64 / seconds;
            measured_ms = measured_ms.min(read.runtime);
            read.clat_ns.add_to(&mut latency_ns)?;
        }
        Ok(Figures {
            bytes_per_second,
            iops,
            latency_ns,
            measured: Duration::from_millis(measured_ms),
        })
    }

    fn check_options(
        &self,
        thread: &Thread,
        requested: &[(&'static str, String)],
    ) -> Result<(), ReportError> {
        for (option, requested) in requested {
            let found = thread.options.get(*option).or_else(|| self.global_options.get(*option));
            if found != Some(requested) {
                let found = found.map_or("unset".into(), |found| format!("`{found}`"));
                return Err(ReportError::Option { option, found, requested: requested.clone() });
            }
        }
        Ok(())
    }
}

impl Thread {
    /// Checks that the thread did not fail, only read, and read for long enough.
    fn check_run(&self, thread: usize, runtime: Duration) -> Result<(), ReportError> {
        if self.error != 0 {
            return Err(ReportError::ThreadFailed { thread, error: self.error });
        }
        let changed_bytes = self.write.io_bytes.saturating_add(self.trim.io_bytes);
        if changed_bytes > 0 {
            return Err(ReportError::Direction { bytes: changed_bytes });
        }
        if self.read.io_bytes == 0 || self.read.runtime == 0 {
            return Err(ReportError::NothingRead { thread });
        }
        let (found_ms, requested_ms) = (self.read.runtime, runtime.as_millis());
        if (found_ms as f64) < requested_ms as f64 * RUNTIME_SHARE_MIN {
            return Err(ReportError::Runtime { thread, found_ms, requested_ms });
        }
        Ok(())
    }

    fn check_depth(&self, requested: u32) -> Result<(), ReportError> {
        let is_deep = |level: &str| {
            // The last level has no upper end.
            let least: Option<u32> = level.trim_start_matches(">=").parse().ok();
            least.is_some_and(|least| least >= requested.div_ceil(2).min(64))
        };
        let deep = self.iodepth_level.iter().filter(|(level, _)| is_deep(level));
        let share = deep.map(|(_, percent)| percent).sum::<f64>() / 100.0;
        if share >= DEEP_SHARE_MIN { Ok(()) } else { Err(ReportError::Depth { share, requested }) }
    }
}

impl Direction {
    /// Checks that bytes, completions and bandwidth agree.
    fn check_amounts(&self, workload: &Workload) -> Result<(), ReportError> {
        let Workload { block_len, depth, .. } = *workload;
        let (bytes, completions) = (self.io_bytes, self.clat_ns.count);
        let short = self.short_ios.saturating_add(self.drop_ios);
        // Requests in flight at the end of the ramp may be counted in one and not in the other.
        let difference = bytes.abs_diff(completions.saturating_mul(block_len));
        if difference > block_len * u64::from(depth)
            || !bytes.is_multiple_of(block_len)
            || short > 0
        {
            return Err(ReportError::BlockLen { bytes, completions, short, block_len });
        }
        let expected = bytes as f64 * 1e3 / self.runtime as f64;
        let (found, runtime_ms) = (self.bw_bytes, self.runtime);
        if (found as f64 / expected - 1.0).abs() > BANDWIDTH_TOLERANCE {
            return Err(ReportError::Bandwidth { found, bytes, runtime_ms });
        }
        Ok(())
    }
}

impl Latency {
    /// Adds the bins to a histogram, and checks that they hold every completion.
    fn add_to(&self, histogram_ns: &mut Histogram<u64>) -> Result<(), ReportError> {
        let mut found = 0_u64;
        for (value, count) in &self.bins {
            if let Ok(value_ns) = value.parse()
                && histogram_ns.record_n(value_ns, *count).is_ok()
            {
                found = found.saturating_add(*count);
            }
        }
        if found == self.count {
            Ok(())
        } else {
            Err(ReportError::Bins { found, completions: self.count })
        }
    }
}

fn empty_histogram() -> Histogram<u64> {
    Histogram::new(LATENCY_DIGITS).unwrap_or_else(|_| unreachable!("3 digits are valid"))
}

/// Reads a report of fio and checks it against a job.
#[cfg(any(test, fuzzing))]
pub fn fuzz_report(bytes: &[u8]) {
    use super::job::{Engine, SEQ_READ};
    let (runtime, ramp) = (Duration::from_millis(500), Duration::from_millis(200));
    let job = Job { workload: SEQ_READ, engine: Engine::IoUring, runtime, ramp };
    if let Ok(report) = Report::parse(&String::from_utf8_lossy(bytes)) {
        let _ = report.figures(&job, Path::new("/dev/vdb"));
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
