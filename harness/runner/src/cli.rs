//! The command line of bench executables, and what `cargo sevbench` shares with it.

mod baselines;
mod bench_arguments;
mod bench_plan;
mod bench_program;
mod changed_settings;
mod criterion_flags;
mod exit;
mod gate_status;
mod libtest_flags;
mod measure;
mod open_record;
mod output;
mod records;
mod resume;
mod signals;

pub use crate::stderr::tell;
pub use bench_plan::testbed_arms;
pub use bench_program::{bench_main, drive_executable};
pub use exit::{CliError, FAILED, USAGE, report};
pub use gate_status::report_gate;
pub use measure::prepare_host;
pub use output::{Format, print_clap, print_json, print_summary, print_text};
pub use records::{AnalysisOptions, analyze_record, estimands};
pub use signals::catch_signals;
