//! The share of the measuring phase that was timed.

use crate::record::{ArmRound, MeasuredRecord, RoundRecord};
use sevbench_reports::Duty;

/// Adds up timed and wall time while a journal is read.
#[derive(Debug, Default)]
pub(super) struct DutyMeter {
    timed_ns: f64,
    wall_ns: f64,
    /// Timed since the last set-up. It counts once the bench is measured completely.
    pending_ns: f64,
}

impl DutyMeter {
    pub(super) fn setup(&mut self) {
        self.pending_ns = 0.0;
    }

    pub(super) fn round(&mut self, round: &RoundRecord) {
        self.pending_ns += round.arms.iter().filter_map(ArmRound::timed_ns).sum::<f64>();
    }

    pub(super) fn measured(&mut self, measured: &MeasuredRecord) {
        if self.pending_ns > 0.0 {
            self.timed_ns += std::mem::take(&mut self.pending_ns);
            self.wall_ns += measured.wall_ns as f64;
        }
    }

    /// `None` if no bench was measured completely.
    pub(super) fn duty(&self) -> Option<Duty> {
        (self.wall_ns > 0.0).then(|| Duty {
            timed_ns: self.timed_ns as u64,
            wall_ns: self.wall_ns as u64,
            share: self.timed_ns / self.wall_ns,
        })
    }
}
