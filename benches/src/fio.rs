//! fio: which jobs it runs, how it is asked, and what it takes to believe its answer. The answer itself is read in
//! `fio_report`.

use crate::fio_report::{Figures, Report};
use crate::fio_report_error::ReportError;
use crate::program::{self, ProgramError};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;
use thiserror::Error;

/// How long fio may take beside the time that it was asked for.
const AROUND_MAX: Duration = Duration::from_secs(60);
/// How long fio may take to list its engines.
const ENGINE_LIST_MAX: Duration = Duration::from_secs(30);
/// The ramp is this part of the measured time, between these bounds: long enough to fill the queue, to bring a host's
/// device and its caches to their steady state, and never longer than what is measured.
const RAMP_DIVISOR: u32 = 6;
const RAMP_MIN: Duration = Duration::from_millis(500);
const RAMP_MAX: Duration = Duration::from_secs(5);
/// How much of fio's complaints is shown.
const COMPLAINT_LEN_MAX: usize = 400;

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// fio's name for the pattern: `read`, `randread`.
    pub pattern: &'static str,
    /// Bytes a request.
    pub block_len: u64,
    /// Requests that each of the processes keeps in flight.
    pub depth: u32,
    /// How many threads do this at once.
    pub threads: u32,
}

/// Bandwidth: the study's job, at the queue depth that the study meant.
pub const SEQ_READ: Job = Job { pattern: "read", block_len: 128 << 10, depth: 128, threads: 1 };
/// I/O operations a second: the study's job, all four threads of it summed.
pub const RAND_READ: Job = Job { pattern: "randread", block_len: 4 << 10, depth: 32, threads: 4 };

/// How requests are handed to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// io_uring.
    IoUring,
    /// Linux's older asynchronous I/O.
    Libaio,
}

impl Engine {
    const fn name(self) -> &'static str {
        match self {
            Self::IoUring => "io_uring",
            Self::Libaio => "libaio",
        }
    }

    /// io_uring where fio and the kernel have it, else libaio. Every other engine of fio's would keep a single request
    /// in flight, whatever depth is asked for.
    fn choose(engine_list: &str, kernel_has_io_uring: bool) -> Option<Self> {
        let has = |engine: Self| engine_list.lines().any(|line| line.trim() == engine.name());
        if kernel_has_io_uring && has(Self::IoUring) {
            Some(Self::IoUring)
        } else {
            has(Self::Libaio).then_some(Self::Libaio)
        }
    }
}

/// The fio of this guest.
#[derive(Clone, Copy, Debug)]
pub struct Fio {
    engine: Engine,
}

/// fio could not be used, or its answer cannot be believed.
#[derive(Debug, Error)]
pub enum FioError {
    /// It did not run.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// It knows no asynchronous engine.
    #[error("fio has neither of the engines io_uring and libaio here")]
    NoEngine,
    /// It failed.
    #[error("fio failed ({status}): {complaint}")]
    Failed {
        /// How it ended.
        status: ExitStatus,
        /// What it said last.
        complaint: String,
    },
    /// Its report did not pass a check.
    #[error("fio's report is not believed: {0}")]
    Report(#[from] ReportError),
}

impl FioError {
    /// What to do about it, where fio cannot be used at all.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Program(ProgramError::Missing { .. }) => "add fio to the image's recipe",
            Self::NoEngine => "install a fio with libaio, or a kernel with io_uring",
            _ => "run `fio --enghelp` in the guest to see what is wrong",
        }
    }
}

impl Fio {
    /// The fio that is installed, with the best engine that it and the kernel have.
    ///
    /// # Errors
    /// If it is missing, or has no asynchronous engine.
    pub fn find() -> Result<Self, FioError> {
        let output = program::run(Command::new("fio").arg("--enghelp"), ENGINE_LIST_MAX)?;
        let engine = Engine::choose(&output.stdout, kernel_has_io_uring());
        Ok(Self { engine: engine.ok_or(FioError::NoEngine)? })
    }

    /// Reads `disk` as the job says, for `measured` after a ramp.
    ///
    /// # Errors
    /// If fio fails, or its report does not pass every check.
    pub fn run(self, job: &Job, disk: &Path, measured: Duration) -> Result<Figures, FioError> {
        let order = Order { job: *job, engine: self.engine, measured, ramp: ramp(measured) };
        let limit = order.ramp + measured + AROUND_MAX;
        let output = program::run(Command::new("fio").args(order.arguments(disk)), limit)?;
        if !output.status.success() {
            let complaint = end_of(output.stderr.trim(), COMPLAINT_LEN_MAX).to_owned();
            return Err(FioError::Failed { status: output.status, complaint });
        }
        Ok(Report::parse(&output.stdout)?.figures(&order, disk)?)
    }
}

