//! From a journal or a table to a summary: pairs rounds, takes boot means, asks the statistics. Reads no clock and no disk;
//! the same input gives the same summary, to the bit, whatever the number of threads.

mod boot_series;
mod change;
mod compare;
mod context;
mod exclude;
mod imported;
mod jackknife;
mod journal;
mod labels;
mod machines;
mod metrics;
mod overall;
mod pairs;
mod replication;
mod series;
mod unpaired;
mod warm_ups;

use crate::gate::Margins;
use crate::record::ArmRecord;
use compare::{Compared, compare};
use context::{Context, Costs, Sides};
use series::{Merged, Series};
use sevbench_reports::{Comparison, NoiseFloor, OutlierRow, Overall, Summary, WarmUpCourse};
use sevbench_statistics::{Confidence, LogRatio, Pivot};
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use thiserror::Error;
use warm_ups::WarmUpTable;

pub(crate) use change::fewest_boots;
pub use change::{add_changes, compare_records, refuse_baseline};
pub(crate) use imported::{ImportOptions, analyze_table};
pub(crate) use journal::JournalAnalysis;
pub use journal::Overrides;
pub(crate) use replication::boots_wanted;

/// A record that cannot be analysed.
#[derive(Debug, Error)]
pub(crate) enum AnalysisError {
    #[error("the journal's settings are not usable: {0}")]
    Settings(String),
    #[error("the journal names no control arm")]
    NoControl,
    #[error("there is no arm `{name}`: --control takes one of {known}")]
    NoArm { name: String, known: String },
    #[error("the data have {0} arms: is the column `arm` something else?")]
    TooManyArms(usize),
    #[error("the data have one arm only, {0}: nothing to compare it with")]
    OneArm(String),
}

/// A summary, with what comparisons to other records are computed from.
#[derive(Debug)]
pub struct Analysis {
    /// The result.
    pub summary: Summary,
    /// For each comparison of the summary, what its interval comes from.
    pub estimates: Vec<Estimated>,
    /// The margins that were applied.
    pub margins: Margins,
    /// In how many boots each bench was set up.
    pub boots_tried: HashMap<String, u32>,
}

/// What an interval comes from.
#[derive(Clone, Debug)]
pub struct Estimated {
    /// The log ratio of each boot; none where arms are not paired.
    pub boots: Vec<LogRatio>,
    /// The estimate; none without an interval.
    pub pivot: Option<Pivot>,
}

/// Everything that comparisons are made from.
struct Dataset<'a> {
    arms: &'a [ArmRecord],
    control: u16,
    series: Vec<Series>,
    merged: BTreeMap<(usize, usize), Merged>,
    warm_ups: WarmUpTable,
    costs: Costs,
    confidence: Confidence,
    margins: &'a Margins,
    first_stage: Option<u32>,
    seed: u64,
    unpaired: bool,
    sides: Vec<Sides>,
}

/// What comparisons come to.
struct Compares {
    comparisons: Vec<Comparison>,
    estimates: Vec<Estimated>,
    outliers: Vec<OutlierRow>,
    overall: Vec<Overall>,
    noise_floor: Option<NoiseFloor>,
    warm_ups: Vec<WarmUpCourse>,
}

impl Dataset<'_> {
    /// Compares every treatment with the control in every series, on this many threads.
    fn compare(mut self, threads: usize) -> Compares {
        let warm_ups = std::mem::take(&mut self.warm_ups.courses);
        let context = Context {
            arms: self.arms,
            control: self.control,
            confidence: self.confidence,
            margins: self.margins,
            first_stage: self.first_stage,
            costs: &self.costs,
            merged: &self.merged,
            warm_ups: &self.warm_ups,
        };
        let jobs: Vec<(Sides, &Series)> = self
            .sides
            .iter()
            .flat_map(|sides| self.series.iter().map(move |series| (*sides, series)))
            .collect();
        let work = |index: usize| -> Option<(Compared, Vec<OutlierRow>)> {
            let (sides, series) = jobs[index];
            if self.unpaired {
                let outliers = unpaired::unpaired_outliers(series, sides, &context);
                return Some((unpaired::compare_unpaired(series, sides, &context)?, outliers));
            }
            // Each comparison has a stream of its own, so that none depends on another.
            let compared = compare(series, sides, &context, self.seed ^ (index as u64) << 32)?;
            let name = &self.arms[usize::from(sides.treatment)].name;
            let paired = pairs::pair(series, self.control, sides.treatment, false);
            let placed = labels::residuals(&paired.boots);
            Some((compared, labels::outliers(&series.measurand, name, &placed, false)))
        };
        let (mut compared, outliers): (Vec<Compared>, Vec<Vec<OutlierRow>>) =
            in_parallel(jobs.len(), threads, work).into_iter().flatten().unzip();
        overall::adjust(&mut compared);
        let mut outliers = outliers.concat();
        // An arm that is compared with several others is labelled once.
        let mut seen = Vec::new();
        outliers.retain(|row| {
            !self.unpaired
                || !seen.contains(row) && {
                    seen.push(row.clone());
                    true
                }
        });
        Compares {
            overall: overall::geometric_means(&compared, self.confidence, self.first_stage),
            noise_floor: overall::noise_floor(&compared, self.arms),
            estimates: compared.iter().map(Compared::estimated).collect(),
            comparisons: compared.into_iter().map(|one| one.comparison).collect(),
            outliers,
            warm_ups,
        }
    }
}

/// The results of `work` for 0..count, in order, computed by so many threads.
fn in_parallel<T: Send>(count: usize, threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    if threads <= 1 || count <= 1 {
        return (0..count).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, T)>> = Mutex::new(Vec::with_capacity(count));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(count) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return;
                    }
                    let result = work(index);
                    done.lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                        .push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
#[path = "analysis_tests.rs"]
mod tests;
