//! What a run leaves on disk: the journal of events, its folder, and reading both back. It also
//! reads tables from elsewhere.

mod baseline;
mod event;
mod header;
mod journal;
mod journal_writer;
mod lines;
mod location;
mod resolve;
mod runs;
mod seal;
#[cfg(test)]
mod smallest;
mod standing;
mod table;

pub(crate) use baseline::{BaselineName, check_baseline_name, resolve_baseline, save_baseline};
pub(crate) use event::{
    ArmRound, BootRecord, CalibrationRecord, EndRecord, Event, ExtendedRecord, FailureRecord,
    MeasuredRecord, Phases, ResumedRecord, RoundRecord, RoundSamples, SetupRecord, SkipRecord,
    WarmUpRecord, total_ns,
};
pub(crate) use header::{ArmRecord, BOOTS_MAX, Header, JOURNAL_SCHEMA, MarginRule, Settings};
#[cfg(any(test, fuzzing))]
pub(crate) use journal::parse_journal;
pub(crate) use journal::{Journal, JournalError, Tail, read_journal, stream_journal};
#[cfg(test)]
pub(crate) use journal_writer::JournalFile;
pub(crate) use journal_writer::JournalWriter;
pub(crate) use location::{Location, keep_runs_beside, write_remedy};
pub use location::{keep_runs_in, target_of_project};
pub(crate) use resolve::resolve_run;
pub(crate) use runs::{find_unfinished, link_newest, next_number, warn_of_unreadable_runs};
pub(crate) use standing::{ArmStanding, standings};
#[cfg(any(test, fuzzing))]
pub(crate) use table::parse_table;
pub(crate) use table::{Table, TableBench, TableRow, read_table};
