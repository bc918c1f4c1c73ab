//! The record of a run in memory, for programs that analyse it.

use crate::analysis::{JournalAnalysis, Overrides};
use crate::record::{Journal, read_journal};
use sevbench_reports::Summary;
use std::path::Path;

/// A run's journal in memory. `cargo sevbench analyze` streams the journal instead and needs less
/// memory.
#[derive(Debug)]
pub struct RunRecord(Journal);

impl RunRecord {
    /// Reads a `run.ndjson`.
    ///
    /// # Errors
    /// If it cannot be read or is not a journal. Corrupt lines are no error: they are ignored, and
    /// the summary lists them.
    pub fn read(path: &Path) -> Result<Self, String> {
        read_journal(path).map(Self).map_err(|error| error.to_string())
    }

    /// Analyses the record with this many threads. The result is the same for any number, to the
    /// bit.
    ///
    /// # Errors
    /// If the record's settings are invalid.
    pub fn analyze(&self, threads: usize) -> Result<Summary, String> {
        let Journal { header, events, tail } = &self.0;
        let mut analysis = JournalAnalysis::new(header.clone(), Overrides::default());
        events.iter().for_each(|event| analysis.event(event));
        let analysis = analysis.finish(tail, threads).map_err(|error| error.to_string())?;
        Ok(analysis.summary)
    }
}
