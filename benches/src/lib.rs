//! The workloads that the suites measure, one folder for each suite. A workload does no timing and
//! does not know about guests.

#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod memory;
pub mod storage;
