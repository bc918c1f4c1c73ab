//! Standard output, which carries results and nothing else.

use super::exit::{CliError, USAGE};
use crate::stderr::tell;
use clap::ValueEnum;
use serde::Serialize;
use sevbench_reports::{Summary, TextOptions, render_text};
use sevbench_text::is_steering;
use std::io::{self, IsTerminal, Write};

/// The output format of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people
    Text,
    /// A versioned document for programs
    Json,
}

/// The output format of a bench executable. Those of libtest matter to lists only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum BenchFormat {
    /// Text for people
    Text,
    /// A versioned document for programs
    Json,
    #[value(hide = true)]
    Pretty,
    #[value(hide = true)]
    Terse,
}

impl BenchFormat {
    /// That of a result.
    pub(super) const fn of_result(self) -> Format {
        match self {
            Self::Json => Format::Json,
            Self::Text | Self::Pretty | Self::Terse => Format::Text,
        }
    }
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
    print_text(&(printable_json(&text) + "\n"))
}

/// JSON that is safe on a terminal. serde_json escapes the control characters of ASCII; the others
/// stand only in strings, where JSON has an escape for them.
fn printable_json(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if is_steering(c) && c != '\n' => printable += &format!("\\u{:04x}", c as u32),
            c => printable.push(c),
        }
    }
    printable
}

/// Prints text. A reader that closes the pipe early, such as `head`, is no error, and neither is a
/// terminal that was closed.
///
/// # Errors
/// If standard output cannot be written.
pub fn print_text(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) if error.raw_os_error() == Some(libc::EIO) => Ok(()),
        result => result
            .map_err(|error| CliError::failed(format!("cannot write to standard output: {error}"))),
    }
}

/// Prints what clap has to say: help on standard output, or an error. Returns the exit status.
pub fn print_clap(said: &clap::Error) -> u8 {
    let rendered = said.render();
    if said.use_stderr() {
        // It quotes the command line.
        tell(rendered.to_string().trim_end());
        return USAGE;
    }
    let help =
        if Colour::Auto.is_wanted() { rendered.ansi().to_string() } else { rendered.to_string() };
    match print_text(&help) {
        Ok(()) => 0,
        Err(failure) => {
            tell(&format!("error: {}", failure.message));
            failure.status
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn json_keeps_its_meaning_without_raw_control_characters() {
        let document = serde_json::json!({ "a\u{9b}": "\x1b[2J\u{202e}é\n" });
        let text = printable_json(&serde_json::to_string_pretty(&document).unwrap());
        assert!(!text.chars().any(|c| is_steering(c) && c != '\n'), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), document);
    }
}
