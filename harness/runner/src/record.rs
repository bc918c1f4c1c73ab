//! What a run leaves on disk: the journal of events, its folder, and reading both back. It also
//! reads tables from elsewhere.

mod baseline;
mod event;
mod header;
mod journal;
mod location;
#[cfg(test)]
mod smallest;
mod standing;
mod table;
mod unfinished;

pub(crate) use baseline::{BaselineName, resolve_baseline, save_baseline};
pub(crate) use event::{
    ArmRound, BootRecord, CalibrationRecord, EndRecord, Event, ExtendedRecord, FailureRecord,
    MeasuredRecord, Phases, ResumedRecord, RoundRecord, RoundSamples, SetupRecord, SkipRecord,
    WarmUpRecord,
};
pub(crate) use header::{ArmRecord, Header, JOURNAL_SCHEMA, MarginRule, Settings};
pub(crate) use journal::{
    Journal, JournalError, JournalWriter, Tail, read_journal, stream_journal,
};
pub(crate) use location::{Location, resolve_run};
pub(crate) use standing::{ArmStanding, standings};
pub(crate) use table::{Table, TableBench, TableRow, read_table};
pub(crate) use unfinished::find_unfinished;
