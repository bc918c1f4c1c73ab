//! Exit statuses, and the errors that lead to them.

use std::fmt::Display;
use std::process::ExitCode;

/// Something failed to run.
pub const FAILED: u8 = 1;
/// Wrong usage or configuration.
pub const USAGE: u8 = 2;
/// The gate found a regression.
pub(super) const REGRESSED: u8 = 3;
/// The gate could not decide.
pub(super) const INCONCLUSIVE: u8 = 4;
/// Ended by the user: 128 + SIGINT, as shells have it.
pub(super) const INTERRUPTED: u8 = 130;

/// An error with the status that it ends the program with.
pub struct CliError {
    /// The exit status.
    pub status: u8,
    /// Printed after `error: `.
    pub message: String,
}

impl CliError {
    /// Wrong usage or configuration.
    pub fn usage(error: impl Display) -> Self {
        Self { status: USAGE, message: error.to_string() }
    }

    /// The user ended it.
    pub fn interrupted(error: impl Display) -> Self {
        Self { status: INTERRUPTED, message: error.to_string() }
    }

    /// Something failed to run.
    pub fn failed(error: impl Display) -> Self {
        Self { status: FAILED, message: error.to_string() }
    }
}

/// Prints the error, if there is one, and gives the exit status.
pub fn report(result: Result<u8, CliError>) -> ExitCode {
    match result {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            eprintln!("error: {}", failure.message);
            ExitCode::from(failure.status)
        }
    }
}
