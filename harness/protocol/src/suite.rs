//! A [`Suite`]: all cases of one bench executable, with unique and valid ids.

use crate::bench::Bench;
use crate::bench_list::BenchList;
use crate::case::Case;
use sevbench_text::{escaped, is_steering};
use std::collections::HashSet;
use thiserror::Error;

/// The longest id of a case, in bytes.
const ID_LEN_MAX: usize = 200;

/// All cases of one bench executable. `sevbench::main!` makes it.
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{Bench, Suite};
///
/// let benches = ["sort", "search"].map(|name| Bench::new(name, |b| b.iter(|| ())));
/// let suite = Suite::new("example", benches)?;
/// assert_eq!(suite.cases()[1].id(), "example/search");
/// # Ok::<(), sevbench::SuiteError>(())
/// ```
pub struct Suite {
    name: &'static str,
    cases: Vec<Case>,
}

/// Why a list of benches does not make a suite.
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{Bench, Suite, SuiteError};
///
/// let twice = ["sort", "sort"].map(|name| Bench::new(name, |b| b.iter(|| ())));
/// let error = Suite::new("example", twice).err();
/// assert_eq!(error, Some(SuiteError::DuplicateId("example/sort".into())));
/// ```
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SuiteError {
    /// The list has no cases. Holds the suite's name.
    #[error("the suite `{0}` has no benches: list at least one in sevbench::main!")]
    Empty(String),
    /// The suite's name, which this holds, is no word.
    #[error("invalid name of a suite `{}`: use letters, digits, _ and - only", escaped(.0))]
    InvalidName(String),
    /// Two cases have the same id, which this holds.
    #[error("two benches have the id `{0}`: rename one, or change its parameter")]
    DuplicateId(String),
    /// An id is too long, or contains what cannot be printed, or has a part that is blank or has
    /// blanks around it. Holds the id.
    #[error(
        "invalid bench id `{}`: use printable characters only, no empty part, no blanks at either \
         end of a part, and at most {ID_LEN_MAX} bytes",
        escaped(.0)
    )]
    InvalidId(String),
    /// The author has set something out of its range.
    #[error("the bench `{id}` cannot be measured: {defect}")]
    InvalidSetting {
        /// The bench.
        id: String,
        /// What is out of its range.
        defect: &'static str,
    },
}

impl Suite {
    /// Collects the cases of all benches under the suite's name.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// # use sevbench::{Bench, Suite};
    /// let sort = Bench::new("sort", |b| b.iter(|| ()));
    /// assert!(Suite::new("example", [sort]).is_ok());
    /// ```
    ///
    /// # Errors
    /// If the name is no word, there are no cases, two cases have the same id, an id is invalid, or
    /// a setting is out of its range.
    pub fn new(
        name: &'static str,
        benches: impl IntoIterator<Item = Bench>,
    ) -> Result<Self, SuiteError> {
        let usable = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        if name.is_empty() || !name.chars().all(usable) {
            return Err(SuiteError::InvalidName(name.into()));
        }
        let cases = benches.into_iter().flat_map(Bench::into_cases);
        let cases: Vec<Case> = cases.map(|case| case.in_suite(name)).collect();
        if cases.is_empty() {
            return Err(SuiteError::Empty(name.into()));
        }
        let mut seen = HashSet::new();
        for case in &cases {
            if !is_valid(case.id()) {
                return Err(SuiteError::InvalidId(case.id().into()));
            }
            if let Some(defect) = case.listed().settings().defect() {
                return Err(SuiteError::InvalidSetting { id: case.id().into(), defect });
            }
            if !seen.insert(case.id()) {
                return Err(SuiteError::DuplicateId(case.id().into()));
            }
        }
        Ok(Self { name, cases })
    }

    /// Its benches without their bodies.
    pub fn list(&self) -> BenchList {
        let benches = self.cases.iter().map(|case| case.listed().clone()).collect();
        BenchList { suite: self.name.into(), benches }
    }

