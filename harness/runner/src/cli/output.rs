//! Standard output: results, and nothing else.

use super::bench_arguments::Format;
use super::exit::Failure;
use serde::Serialize;
use sevbench_reports::{Summary, TextOptions, render_text};
use std::io::{self, Write};

/// Prints a result in the form that is wanted.
pub fn print_summary(
    summary: &Summary,
    format: Format,
    options: TextOptions,
) -> Result<(), Failure> {
    match format {
        Format::Text => print_text(&render_text(summary, options)),
        Format::Json => print_json(summary),
    }
}

/// Prints a document.
pub fn print_json(document: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(document).map_err(Failure::failed)?;
    print_text(&(text + "\n"))
}

/// Prints a result.
pub fn print_text(text: &str) -> Result<(), Failure> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        // A reader such as `head` that has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(Failure::failed),
    }
}
