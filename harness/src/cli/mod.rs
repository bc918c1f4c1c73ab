//! The command lines: of bench executables, and of the program `sevbench`. Flags in, exit status out.

mod analyze_command;
mod bench_arguments;
mod bench_program;
mod doctor_command;
mod exit;
mod gate_status;
mod guest_commands;
mod leak_command;
mod leak_report;
mod output;
mod program;
mod records;
mod resume;

pub use bench_program::bench_main;
pub use program::program_main;
