//! From a journal or a table to a summary: pairs rounds, takes boot means, asks the statistics. Reads no clock and no disk;
//! the same input gives the same summary, to the bit, whatever the number of threads.

mod arms;
mod boot_times;
mod changes;
mod context;
mod exclusions;
mod jackknife;
mod journal;
mod metrics;
mod outliers;
mod overall;
mod paired;
mod pairs;
mod replication;
mod series;
mod table;
mod unpaired;
mod warm_ups;

use crate::gate::Margins;
use crate::record::ArmRecord;
use context::{ArmPair, Context, Costs};
use paired::{SeriesComparison, compare};
use series::{PooledDistribution, Series};
use sevbench_reports::{Comparison, NoiseFloor, OutlierRow, Overall, Summary, WarmUpCourse};
use sevbench_statistics::{Confidence, LogRatio, Pivot};
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use thiserror::Error;
use warm_ups::WarmUpTable;

pub(crate) use changes::fewest_boots;
pub use changes::{add_changes, compare_records, refuse_baseline};
pub(crate) use journal::JournalAnalysis;
pub use journal::Overrides;
pub(crate) use replication::boots_wanted;
pub(crate) use table::{TableOptions, analyze_table};

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
    pub estimates: Vec<BootEstimate>,
    /// The margins that were applied.
    pub margins: Margins,
    /// In how many boots each bench was set up.
    pub boots_tried: HashMap<String, u32>,
}

/// What an interval comes from.
#[derive(Clone, Debug)]
pub struct BootEstimate {
    /// The log ratio of each boot; none where arms are not paired.
    pub boots: Vec<LogRatio>,
    /// The estimate; none without an interval.
    pub pivot: Option<Pivot>,
}

/// PooledCounts that comparisons are made from.
struct Dataset<'a> {
    arms: &'a [ArmRecord],
    control: u16,
    series: Vec<Series>,
    pooled: BTreeMap<(usize, usize), PooledDistribution>,
    warm_ups: WarmUpTable,
    costs: Costs,
    confidence: Confidence,
    margins: &'a Margins,
    first_stage: Option<u32>,
    seed: u64,
    unpaired: bool,
    pairs: Vec<ArmPair>,
}

/// What comparisons come to.
struct Comparisons {
    comparisons: Vec<Comparison>,
    estimates: Vec<BootEstimate>,
    outliers: Vec<OutlierRow>,
    overall: Vec<Overall>,
    noise_floor: Option<NoiseFloor>,
    warm_ups: Vec<WarmUpCourse>,
}

impl Dataset<'_> {
    /// Comparisons every treatment with the control in every series, on this many threads.
    fn compare(mut self, threads: usize) -> Comparisons {
        let warm_ups = std::mem::take(&mut self.warm_ups.courses);
        let context = Context {
            arms: self.arms,
            control: self.control,
            confidence: self.confidence,
            margins: self.margins,
            first_stage: self.first_stage,
            costs: &self.costs,
            pooled: &self.pooled,
            warm_ups: &self.warm_ups,
        };
        let jobs: Vec<(ArmPair, &Series)> = self
            .pairs
            .iter()
            .flat_map(|pair| self.series.iter().map(move |series| (*pair, series)))
            .collect();
        let work = |index: usize| -> Option<(SeriesComparison, Vec<OutlierRow>)> {
            let (pair, series) = jobs[index];
            if self.unpaired {
                let outliers = unpaired::unpaired_outliers(series, pair, &context);
                return Some((unpaired::compare_unpaired(series, pair, &context)?, outliers));
            }
            // Each comparison has a stream of its own, so that none depends on another.
            let compared = compare(series, pair, &context, self.seed ^ (index as u64) << 32)?;
            let name = &self.arms[usize::from(pair.treatment)].name;
            let paired = pairs::pair_rounds(series, self.control, pair.treatment, false);
            let placed = outliers::residuals(&paired.boots);
            Some((compared, outliers::outliers(&series.measurand, name, &placed, false)))
        };
        let (mut compared, outliers): (Vec<SeriesComparison>, Vec<Vec<OutlierRow>>) =
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
        Comparisons {
            overall: overall::geometric_means(&compared, self.confidence, self.first_stage),
            noise_floor: overall::noise_floor(&compared, self.arms),
            estimates: compared.iter().map(SeriesComparison::estimated).collect(),
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
#[path = "analysis/journal_tests.rs"]
mod tests;
