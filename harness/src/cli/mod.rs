//! The command lines: of bench executables, and of the program `sevbench`. Flags in, exit status out.

mod bench_arguments;
mod bench_program;
mod exit;
mod program;

pub use bench_program::bench_main;
pub use program::program_main;
