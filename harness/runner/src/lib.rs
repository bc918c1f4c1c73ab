//! How benches are measured and judged: the plan and its schedule, boots and rounds, the run
//! record, its analysis, and the gate.
//!
//! Bench executables enter through [`bench_main`]; `cargo sevbench` uses the rest.

mod analysis;
pub mod cli;
mod config;
mod coordinator;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod gate;
mod record;
mod run_record;
mod stderr;

pub use analysis::{
    Analysis, GateScope, NamedRecord, Overrides, add_changes, compare_records, refuse_baseline,
};
pub use cli::bench_main;
pub use config::{Config, ConfigError, MarginEntry};
pub use coordinator::Arm;
pub use record::{keep_runs_in, target_of_project};
pub use run_record::{RunError, RunRecord, RunValues};
