//! What a run reports: events to the journal, progress and failures to the user.

use super::early_end::EarlyEnd;
use super::progress::Progress;
use crate::record::{Event, FailureRecord, JournalWriter};
use sevbench_text::nanoseconds;
use std::time::Instant;

/// Where a run reports what happens.
pub(super) struct RunLog<'a> {
    pub journal: &'a mut JournalWriter,
    pub progress: &'a mut Progress,
    /// When the coordinator started.
    pub start: Instant,
    /// Called once the journal has a round of this process.
    pub on_first_round: Option<&'a mut dyn FnMut()>,
}

impl RunLog<'_> {
    pub(super) fn append(&mut self, event: &Event) -> Result<(), EarlyEnd> {
        self.journal.append(event)?;
        if matches!(event, Event::Round(_))
            && let Some(on_first_round) = self.on_first_round.take()
        {
            on_first_round();
        }
        Ok(())
    }

    /// Records a failure and warns the user at once.
    pub(super) fn append_failure(&mut self, failure: FailureRecord) -> Result<(), EarlyEnd> {
        let FailureRecord { boot, bench, arm, reason } = &failure;
        let what = bench.as_deref().unwrap_or("the guest");
        self.progress.warn(&format!("failed: {what} in {arm}, boot {boot}: {reason}"));
        self.append(&Event::Failed(failure))
    }

    /// The time since the coordinator started.
    pub(super) fn now_ns(&self) -> u64 {
        nanoseconds(self.start.elapsed())
    }
}
