//! `summary.json`: written whole or not at all, and read back.

use crate::model::{SUMMARY_SCHEMA, Summary};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes the summary to `path`, through a temporary file beside it.
///
/// # Errors
/// If the file cannot be written.
pub fn write_summary(path: &Path, summary: &Summary) -> io::Result<()> {
    let temporary = path.with_extension("json.tmp");
    let write = || {
        let mut out = BufWriter::new(File::create(&temporary)?);
        serde_json::to_writer_pretty(&mut out, summary)?;
        writeln!(out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().inspect_err(|_| {
        // The first error is the one to report.
        std::fs::remove_file(&temporary).ok();
    })
}

/// Reads a summary.
///
/// # Errors
/// If the file cannot be read, is no summary, or has another schema version.
pub fn read_summary(path: &Path) -> io::Result<Summary> {
    parse_summary(&std::fs::read_to_string(path)?)
}

/// Parses a summary. Fields that the first version of the document does not have are filled in.
///
/// # Errors
/// If the text is no summary, or has another schema version.
pub fn parse_summary(text: &str) -> io::Result<Summary> {
    let mut summary: Summary = serde_json::from_str(text)?;
    if summary.schema != SUMMARY_SCHEMA {
        let text = format!("its schema is `{}`, not `{SUMMARY_SCHEMA}`", summary.schema);
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    summary.resolve();
    Ok(summary)
}
