//! What the suites measure: the workloads that bench functions call. Nothing here knows of guests or of timing.

pub mod buffer;
pub mod chase;
pub mod copy;
pub mod disk;
pub mod fill;
pub mod fio;
pub mod fio_report;
pub mod fio_report_error;
pub mod program;
