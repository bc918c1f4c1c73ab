//! The command lines: of bench executables, and of the program `sevbench`. Flags in, exit status out.

mod bench_arguments;
mod bench_program;
mod doctor_command;
mod exit;
mod guest_commands;
mod leak_command;
mod leak_report;
mod program;

pub use bench_program::bench_main;
pub use program::program_main;
