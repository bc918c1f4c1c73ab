//! From a journal or a table to a summary: pairs rounds, takes boot means, computes intervals. It
//! reads no clock and no file. The same input gives the same summary, to the bit, on any number of
//! threads.

mod adjustment;
mod arm_pair;
mod arms;
mod baseline;
mod boot_times;
mod changes;
mod collector;
mod comparisons;
mod costs;
mod dataset;
mod doubts;
mod duty;
mod error;
mod estimate;
mod exclusions;
mod jackknife;
mod journal;
mod metrics;
mod outliers;
mod overall;
mod paired;
mod pairs;
mod parallel;
mod precision;
mod replication;
mod result;
mod series;
mod series_comparison;
mod table;
#[cfg(test)]
mod test_journal;
mod unpaired;
mod warm_ups;

pub(crate) use baseline::fewest_boots;
pub use baseline::{GateScope, refuse_baseline};
pub use changes::{add_changes, compare_records};
pub(crate) use error::AnalysisError;
pub(crate) use journal::JournalAnalysis;
pub use journal::Overrides;
pub(crate) use replication::boots_wanted;
pub use result::{Analysis, NamedRecord};
pub(crate) use table::{TableOptions, analyze_table};
