//! The record of a run, for programs that recompute its result.

use crate::analysis::{JournalAnalysis, Overrides};
use crate::record::{Journal, read_journal};
use sevbench_reports::Summary;
use std::path::Path;

/// A run's journal, read into memory. `cargo sevbench analyze` reads it line by line instead, which
/// takes less memory.
#[derive(Debug)]
pub struct RunRecord(Journal);

impl RunRecord {
    /// Reads a `run.ndjson`.
    ///
    /// # Errors
    /// If it cannot be read or is not a journal; the message says what to do. Single corrupt lines
    /// are left out, and the summary names them.
    pub fn read(path: &Path) -> Result<Self, String> {
        read_journal(path).map(Self).map_err(|error| error.to_string())
    }

    /// The result, computed on this many threads. It is the same, to the bit, for any number.
    ///
    /// # Errors
    /// If the record has no control arm, or its settings are invalid.
    pub fn analyze(&self, threads: usize) -> Result<Summary, String> {
        let Journal { header, events, tail } = &self.0;
        let mut analysis = JournalAnalysis::new(header.clone(), &Overrides::default());
        events.iter().for_each(|event| analysis.event(event));
        let analysis = analysis.finish(tail, threads).map_err(|error| error.to_string())?;
        Ok(analysis.summary)
    }
}
