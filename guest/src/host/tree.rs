//! Reads small files below a root, with a bound on their length: /proc and /sys of this machine, or
//! a test's copy.

use sevbench_facts::text::{UNKNOWN, bounded};
use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;

/// The longest file that is read.
const TEXT_LEN_MAX: u64 = 64 << 10;
/// The most names of a folder.
const NAMES_MAX: usize = 4096;

/// Files below a root.
pub(super) struct Tree {
    root: PathBuf,
}

impl Tree {
    pub(super) fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The path of a file.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The start of a file.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let mut bytes = Vec::new();
        let file = File::open(self.path(path)).ok()?;
        file.take(TEXT_LEN_MAX).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A file as a fact: trimmed, bounded, or unknown.
    pub(super) fn fact(&self, path: &str) -> String {
        self.text(path).map_or_else(|| UNKNOWN.into(), |text| bounded(&text))
    }

    /// The names in a folder, sorted.
    pub(super) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.take(NAMES_MAX).collect();
        names.sort();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_files_are_unknown_and_long_ones_are_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let tree = Tree::below(folder.path());
        assert_eq!(tree.fact("/sys/nothing"), UNKNOWN);
        assert!(tree.names("/sys").is_empty());
        fs::write(folder.path().join("long"), "\u{20ac}".repeat(40_000)).expect("a file");
        assert_eq!(tree.fact("/long").len(), 4095);
        assert_eq!(tree.names("/"), ["long"]);
    }
}
