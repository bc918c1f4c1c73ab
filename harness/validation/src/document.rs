//! The generated blocks of METHODOLOGY.md, between `<!-- name: begin -->` and `<!-- name: end -->`.

use std::path::{Path, PathBuf};
use std::{fs, io};

const DOCUMENT: &str = "METHODOLOGY.md";

/// The path of a file or folder in the workspace.
pub fn in_workspace(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// Replaces the document's block of this name by the text.
///
/// # Errors
/// If the document has no such block, or cannot be read or written.
pub fn replace_block(name: &str, text: &str) -> io::Result<()> {
    let path = in_workspace(DOCUMENT);
    let document = fs::read_to_string(&path)?;
    let (begin, end) = (format!("<!-- {name}: begin -->"), format!("<!-- {name}: end -->"));
    let parts = document.split_once(&begin).and_then(|(before, rest)| {
        rest.split_once(&end).map(|(_, after)| format!("{before}{begin}\n{text}\n{end}{after}"))
    });
    let missing = || io::Error::other(format!("{} has no {begin} … {end}", path.display()));
    fs::write(&path, parts.ok_or_else(missing)?)
}
