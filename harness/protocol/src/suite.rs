//! A [`Suite`]: all cases of one bench executable, with unique and valid ids.

use crate::bench::BenchEntry;
use crate::case::Case;
use sevbench_text::escaped;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use thiserror::Error;

/// The longest id of a case, in bytes.
const ID_LEN_MAX: usize = 200;

/// All cases of one bench executable. `sevbench::main!` makes it.
pub struct Suite {
    name: &'static str,
    cases: Vec<Case>,
}

/// Why a list of benches does not make a suite.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SuiteError {
    /// The list has no cases. Holds the suite's name.
    #[error("the suite `{0}` has no benches: list at least one in sevbench::main!")]
    Empty(String),
    /// Two cases have the same id, which this holds.
    #[error("two benches have the id `{0}`: rename one, or change its parameter")]
    DuplicateId(String),
    /// An id is too long or contains a character that ids may not. Holds the id.
    #[error(
        "invalid bench id `{}`: use names and parameters of A–Z a–z 0–9 . _ + = : - only, \
         and ids of at most {ID_LEN_MAX} bytes",
        escaped(.0)
    )]
    InvalidId(String),
}

impl Suite {
    /// Collects the cases of all `entries` under the suite's name.
    ///
    /// # Errors
    /// If there are no cases, two cases have the same id, or an id is invalid.
    pub fn new(name: &'static str, entries: &[&dyn BenchEntry]) -> Result<Self, SuiteError> {
        let cases: Vec<Case> = entries.iter().flat_map(|entry| entry.cases(name)).collect();
        if cases.is_empty() {
            return Err(SuiteError::Empty(name.into()));
        }
        let mut seen = HashSet::new();
        for case in &cases {
            if !is_valid(case.id()) {
                return Err(SuiteError::InvalidId(case.id().into()));
            }
            if !seen.insert(case.id()) {
                return Err(SuiteError::DuplicateId(case.id().into()));
            }
        }
        Ok(Self { name, cases })
    }

    /// The suite's name: the first part of every id.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The cases, in the order of the list.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// A SHA-256 over all ids in order. Executables with equal digests have the same cases.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for case in &self.cases {
            hash.update(case.id().as_bytes());
            hash.update(b"\n");
        }
        hash.finalize().into()
    }
}

fn is_valid(id: &str) -> bool {
    id.len() <= ID_LEN_MAX
        && id.split('/').all(|part| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "._+=:-".contains(c))
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use crate::bench::Bench;
    use crate::bencher::Bencher;
    use crate::size::ByteSize;

    fn empty(b: &mut Bencher<'_>) {
        b.iter(|| ());
    }

    fn sized(b: &mut Bencher<'_>, _: &ByteSize) {
        b.iter(|| ());
    }

    const SIZES: [ByteSize; 2] = [ByteSize::kib(4), ByteSize::mib(1)];
    const LARGE: [ByteSize; 1] = [ByteSize::gib(1)];
    const BENCHES: &[&dyn BenchEntry] =
        &[&Bench::new("empty", empty), &Bench::with("sized", sized).over(&SIZES).sweep(&LARGE)];

    #[test]
    fn ids_join_suite_name_and_parameter_in_list_order() {
        let suite = Suite::new("s", BENCHES).unwrap();
        let ids: Vec<_> = suite.cases().iter().map(|case| (case.id(), case.is_sweep())).collect();
        assert_eq!(
            ids,
            [
                ("s/empty", false),
                ("s/sized/4KiB", false),
                ("s/sized/1MiB", false),
                ("s/sized/1GiB", true)
            ]
        );
    }

    #[test]
    fn empty_lists_and_duplicate_or_invalid_ids_are_errors() {
        let error = |entries: &[&dyn BenchEntry]| Suite::new("s", entries).err().unwrap();
        assert_eq!(error(&[]), SuiteError::Empty("s".into()));
        assert_eq!(error(&[&Bench::with("sized", sized)]), SuiteError::Empty("s".into()));
        let twice: &[&dyn BenchEntry] = &[&Bench::new("a", empty), &Bench::new("a", empty)];
        assert_eq!(error(twice), SuiteError::DuplicateId("s/a".into()));
        assert_eq!(error(&[&Bench::new("a b", empty)]), SuiteError::InvalidId("s/a b".into()));
        assert_eq!(error(&[&Bench::new("", empty)]), SuiteError::InvalidId("s/".into()));
    }

    #[test]
    fn digest_changes_with_the_ids() {
        let digest = |entries: &[&dyn BenchEntry]| Suite::new("s", entries).unwrap().digest();
        assert_eq!(digest(BENCHES), digest(BENCHES));
        assert_ne!(digest(BENCHES), digest(&BENCHES[..1]));
    }
}
