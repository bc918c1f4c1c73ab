//! The command line of bench executables, and the parts that `cargo sevbench` shares with it.

mod bench_arguments;
mod bench_program;
mod exit;
mod gate_status;
mod output;
mod records;
mod resume;

pub use bench_arguments::{Format, testbed_arms};
pub use bench_program::{bench_main, catch_signals};
pub use exit::{FAILED, Failure, USAGE, report};
pub use gate_status::tell_gate;
pub use output::{print_json, print_summary, print_text};
pub use records::{AnalysisOptions, analyze_record};
