//! How a result is shown: a plain model, [`Summary`], and what turns it into text and JSON.
//! Nothing here knows of guests, connections, or how an interval is computed.

mod comparison;
mod json;
mod record_comparison;
mod summary;
mod table;
mod text;
mod text_notes;
mod value;

pub use comparison::{
    Change, Comparison, Estimate, Mean, Settle, VarianceShares, WarmUpClasses, WarmUps,
};
pub use json::{read_summary, write_summary};
pub use record_comparison::{
    ChangeRow, RECORD_COMPARISON_SCHEMA, RecordComparison, RecordDifference,
    render_record_comparison,
};
pub use summary::{
    ArmSummary, DifferenceRow, Duty, Exclusion, FailedRow, NoiseFloor, Outcome, OutlierRow,
    Overall, Replication, Run, SUMMARY_SCHEMA, SkippedRow, Summary,
};
pub use table::{Align, Table};
pub use text::{TextOptions, render_text};
pub use value::format_value;
