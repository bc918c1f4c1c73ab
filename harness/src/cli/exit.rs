//! Exit statuses, and the errors that lead to them.

use std::fmt::Display;
use std::process::ExitCode;

/// Something failed to run.
pub(super) const FAILED: u8 = 1;
/// Wrong usage or configuration.
pub(super) const USAGE: u8 = 2;
/// The gate found a regression.
pub(super) const REGRESSED: u8 = 3;
/// The gate could not decide.
pub(super) const INCONCLUSIVE: u8 = 4;
/// Ended by the user: 128 + SIGINT, as shells have it.
pub(super) const INTERRUPTED: u8 = 130;

/// An error with the status that it ends the program with.
pub(super) struct Failure {
    pub status: u8,
    pub message: String,
}

impl Failure {
    pub(super) fn usage(error: impl Display) -> Self {
        Self { status: USAGE, message: error.to_string() }
    }

    pub(super) fn interrupted(error: impl Display) -> Self {
        Self { status: INTERRUPTED, message: error.to_string() }
    }

    pub(super) fn failed(error: impl Display) -> Self {
        Self { status: FAILED, message: error.to_string() }
    }
}

/// Prints the error, if there is one, and gives the exit status.
pub(super) fn report(result: Result<u8, Failure>) -> ExitCode {
    match result {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            eprintln!("error: {}", failure.message);
            ExitCode::from(failure.status)
        }
    }
}
