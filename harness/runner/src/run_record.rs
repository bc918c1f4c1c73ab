//! The record of a run, for programs that recompute its result.

use crate::analysis::{Analysis, AnalysisError, JournalAnalysis, Overrides};
use crate::record::{Event, Journal, JournalError, Tail, read_journal, stream_journal};
use sevbench_reports::Summary;
use std::ops::ControlFlow;
use std::path::Path;
use thiserror::Error;

/// A run's journal, read into memory whole, so that it can be analysed several times. To analyse it
/// once, [`RunValues`] takes less memory.
#[derive(Debug)]
pub struct RunRecord(Journal);

impl RunRecord {
    /// Reads a `run.ndjson`.
    ///
    /// # Errors
    /// If it cannot be read or is not a journal; the message says what to do. Single corrupt lines
    /// are left out, and the summary names them.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        Ok(Self(read_journal(path)?))
    }

    /// The result, computed on this many threads. It is the same, to the bit, for any number.
    ///
    /// # Errors
    /// If the record has no control arm, or its settings are invalid.
    pub fn analyze(&self, threads: usize) -> Result<Summary, RunError> {
        let Journal { header, events, tail } = &self.0;
        let mut analysis = JournalAnalysis::new(header.clone(), &Overrides::default());
        events.iter().for_each(|event| analysis.event(event));
        Ok(analysis.finish(tail, threads)?.summary)
    }
}

/// The values of a run's journal, without its text.
#[derive(Debug)]
pub struct RunValues {
    analysis: JournalAnalysis,
    tail: Tail,
}

impl RunValues {
    /// Reads a `run.ndjson`. Of its text, only a few blocks of lines are in memory at a time.
    ///
    /// # Errors
    /// As for [`RunRecord::read`].
    pub fn read(path: &Path, overrides: &Overrides) -> Result<Self, RunError> {
        let mut analysis: Option<JournalAnalysis> = None;
        let tail = stream_journal(path, &mut |event| {
            match (&mut analysis, event) {
                (None, Event::Header(header)) => {
                    analysis = Some(JournalAnalysis::new(*header, overrides));
                }
                (Some(analysis), event) => analysis.event(&event),
                (None, _) => {}
            }
            ControlFlow::Continue(())
        })?;
        let analysis = analysis.ok_or_else(|| JournalError::NoHeader { path: path.to_owned() })?;
        Ok(Self { analysis, tail })
    }

    /// The lines that were left out, each with the reason.
    pub fn defects(&self) -> &[String] {
        &self.tail.defects
    }

    /// The result, computed on this many threads. It is the same, to the bit, for any number.
    ///
    /// # Errors
    /// As for [`RunRecord::analyze`].
    pub fn analyze(self, threads: usize) -> Result<Analysis, RunError> {
        Ok(self.analysis.finish(&self.tail, threads)?)
    }
}

/// A record that has no result.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct RunError(RunErrorKind);

#[derive(Debug, Error)]
enum RunErrorKind {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
}

impl<E: Into<RunErrorKind>> From<E> for RunError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}
