//! Why a report of fio's is not believed: one case for each check.

use thiserror::Error;

/// A report that is not believed: the check that it did not pass.
#[derive(Debug, Error, PartialEq)]
pub enum ReportError {
    /// There is none.
    #[error("there is no report in what fio printed: {reason}")]
    NoReport {
        /// Why it cannot be read.
        reason: String,
    },
    /// Another number of threads.
    #[error("{found} threads ran where {asked} were asked for")]
    ThreadCount {
        /// In the report.
        found: usize,
        /// In the order.
        asked: u32,
    },
    /// A thread failed.
    #[error("thread {thread} ended with error {error}")]
    ThreadFailed {
        /// From 1.
        thread: usize,
        /// As errno.
        error: i64,
    },
    /// fio did not take an option as it was meant.
    #[error("fio took the option `{option}` as {found}, asked was `{asked}`")]
    Option {
        /// Its name.
        option: &'static str,
        /// In the report.
        found: String,
        /// In the order.
        asked: String,
    },
    /// Writes or trims where only reads were asked for.
    #[error("{bytes} bytes were written or trimmed where only reads were asked for")]
    Direction {
        /// How much.
        bytes: u64,
    },
    /// Nothing was read.
    #[error("thread {thread} read nothing")]
    NothingRead {
        /// From 1.
        thread: usize,
    },
    /// Too short.
    #[error("thread {thread} measured for {found_ms} ms of {asked_ms} ms")]
    Runtime {
        /// From 1.
        thread: usize,
        /// In the report.
        found_ms: u64,
        /// In the order.
        asked_ms: u128,
    },
    /// The queue was not filled.
    #[error(
        "only {:.1} % of the submissions found the queue at half of the depth of {asked} or more: the requests did not overlap as asked",
        .share * 100.0
    )]
    Depth {
        /// Share of submissions.
        share: f64,
        /// In the order.
        asked: u32,
    },
    /// Requests of another size, cut short or dropped.
    #[error(
        "{bytes} bytes in {completions} completions, {short} of them short or dropped, are not blocks of {block_len} bytes"
    )]
    BlockLen {
        /// Bytes read.
        bytes: u64,
        /// Requests completed.
        completions: u64,
        /// Of them short or dropped.
        short: u64,
        /// In the order.
        block_len: u64,
    },
    /// The bandwidth is in another unit than bytes a second, or of another time.
    #[error("a bandwidth of {found} does not fit {bytes} bytes in {runtime_ms} ms")]
    Bandwidth {
        /// In the report, said to be B/s.
        found: u64,
        /// Bytes read.
        bytes: u64,
        /// Time.
        runtime_ms: u64,
    },
    /// The bins do not hold every completion.
    #[error("the bins of the latencies hold {found} of {completions} completions")]
    Bins {
        /// In the bins.
        found: u64,
        /// Requests completed.
        completions: u64,
    },
}
