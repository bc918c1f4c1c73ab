//! Exit statuses, and errors that carry one.

use crate::stderr::tell;
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
/// The user interrupted it: 128 + SIGINT, as in shells.
pub(super) const INTERRUPTED: u8 = 130;

/// An error and the exit status that it leads to.
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

    /// The user interrupted it.
    pub fn interrupted(error: impl Display) -> Self {
        Self { status: INTERRUPTED, message: error.to_string() }
    }

    /// Something failed to run.
    pub fn failed(error: impl Display) -> Self {
        Self { status: FAILED, message: error.to_string() }
    }
}

/// Prints the error, if there is one, and returns the exit status.
pub fn report(result: Result<u8, CliError>) -> ExitCode {
    match result {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            tell(&format!("error: {}", failure.message));
            ExitCode::from(failure.status)
        }
    }
}
