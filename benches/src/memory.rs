//! Memory workloads: buffers of a known page size, and what reads, writes and touches them.

pub mod buffer;
pub mod chase;
pub mod copy;
pub mod fill;
pub mod kernel;
