//! Margins: the slowdown that still counts as no change, by bench.

use regex_lite::Regex;
use sevbench_reports::{MarginSource, Measurand};
use sevbench_statistics::LogRatio;
use thiserror::Error;

/// The slowdown that still counts as no change, in per cent as the user gave it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin(f64);

/// An invalid margin.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum MarginError {
    /// Not a percentage in the allowed range.
    #[error("a margin is a percentage above 0 and at most 1000, not {0}")]
    Percentage(f64),
    /// An invalid `[[margin]]` entry.
    #[error("the [[margin]] entry for benches `{benches}`: {reason}")]
    Rule {
        /// Its expression.
        benches: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The margins of a run.
#[derive(Clone, Debug)]
pub struct Margins {
    default: Margin,
    source: MarginSource,
    rules: Vec<Rule>,
}

/// The margin of the benches whose ids match.
#[derive(Clone, Debug)]
struct Rule {
    /// The expression, as it was given.
    benches: String,
    regex: Regex,
    margin: Margin,
}

impl Margins {
    /// A default margin, and rules for some benches. A rule is a regular expression that a whole id
    /// must match, with its margin in per cent. The first matching rule counts.
    ///
    /// # Errors
    /// If a margin is out of range or an expression is invalid.
    pub fn of<'r>(
        default_percent: f64,
        rules: impl IntoIterator<Item = (&'r str, f64)>,
    ) -> Result<Self, MarginError> {
        let rule = |(benches, percent): (&str, f64)| {
            let wrong = |reason: String| MarginError::Rule { benches: benches.into(), reason };
            // Alone first: `a)|(b` is valid only inside the group.
            let regex = Regex::new(benches)
                .and_then(|_| Regex::new(&format!("^(?:{benches})$")))
                .map_err(|error| wrong(error.to_string()))?;
            let margin = Margin::percent(percent).map_err(|error| wrong(error.to_string()))?;
            Ok(Rule { benches: benches.into(), regex, margin })
        };
        Ok(Self {
            default: Margin::percent(default_percent)?,
            source: MarginSource::Run,
            rules: rules.into_iter().map(rule).collect::<Result<_, _>>()?,
        })
    }

    /// The same margins, with the source of the default.
    #[must_use]
    pub fn from_source(mut self, source: MarginSource) -> Self {
        self.source = source;
        self
    }

    /// The margin of a bench, or of one of its metrics.
    pub fn of_measurand(&self, measurand: &Measurand) -> Margin {
        self.rule(measurand).map_or(self.default, |rule| rule.margin)
    }

    /// The source of that margin, and the expression if it is a rule.
    pub fn source_of(&self, measurand: &Measurand) -> (MarginSource, Option<String>) {
        match self.rule(measurand) {
            Some(rule) => (MarginSource::Rule, Some(rule.benches.clone())),
            None => (self.source, None),
        }
    }

    fn rule(&self, measurand: &Measurand) -> Option<&Rule> {
        let id = measurand.to_string();
        self.rules.iter().find(|rule| rule.regex.is_match(&id))
    }
}

impl Margin {
    /// A margin in per cent.
    ///
    /// # Errors
    /// If it is not above 0 and at most 1000.
    pub fn percent(percent: f64) -> Result<Self, MarginError> {
        let sound = percent > 0.0 && percent <= 1000.0;
        if sound { Ok(Self(percent)) } else { Err(MarginError::Percentage(percent)) }
    }

    /// The margin on the log scale: ln(1 + δ).
    pub fn log_ratio(self) -> LogRatio {
        LogRatio::new((1.0 + self.fraction()).ln())
    }

    /// As a fraction: 0.03.
    pub const fn fraction(self) -> f64 {
        self.0 / 100.0
    }

    /// In per cent, as the user gave it: 3.
    pub const fn in_percent(self) -> f64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn margins_out_of_range_are_errors() {
        for percent in [0.0, -1.0, 1001.0, f64::NAN] {
            assert!(Margin::percent(percent).is_err(), "{percent}");
        }
    }

    #[test]
    fn first_rule_that_matches_the_whole_id_counts() {
        let rules = [("memory/memcpy/.*", 5.0), ("memory/.*", 8.0), ("copy", 9.0)];
        let margins = Margins::of(3.0, rules).unwrap();
        let percent = |id: &str| margins.of_measurand(&Measurand::of_bench(id)).in_percent();
        let found = ["memory/memcpy/1KiB", "memory/fill", "disk/copy"].map(percent);
        assert_eq!(found, [5.0, 8.0, 3.0]);
        let wrong = Margins::of(3.0, [("a(", 5.0)]).unwrap_err().to_string();
        assert!(wrong.contains("`a(`") && wrong.contains("open group without closing"), "{wrong}");
        assert!(Margins::of(3.0, [("a)|(b", 5.0)]).is_err());
        let wrong = Margins::of(3.0, [("a", -5.0)]).unwrap_err().to_string();
        assert!(wrong.contains("percentage"), "{wrong}");
    }
}
