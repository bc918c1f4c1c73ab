//! What a run leaves on disk: the journal of events, where it lies, and its way back.

mod event;
mod journal;
mod location;

pub(crate) use event::{
    ArmRecord, ArmRound, BootRecord, CalibrationRecord, EndRecord, Event, FailureRecord, Header,
    JOURNAL_SCHEMA, MeasuredRecord, Phases, RoundRecord, RoundSamples, Settings, SetupRecord,
    SkipRecord,
};
pub(crate) use journal::{Journal, JournalError, JournalWriter, read_journal};
pub(crate) use location::{Location, resolve_run};
