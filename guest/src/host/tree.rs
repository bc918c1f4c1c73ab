//! Reads small files below a root, bounded: /proc and /sys of this machine, or a test's. Says nothing of what is in them.

use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;

/// What stands for a fact that cannot be read.
pub(super) const UNKNOWN: &str = "unknown";

/// The longest file that is read, and the longest fact.
const TEXT_LEN_MAX: u64 = 64 << 10;
const FACT_LEN_MAX: usize = 4096;
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

    /// Where a file of the machine is.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The beginning of a file.
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

    /// The names in a folder, in order.
    pub(super) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.take(NAMES_MAX).collect();
        names.sort();
        names
    }
}

/// At most as much of a text as a fact may be long, cut between characters.
pub(super) fn bounded(text: &str) -> String {
    let text = text.trim();
    text[..text.floor_char_boundary(FACT_LEN_MAX)].to_owned()
}

/// The choice in brackets: `always [madvise] never`.
pub(super) fn selected(choices: &str) -> &str {
    let inner = choices.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    inner.map_or(choices, |(choice, _)| choice)
}

/// The value of a `name : value` line.
pub(super) fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let after = |line: &'a str| line.strip_prefix(name)?.trim_start().strip_prefix(':');
    text.lines().find_map(after).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_there_is_unknown_and_what_is_there_is_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        let tree = Tree::below(folder.path());
        assert_eq!(tree.fact("/sys/nothing"), UNKNOWN);
        assert!(tree.names("/sys").is_empty());
        fs::write(folder.path().join("long"), "\u{20ac}".repeat(40_000)).expect("a file");
        assert_eq!(tree.fact("/long").len(), FACT_LEN_MAX - 1);
        assert_eq!(tree.names("/"), ["long"]);
    }

    #[test]
    fn fields_and_choices_are_found() {
        let text = "processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n";
        assert_eq!(field(text, "model name"), Some("AMD EPYC"));
        assert_eq!(field(text, "model"), Some("17"));
        assert_eq!(field(text, "flags"), None);
        assert_eq!(selected("always [madvise] never"), "madvise");
        assert_eq!(selected("hpet"), "hpet");
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(text in ".{0,200}", name in ".{0,5}") {
            let _ = (selected(&text), field(&text, &name), bounded(&text));
        }
    }
}
