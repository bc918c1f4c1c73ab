//! The record of a run, for those who compute with it.

use crate::analysis::{JournalAnalysis, Overrides};
use crate::record::{Journal, read_journal};
use sevbench_reports::Summary;
use std::path::Path;

/// A run's journal, read whole. `cargo sevbench analyze` reads it line by line in place of this, in less memory.
#[derive(Debug)]
pub struct RunRecord(Journal);

impl RunRecord {
    /// Reads a `run.ndjson`.
    ///
    /// # Errors
    /// If it cannot be read or is no journal, with what to do. Single lines that are corrupt are left out; the summary names them.
    pub fn read(path: &Path) -> Result<Self, String> {
        read_journal(path).map(Self).map_err(|error| error.to_string())
    }

    /// The result, on so many threads; it is the same, to the bit, for any number.
    ///
    /// # Errors
    /// If the record's settings make no sense.
    pub fn analyze(&self, threads: usize) -> Result<Summary, String> {
        let Journal { header, events, tail } = &self.0;
        let mut analysis = JournalAnalysis::new(header.clone(), Overrides::default());
        events.iter().for_each(|event| analysis.event(event));
        let analysis = analysis.finish(tail, threads).map_err(|error| error.to_string())?;
        Ok(analysis.summary)
    }
}
