//! The list of a suite's benches without their bodies: what a coordinator plans with. If another
//! executable has the benches, the coordinator asks that executable for the list.

use crate::settings::BenchSettings;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use thiserror::Error;

/// The first argument with which an executable prints its list.
pub const LIST_ARGUMENT: &str = "--sevbench-list";
/// What precedes the list in the output. A `main` of the author's own may have printed before.
const MARK: &str = "sevbench-list:";

/// All benches of one executable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BenchList {
    /// The suite's name: the first part of every id.
    pub suite: String,
    /// The benches, in their order.
    pub benches: Vec<ListedBench>,
}

/// A bench in a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListedBench {
    pub(crate) id: String,
    pub(crate) sweep: bool,
    pub(crate) program: bool,
    pub(crate) settings: BenchSettings,
    pub(crate) files: Vec<String>,
}

impl ListedBench {
    /// The id: `suite/name` or `suite/name/parameter`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the bench is left out by default: see [`Bench::sweep`](crate::bench::Bench::sweep).
    pub const fn is_sweep(&self) -> bool {
        self.sweep
    }

    /// Whether the bench runs an external program.
    pub const fn is_program(&self) -> bool {
        self.program
    }

    /// What its author has set for it.
    pub const fn settings(&self) -> &BenchSettings {
        &self.settings
    }

    /// The paths of the files that its body reads, as its author has declared them.
    pub fn files(&self) -> &[String] {
        &self.files
    }
}

/// Why the output of an executable holds no list.
#[derive(Debug, Error)]
pub enum BenchListError {
    /// It printed something else.
    #[error("it does not list its benches: build it with this version of sevbench")]
    Absent,
    /// The list cannot be decoded.
    #[error("its list of benches cannot be read ({0}): build it with this version of sevbench")]
    Garbled(String),
}

impl BenchList {
    /// Prints the list on a line of its own.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let bytes = postcard::to_stdvec(self).map_err(io::Error::other)?;
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(out, "\n{MARK}{digits}")
    }

    /// Reads the list from everything that an executable has printed.
    ///
    /// # Errors
    /// If there is none, or it is of another version.
    pub fn read(output: &str) -> Result<Self, BenchListError> {
        let digits = output.lines().rev().find_map(|line| line.strip_prefix(MARK));
        let digits = digits.ok_or(BenchListError::Absent)?.as_bytes();
        let byte = |pair: &[u8]| {
            let text = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(text, 16).ok()
        };
        let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
        let bytes = bytes.ok_or_else(|| BenchListError::Garbled("odd digits".into()))?;
        postcard::from_bytes(&bytes).map_err(|error| BenchListError::Garbled(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn list_is_read_back_after_other_output() {
        let settings = BenchSettings { rounds: Some(7), ..BenchSettings::default() };
        let bench = ListedBench { id: "s/größe".into(), settings, ..ListedBench::default() };
        let list = BenchList { suite: "s".into(), benches: vec![bench] };
        let mut out = b"hello from main, without a line feed".to_vec();
        list.write(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(BenchList::read(&text).unwrap(), list);
        assert!(matches!(BenchList::read("hello"), Err(BenchListError::Absent)));
    }

    proptest! {
        #[test]
        fn garbage_is_refused_without_a_panic(digits in "[0-9a-fg]{0,80}") {
            let _ = BenchList::read(&format!("{MARK}{digits}"));
        }
    }
}
