//! What fuzzers call.

pub use crate::storage::fio::report::fuzz_report as fio_report;
