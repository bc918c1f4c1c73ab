//! Which benches of a suite the user selects.

use regex_lite::Regex;
use sevbench_protocol::{BenchList, ListedBench};
use std::collections::HashSet;
use thiserror::Error;

/// How many similar ids are listed if none matches.
const NEAR_IDS_MAX: usize = 5;

/// Which benches the user selects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// A bench that matches any of them is selected; all are, if there is no filter.
    pub filters: Vec<String>,
    /// A bench that matches any of them is not.
    pub skips: Vec<String>,
    /// Whether filters and skips are whole ids, and not regular expressions.
    pub exact: bool,
    pub sweep: bool,
}

/// Why a selection selects nothing.
#[derive(Debug, Error)]
pub(crate) enum SelectionError {
    #[error(
        "`{filter}` is not a regular expression ({reason}): escape its special characters, or add \
         --exact"
    )]
    Regex { filter: String, reason: String },
    #[error("no bench matches `{filter}`; similar ids: {near}; `--list` shows all")]
    NoMatch { filter: String, near: String },
    #[error("`{filter}` matches only benches that are not measured by default: add --sweep")]
    OnlySweep { filter: String },
    #[error("--skip excludes every selected bench: remove it, or narrow its regular expression")]
    AllSkipped,
}

/// What an id is compared with.
enum Pattern<'a> {
    Id(&'a str),
    Regex(Regex),
}

impl<'a> Pattern<'a> {
    fn new(text: &'a str, exact: bool) -> Result<Self, SelectionError> {
        if exact {
            return Ok(Self::Id(text));
        }
        Regex::new(text).map(Self::Regex).map_err(|error| SelectionError::Regex {
            filter: text.into(),
            reason: error.to_string(),
        })
    }

    fn matches(&self, id: &str) -> bool {
        match self {
            Self::Id(whole) => id == *whole,
            Self::Regex(regex) => regex.is_match(id),
        }
    }
}

/// The list of benches that the coordinator makes, and what the user selects of it. A list that is
/// made at run time may be another one in a guest.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnList {
    ids: HashSet<String>,
    selection: Selection,
}

impl OwnList {
    pub(crate) fn new(
        ids: impl IntoIterator<Item = impl Into<String>>,
        selection: Selection,
    ) -> Self {
        Self { ids: ids.into_iter().map(Into::into).collect(), selection }
    }

    /// Whether this bench of another list would be selected, but is not in this one.
    pub(crate) fn lacks(&self, id: &str) -> bool {
        let Selection { filters, skips, exact, .. } = &self.selection;
        let is_any = |texts: &[String]| {
            // What is no regular expression was refused when the benches were selected.
            texts.iter().flat_map(|text| Pattern::new(text, *exact)).any(|one| one.matches(id))
        };
        !self.ids.contains(id) && (filters.is_empty() || is_any(filters)) && !is_any(skips)
    }
}

fn patterns(texts: &[String], exact: bool) -> Result<Vec<Pattern<'_>>, SelectionError> {
    texts.iter().map(|text| Pattern::new(text, exact)).collect()
}

/// The selected cases, in the order of the suite.
pub(crate) fn select<'s>(
    suite: &'s BenchList,
    selection: &Selection,
) -> Result<Vec<&'s ListedBench>, SelectionError> {
    let Selection { filters, skips, exact, sweep } = selection;
    let (wanted, skipped) = (patterns(filters, *exact)?, patterns(skips, *exact)?);
    // A whole id names its bench, whether it is measured by default or not.
    let is_measured = |case: &ListedBench| *sweep || *exact || !case.is_sweep();
    for (filter, pattern) in filters.iter().zip(&wanted) {
        let mut matching =
            suite.benches.iter().filter(|case| pattern.matches(case.id())).peekable();
        let filter = filter.clone();
        if matching.peek().is_none() {
            let near = near_ids(suite, &filter).join(", ");
            return Err(SelectionError::NoMatch { filter, near });
        }
        if !matching.any(is_measured) {
            return Err(SelectionError::OnlySweep { filter });
        }
    }
    let is_any = |patterns: &[Pattern<'_>], case: &ListedBench| {
        patterns.iter().any(|pattern| pattern.matches(case.id()))
    };
    let is_wanted = |case: &&ListedBench| match wanted.is_empty() {
        true => *sweep || !case.is_sweep(),
        false => is_any(&wanted, case) && is_measured(case),
    };
    let chosen: Vec<&ListedBench> =
        suite.benches.iter().filter(is_wanted).filter(|case| !is_any(&skipped, case)).collect();
    let all_skipped = chosen.is_empty() && !skips.is_empty();
    if all_skipped { Err(SelectionError::AllSkipped) } else { Ok(chosen) }
}

