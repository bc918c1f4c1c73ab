//! How a result is shown: a plain model, [`Summary`], and what turns it into text and JSON.
//! Nothing here knows of guests, connections, or how an interval is computed.

mod json;
mod summary;
mod table;
mod text;
mod value;

pub use json::{read_summary, write_summary};
pub use summary::{
    ArmSummary, Comparison, DifferenceRow, Duty, Estimate, Exclusion, FailedRow, Mean, Outcome,
    Run, SUMMARY_SCHEMA, SkippedRow, Summary,
};
pub use table::{Align, Table};
pub use text::{TextOptions, render_text};
pub use value::{escaped, format_duration, format_value};
