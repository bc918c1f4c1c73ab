//! What fio is asked to do: the workload, the I/O engine, and the command line made of them.

use std::path::Path;
use std::time::Duration;

/// The ramp is this fraction of the runtime, clamped to the bounds below. That fills the queue and
/// brings the host's device and caches to a steady state. The ramp never exceeds the runtime.
const RAMP_DIVISOR: u32 = 6;
const RAMP_MIN: Duration = Duration::from_millis(500);
const RAMP_MAX: Duration = Duration::from_secs(5);

/// The I/O pattern of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// fio's name for the pattern, such as `read` or `randread`.
    pub pattern: &'static str,
    /// Bytes in a request.
    pub block_len: u64,
    /// Requests that each thread keeps in flight.
    pub depth: u32,
    /// Number of threads that run the pattern at the same time.
    pub threads: u32,
}

/// Sequential reads, for bandwidth: Castellotti's workload, at the queue depth that the study
/// intended.
pub const SEQ_READ: Workload =
    Workload { pattern: "read", block_len: 128 << 10, depth: 128, threads: 1 };
/// Random reads, for IOPS: Castellotti's workload, summed over all four threads.
pub const RAND_READ: Workload =
    Workload { pattern: "randread", block_len: 4 << 10, depth: 32, threads: 4 };

/// The interface through which fio submits requests to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    /// io_uring.
    IoUring,
    /// Linux's older asynchronous I/O.
    Libaio,
}

impl Engine {
    /// io_uring if both fio and the kernel support it, otherwise libaio. fio's other engines keep
    /// one request in flight, whatever depth they are given.
    pub(super) fn choose(engine_list: &str, kernel_has_io_uring: bool) -> Option<Self> {
        let has = |engine: Self| engine_list.lines().any(|line| line.trim() == engine.name());
        if kernel_has_io_uring && has(Self::IoUring) {
            Some(Self::IoUring)
        } else {
            has(Self::Libaio).then_some(Self::Libaio)
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::IoUring => "io_uring",
            Self::Libaio => "libaio",
        }
    }
}

/// One run of fio.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    pub(super) workload: Workload,
    pub(super) engine: Engine,
    /// How long fio measures.
    pub(super) runtime: Duration,
    /// How long fio runs before it measures.
    pub(super) ramp: Duration,
}

impl Job {
    pub(super) fn new(workload: Workload, engine: Engine, runtime: Duration) -> Self {
        let ramp = (runtime / RAMP_DIVISOR).clamp(RAMP_MIN, RAMP_MAX).min(runtime);
        Self { workload, engine, runtime, ramp }
    }

    /// The job's options, as fio accepts them and as its report repeats them.
    pub(super) fn options(&self, disk: &Path) -> Vec<(&'static str, String)> {
        let Self { workload, engine, runtime, ramp } = self;
        let milliseconds = |duration: &Duration| format!("{}ms", duration.as_millis().max(1));
        vec![
            ("name", "sevbench".into()),
            ("filename", disk.display().to_string()),
            ("rw", workload.pattern.into()),
            ("bs", workload.block_len.to_string()),
            ("iodepth", workload.depth.to_string()),
            ("numjobs", workload.threads.to_string()),
            // Without this, each job is a process in a session of its own. It would outlive an
            // agent that is killed.
            ("thread", "1".into()),
            ("ioengine", engine.name().into()),
            ("direct", "1".into()),
            ("time_based", "1".into()),
            ("ramp_time", milliseconds(ramp)),
            ("runtime", milliseconds(runtime)),
            // Every arm and round reads the same addresses, and every thread different ones. fio
            // does not track which blocks it has read.
            ("randrepeat", "1".into()),
            ("norandommap", "1".into()),
            // Only the completion latency is used. The other two would cost clock reads.
            ("disable_slat", "1".into()),
            ("disable_lat", "1".into()),
            ("exitall_on_error", "1".into()),
        ]
    }

    pub(super) fn arguments(&self, disk: &Path) -> Vec<String> {
        let options =
            self.options(disk).into_iter().map(|(name, value)| format!("--{name}={value}"));
        let mut arguments: Vec<String> = options.collect();
        // No --group_reporting: it would hide the number of threads and which of them failed.
        arguments.extend(["--readonly", "--eta=never", "--output-format=json+"].map(str::to_owned));
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_uring_needs_support_in_fio_and_in_the_kernel() {
        let both = "Available IO engines:\n\tpsync\n\tio_uring\n\tio_uring_cmd\n\tlibaio\n";
        assert_eq!(Engine::choose(both, true), Some(Engine::IoUring));
        assert_eq!(Engine::choose(both, false), Some(Engine::Libaio));
        assert_eq!(Engine::choose("\tio_uring_cmd\n\tlibaio\n", true), Some(Engine::Libaio));
        assert_eq!(Engine::choose("\tio_uring\n\tpsync\n", false), None);
        assert_eq!(Engine::choose("", true), None);
    }

    #[test]
    fn ramp_is_a_sixth_of_the_runtime_within_its_bounds() {
        let check = |runtime_ms, expected_ms| {
            let job = Job::new(SEQ_READ, Engine::IoUring, Duration::from_millis(runtime_ms));
            assert_eq!(job.ramp.as_millis(), expected_ms);
        };
        check(30_000, 5_000);
        check(12_000, 2_000);
        check(120_000, 5_000);
        check(2_000, 500);
        check(100, 100);
    }

    #[test]
    fn command_line_requests_direct_reads_at_depth() {
        let job = Job::new(RAND_READ, Engine::Libaio, Duration::from_secs(30));
        let arguments = job.arguments(Path::new("/dev/vdb"));
        for expected in [
            "--readonly",
            "--filename=/dev/vdb",
            "--rw=randread",
            "--bs=4096",
            "--iodepth=32",
            "--numjobs=4",
            "--ioengine=libaio",
            "--direct=1",
            "--runtime=30000ms",
            "--ramp_time=5000ms",
            "--output-format=json+",
        ] {
            assert!(arguments.iter().any(|argument| argument == expected), "no {expected}");
        }
        // Castellotti's job ran two options together into one argument.
        assert!(arguments.iter().all(|argument| argument.matches("--").count() == 1));
    }
}