/// The ids most similar to the filter, as a whole or in one of their parts.
fn near_ids<'a>(suite: &'a BenchList, filter: &str) -> Vec<&'a str> {
    let similarity = |id: &str| {
        let parts = id.split('/').map(|part| strsim::jaro_winkler(part, filter));
        parts.chain([strsim::jaro_winkler(id, filter)]).fold(0.0, f64::max)
    };
    let mut ids: Vec<(f64, &str)> =
        suite.benches.iter().map(|case| (similarity(case.id()), case.id())).collect();
    ids.sort_by(|a, b| b.0.total_cmp(&a.0));
    ids.into_iter().take(NEAR_IDS_MAX).map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use sevbench_protocol::{Bench, Bencher, ByteSize, Suite};

    const SIZES: [ByteSize; 2] = [ByteSize::kib(256), ByteSize::mib(32)];

    fn body(_: &mut Bencher<'_>, _: ByteSize) {}

    /// A selection with these filters and skips.
    fn of(filters: &[&str], skips: &[&str]) -> Selection {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Selection { filters: owned(filters), skips: owned(skips), ..Selection::default() }
    }

    fn selected(selection: &Selection) -> Result<Vec<String>, String> {
        let benches = [
            Bench::over("memcpy", SIZES, body),
            Bench::over("memcpy", [ByteSize::gib(1)], body).sweep(),
            Bench::over("memset", SIZES, body),
        ];
        let suite = Suite::new("memory", benches).unwrap().list();
        let ids =
            |cases: Vec<&ListedBench>| cases.iter().map(|case| case.id().to_owned()).collect();
        select(&suite, selection).map(ids).map_err(|error| error.to_string())
    }

    #[test]
    fn filter_is_a_regular_expression_over_ids() {
        let count = |selection: &Selection| selected(selection).unwrap().len();
        assert_eq!(count(&of(&[], &[])), 4);
        assert_eq!(count(&Selection { sweep: true, ..of(&[], &[]) }), 5);
        assert_eq!(count(&of(&["memcpy"], &[])), 2);
        assert_eq!(count(&of(&["mem(cpy|set)/32"], &[])), 2);
        let exact = Selection { exact: true, ..of(&["memory/memcpy/1GiB"], &[]) };
        assert_eq!(selected(&exact).unwrap(), ["memory/memcpy/1GiB"]);
    }

    #[test]
    fn several_filters_add_up_and_skips_take_away() {
        let ids = |filters, skips| selected(&of(filters, skips)).unwrap();
        let both = ["memory/memcpy/256KiB", "memory/memset/32MiB"];
        assert_eq!(ids(&["set/32", "cpy/256"], &[]), both);
        assert_eq!(ids(&[], &["cpy/32", "set/256"]), both);
        assert_eq!(ids(&["memcpy"], &["32MiB"]), both[..1]);
        assert_eq!(ids(&["memcpy"], &["nonesuch"]).len(), 2);
        let exact = Selection { exact: true, ..of(&[], &["memory/memset/32MiB"]) };
        assert_eq!(selected(&exact).unwrap().len(), 3, "all by default, without one");
        assert!(
            selected(&of(&["memcpy"], &["mem"])).unwrap_err().contains("--skip excludes every")
        );
    }

    #[test]
    fn unmatched_filter_lists_similar_ids() {
        let refused = |selection: &Selection| selected(selection).unwrap_err();
        let error = refused(&of(&["memset", "memcopy"], &[]));
        assert!(error.contains("memory/memcpy/256KiB") && error.contains("--list"), "{error}");
        refused(&Selection { exact: true, ..of(&["memcpy"], &[]) });
        assert!(refused(&of(&["1GiB"], &[])).contains("--sweep"));
        assert!(refused(&of(&["("], &[])).contains("--exact"));
        assert!(refused(&of(&[], &["("])).contains("--exact"));
    }
    #[test]
    fn benches_of_other_lists_are_missed_if_they_would_be_selected() {
        let list = |selection| OwnList::new(["s/a"], selection);
        assert!(list(of(&[], &[])).lacks("s/b") && !list(of(&[], &[])).lacks("s/a"));
        assert!(list(of(&["b"], &[])).lacks("s/b") && !list(of(&["c"], &[])).lacks("s/b"));
        assert!(!list(of(&[], &["b"])).lacks("s/b"));
    }
}
