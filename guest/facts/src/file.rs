//! Files of /proc and /sys, read as facts.

use crate::text::{UNKNOWN, bounded, field};
use std::fs;
use std::path::Path;

/// A file as a fact.
pub(crate) fn read(path: &str) -> String {
    read_known(path).unwrap_or_else(|| UNKNOWN.into())
}

/// A file as a fact; `None` if it cannot be read.
pub(crate) fn read_known(path: impl AsRef<Path>) -> Option<String> {
    fs::read(path).ok().map(|bytes| bounded(&String::from_utf8_lossy(&bytes)))
}

/// The value of a `name : value` line in a file, as a fact.
pub(crate) fn read_field(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    field(&text, name).map_or_else(|| UNKNOWN.into(), bounded)
}
