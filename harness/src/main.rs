//! The program `sevbench`: what is not a bench run.

use std::process::ExitCode;

fn main() -> ExitCode {
    sevbench::program_main()
}
