//! Standard output, which carries results and nothing else.

use super::exit::CliError;
use clap::ValueEnum;
use serde::Serialize;
use sevbench_reports::{Summary, TextOptions, render_text};
use std::io::{self, IsTerminal, Write};

/// The output format of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people
    Text,
    /// A versioned document for programs
    Json,
}

/// When to colour a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Colour {
    /// If standard output is a terminal and NO_COLOR is not set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Colour {
    /// Whether to colour, here and now.
    pub(super) fn is_wanted(self) -> bool {
        match self {
            Self::Auto => io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// Prints a result in the given format.
///
/// # Errors
/// If standard output cannot be written.
pub fn print_summary(
    summary: &Summary,
    format: Format,
    options: TextOptions,
) -> Result<(), CliError> {
    match format {
        Format::Text => print_text(&render_text(summary, options)),
        Format::Json => print_json(summary),
    }
}

/// Prints a document as JSON.
///
/// # Errors
/// If it cannot be serialised, or standard output cannot be written.
pub fn print_json(document: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(document).map_err(CliError::failed)?;
    print_text(&(text + "\n"))
}

/// Prints text. A reader that closes the pipe early, such as `head`, is no error.
///
/// # Errors
/// If standard output cannot be written.
pub fn print_text(text: &str) -> Result<(), CliError> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result
            .map_err(|error| CliError::failed(format!("cannot write to standard output: {error}"))),
    }
}
