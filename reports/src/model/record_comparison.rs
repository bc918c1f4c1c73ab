//! One record against another, as `compare --format json` prints it.

use crate::model::comparison::{Change, Estimate};
use crate::model::flag::Flag;
use crate::model::measurand::Measurand;
use serde::{Deserialize, Serialize};

/// The version of the document.
pub const RECORD_COMPARISON_SCHEMA: &str = "sevbench/comparison/1";

/// The changes from one record to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordComparison {
    /// [`RECORD_COMPARISON_SCHEMA`].
    pub schema: String,
    /// The earlier record, as the user named it.
    pub before: String,
    /// The later record.
    pub now: String,
    /// A row for each bench and treatment that both records have.
    pub changes: Vec<ChangeRow>,
    /// Benches, with their treatments, that only the earlier record has.
    pub only_before: Vec<String>,
    /// Those that only the later one has.
    pub only_now: Vec<String>,
    /// Other differences between the records: suite, machines, settings.
    pub differences: Vec<RecordDifference>,
}

/// One bench in both records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeRow {
    /// The bench, and its metric.
    #[serde(flatten)]
    pub measurand: Measurand,
    /// The treatment arm.
    pub treatment: String,
    /// The earlier slowdown.
    pub before: Estimate,
    /// The later slowdown.
    pub now: Estimate,
    /// Later ÷ earlier, with its verdict.
    pub change: Change,
    /// The change that still counts as no change, as a fraction.
    pub margin: f64,
    /// The warnings about both records' lines.
    pub flags: Vec<Flag>,
}

/// A property that differs between the records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordDifference {
    /// The property.
    pub what: String,
    /// Its value in the earlier record.
    pub before: String,
    /// Its value in the later one.
    pub now: String,
}
