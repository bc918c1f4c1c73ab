//! Why a report of fio's is rejected: one variant for each check.

use thiserror::Error;

/// The check that a report failed.
#[derive(Debug, Error, PartialEq)]
pub enum ReportError {
    /// fio printed no report.
    #[error("no report in fio's output: {reason}")]
    NoReport {
        /// Why the last candidate cannot be read.
        reason: String,
    },
    /// The number of threads differs.
    #[error("number of threads: {found}, requested: {requested}")]
    ThreadCount {
        /// Threads in the report.
        found: usize,
        /// Threads of the job.
        requested: u32,
    },
    /// A thread failed.
    #[error("thread {thread} ended with error {error}")]
    ThreadFailed {
        /// Number of the thread, from 1.
        thread: usize,
        /// Its errno.
        error: i64,
    },
    /// fio ran with another value of an option.
    #[error("option `{option}`: {found}, requested: `{requested}`")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// Value in the report.
        found: String,
        /// Value of the job.
        requested: String,
    },
    /// fio wrote or trimmed.
    #[error("fio wrote or trimmed {bytes} bytes, although only reads were requested")]
    Direction {
        /// Number of bytes written or trimmed.
        bytes: u64,
    },
    /// A thread read nothing.
    #[error("thread {thread} read nothing")]
    NothingRead {
        /// Number of the thread, from 1.
        thread: usize,
    },
    /// A thread stopped too early.
    #[error("thread {thread} measured for only {found_ms} ms of {requested_ms} ms")]
    Runtime {
        /// Number of the thread, from 1.
        thread: usize,
        /// Runtime in the report, in ms.
        found_ms: u64,
        /// Runtime of the job, in ms.
        requested_ms: u128,
    },
    /// The queue was not kept full.
    #[error(
        "only {:.1} % of the submissions found the queue at half the depth of {requested} or more: \
         the requests did not overlap as intended",
        .share * 100.0
    )]
    Depth {
        /// Share of submissions at half the depth or more.
        share: f64,
        /// Depth of the job.
        requested: u32,
    },
    /// Requests had another size, or were short or dropped.
    #[error(
        "{bytes} bytes in {completions} completions ({short} short or dropped) \
         are not whole blocks of {block_len} bytes"
    )]
    BlockLen {
        /// Number of bytes read.
        bytes: u64,
        /// Number of requests completed.
        completions: u64,
        /// Number of requests that were short or dropped.
        short: u64,
        /// Bytes in a request of the job.
        block_len: u64,
    },
    /// The bandwidth is not bytes ÷ runtime. It may have another unit than B/s.
    #[error("a bandwidth of {found} B/s contradicts {bytes} bytes in {runtime_ms} ms")]
    Bandwidth {
        /// Bandwidth in the report, supposedly in B/s.
        found: u64,
        /// Number of bytes read.
        bytes: u64,
        /// Runtime in the report, in ms.
        runtime_ms: u64,
    },
    /// Some completions are in no latency bin.
    #[error("the latency bins hold {found} of {completions} completions")]
    Bins {
        /// Number of completions in the bins.
        found: u64,
        /// Number of requests completed.
        completions: u64,
    },
}