/// What fio is asked for in one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) job: Job,
    pub(crate) engine: Engine,
    pub(crate) measured: Duration,
    pub(crate) ramp: Duration,
}

impl Order {
    /// The options of the job, as fio takes them and as its report repeats them.
    pub(crate) fn options(&self, disk: &Path) -> Vec<(&'static str, String)> {
        let Self { job, engine, measured, ramp } = self;
        let milliseconds = |duration: &Duration| format!("{}ms", duration.as_millis().max(1));
        vec![
            ("name", "sevbench".into()),
            ("filename", disk.display().to_string()),
            ("rw", job.pattern.into()),
            ("bs", job.block_len.to_string()),
            ("iodepth", job.depth.to_string()),
            ("numjobs", job.threads.to_string()),
            // A job that is a process has a session of its own, and would outlive an agent that is killed.
            ("thread", "1".into()),
            ("ioengine", engine.name().into()),
            ("direct", "1".into()),
            ("time_based", "1".into()),
            ("ramp_time", milliseconds(ramp)),
            ("runtime", milliseconds(measured)),
            // The same addresses in every arm and round, others in every thread, and no bookkeeping of them.
            ("randrepeat", "1".into()),
            ("norandommap", "1".into()),
            // Of the three latencies only the one that is read; the others read the clock for nothing.
            ("disable_slat", "1".into()),
            ("disable_lat", "1".into()),
            ("exitall_on_error", "1".into()),
        ]
    }

    fn arguments(&self, disk: &Path) -> Vec<String> {
        let options =
            self.options(disk).into_iter().map(|(name, value)| format!("--{name}={value}"));
        let mut arguments: Vec<String> = options.collect();
        // No --group_reporting: it would hide how many threads there were, and which of them failed.
        arguments.extend(["--readonly", "--eta=never", "--output-format=json+"].map(str::to_owned));
        arguments
    }
}

fn ramp(measured: Duration) -> Duration {
    (measured / RAMP_DIVISOR).clamp(RAMP_MIN, RAMP_MAX).min(measured)
}

/// Whether this kernel has io_uring and lets us use it.
fn kernel_has_io_uring() -> bool {
    let no_parameters = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: the kernel refuses a null pointer with EFAULT, or the call as such with ENOSYS or EPERM; it makes nothing.
    let result = unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, no_parameters) };
    let error = std::io::Error::last_os_error().raw_os_error();
    result == -1 && !matches!(error, Some(libc::ENOSYS | libc::EPERM))
}

/// The last so many bytes of a text, or a few less, so that no character is cut.
fn end_of(text: &str, len_max: usize) -> &str {
    let mut start = text.len().saturating_sub(len_max);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn io_uring_is_taken_where_fio_and_the_kernel_have_it() {
        let both = "Available IO engines:\n\tpsync\n\tio_uring\n\tio_uring_cmd\n\tlibaio\n";
        assert_eq!(Engine::choose(both, true), Some(Engine::IoUring));
        assert_eq!(Engine::choose(both, false), Some(Engine::Libaio));
        assert_eq!(Engine::choose("\tio_uring_cmd\n\tlibaio\n", true), Some(Engine::Libaio));
        assert_eq!(Engine::choose("\tio_uring\n\tpsync\n", false), None);
        assert_eq!(Engine::choose("", true), None);
    }

    #[test]
    fn a_ramp_is_a_sixth_of_the_time_within_its_bounds() {
        let check = |measured, expected| {
            assert_eq!(ramp(Duration::from_millis(measured)).as_millis(), expected);
        };
        check(30_000, 5_000);
        check(12_000, 2_000);
        check(120_000, 5_000);
        check(2_000, 500);
        check(100, 100);
    }

    #[test]
    fn the_command_line_only_reads_and_asks_for_depth_and_directness() {
        let measured = Duration::from_secs(30);
        let order =
            Order { job: RAND_READ, engine: Engine::Libaio, measured, ramp: ramp(measured) };
        let arguments = order.arguments(Path::new("/dev/vdb"));
        for wanted in [
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
            assert!(arguments.iter().any(|argument| argument == wanted), "no {wanted}");
        }
        // The study glued two options together.
        assert!(arguments.iter().all(|argument| argument.matches("--").count() == 1));
    }

    #[test]
    fn the_end_of_a_complaint_is_cut_at_a_character() {
        assert_eq!(end_of("abc", 10), "abc");
        assert_eq!(end_of("aäb", 2), "b");
        assert_eq!(end_of("", 2), "");
    }
}