    /// The suite's name: the first part of every id.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// # use sevbench::{Bench, Suite};
    /// # let benches = [Bench::new("sort", |b| b.iter(|| ()))];
    /// let suite = Suite::new("example", benches)?;
    /// assert_eq!(suite.name(), "example");
    /// # Ok::<(), sevbench::SuiteError>(())
    /// ```
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The cases, in the order of the list.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// # use sevbench::{Bench, Suite};
    /// # let benches = [Bench::new("sort", |b| b.iter(|| ()))];
    /// let suite = Suite::new("example", benches)?;
    /// assert_eq!(suite.cases().len(), 1);
    /// # Ok::<(), sevbench::SuiteError>(())
    /// ```
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }
}

fn is_valid(id: &str) -> bool {
    id.len() <= ID_LEN_MAX
        && !id.contains(is_steering)
        && id.split('/').all(|part| !part.is_empty() && part.trim() == part)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use crate::bencher::Bencher;
    use crate::settings::{DURATION_MAX, ROUNDS_MAX};
    use crate::size::ByteSize;
    use std::time::Duration;

    fn empty(b: &mut Bencher<'_>) {
        b.iter(|| ());
    }

    fn sized(b: &mut Bencher<'_>, _: ByteSize) {
        b.iter(|| ());
    }

    fn benches() -> [Bench; 3] {
        [
            Bench::new("empty", empty),
            Bench::over("sized", [ByteSize::kib(4), ByteSize::mib(1)], sized),
            Bench::over("sized", [ByteSize::gib(1)], sized).sweep(),
        ]
    }

    #[test]
    fn ids_join_suite_name_and_parameter_in_list_order() {
        let suite = Suite::new("s", benches()).unwrap();
        let ids: Vec<_> =
            suite.cases().iter().map(|case| (case.id(), case.listed().is_sweep())).collect();
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
        let error = |benches: Vec<Bench>| Suite::new("s", benches).err().unwrap();
        assert_eq!(error(Vec::new()), SuiteError::Empty("s".into()));
        assert_eq!(error(vec![Bench::over("sized", [], sized)]), SuiteError::Empty("s".into()));
        let twice = vec![Bench::new("a", empty), Bench::new("a", empty)];
        assert_eq!(error(twice), SuiteError::DuplicateId("s/a".into()));
        let long = "x".repeat(ID_LEN_MAX);
        for name in ["", "a//b", "a/", " a", "a /b", "a\nb", "a\u{202e}b", &long] {
            let id = format!("s/{name}");
            assert_eq!(error(vec![Bench::new(name, empty)]), SuiteError::InvalidId(id));
        }
    }

    #[test]
    fn name_that_is_no_word_is_refused() {
        for name in ["", "a/b", "../x", "a b"] {
            let error = Suite::new(name, [Bench::new("a", empty)]).err().unwrap();
            assert_eq!(error, SuiteError::InvalidName(name.into()));
        }
    }

    #[test]
    fn limits_themselves_are_accepted() {
        let bench = Bench::new("a", empty).rounds(ROUNDS_MAX).warm_up_time(DURATION_MAX);
        assert!(Suite::new("s", [bench]).is_ok());
    }

    #[test]
    fn settings_out_of_their_range_are_refused() {
        let error = |bench: Bench| Suite::new("s", [bench]).err().unwrap().to_string();
        let bench = || Bench::new("a", empty);
        let zero = Duration::ZERO;
        for (bench, word) in [
            (bench().warm_up_time(zero), "warm_up_time"),
            (bench().measurement_time(zero), "measurement_time"),
            (bench().observation_time(zero), "observation_time"),
            (bench().rounds(0), "no rounds"),
            (bench().rounds(100_001), "more than 100,000 rounds"),
            (bench().measurement_time(Duration::MAX), "measurement_time is zero or above 24 h"),
            (bench().confidence_level(95.0), "between 0 and 1"),
            (bench().confidence_level(f64::NAN), "between 0 and 1"),
        ] {
            let said = error(bench);
            assert!(said.contains("`s/a`") && said.contains(word), "{said}");
        }
    }

    #[test]
    fn ids_are_any_printable_text() {
        for name in ["a b", "größe/2³", "f::<Vec<u8>>(\"x\", 'y')", "a,b;c|d", "日本語"] {
            let suite = Suite::new("s", [Bench::new(name, empty)]).unwrap();
            assert_eq!(suite.cases()[0].id(), format!("s/{name}"));
        }
    }
}
