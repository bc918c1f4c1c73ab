//! The workloads that the suites measure, one folder for each suite. A workload times nothing and
//! knows no guest.

pub mod memory;
pub mod storage;
