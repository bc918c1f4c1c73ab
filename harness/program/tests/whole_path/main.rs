//! Tests of the whole path: a bench executable as a user runs it, with real SSH, agents and
//! records.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod analyze;
mod baselines;
mod failures;
mod kills;
mod openssh;
mod results;
mod resumes;
mod usage;
