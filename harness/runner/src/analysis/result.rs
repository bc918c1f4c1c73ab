//! The result of an analysis: the summary, and the estimates from which changes are computed.

use crate::gate::Margins;
use sevbench_reports::{Comparison, Summary};
use sevbench_statistics::{LogRatio, Pivot};
use std::collections::HashMap;

/// A summary, and what is needed to compare it with another one.
#[derive(Debug)]
pub struct Analysis {
    /// The result.
    pub summary: Summary,
    /// The estimate behind each comparison of the summary, in the same order.
    pub estimates: Vec<BootEstimate>,
    /// The margins that were applied.
    pub margins: Margins,
    /// By bench, the number of boots in which it was set up.
    pub boots_tried: HashMap<String, u32>,
}

/// What the interval of a comparison is computed from.
#[derive(Clone, Debug)]
pub struct BootEstimate {
    /// The log ratio of each boot; empty if the arms are not paired.
    pub ratios: Vec<LogRatio>,
    /// The estimate; `None` without an interval.
    pub pivot: Option<Pivot>,
}

/// An analysed record under the name that the user gave it.
#[derive(Clone, Copy, Debug)]
pub struct NamedRecord<'a> {
    /// The name of a baseline, a run or a file.
    pub name: &'a str,
    /// Its analysis.
    pub analysis: &'a Analysis,
}

/// A line of a result, with its estimate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub comparison: &'a Comparison,
    pub estimate: &'a BootEstimate,
}

impl Analysis {
    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let lines = self.summary.comparisons.iter().zip(&self.estimates);
        lines.map(|(comparison, estimate)| Line { comparison, estimate })
    }
}

impl Line<'_> {
    /// The line's name for the reader: `memory/memcpy/32MiB in snp`.
    pub(super) fn name(&self) -> String {
        format!("{} in {}", self.comparison.measurand, self.comparison.treatment)
    }
}
