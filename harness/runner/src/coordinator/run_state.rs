//! How far a run has come: the boots done and wanted, the time they took, and the time limit.

use super::checkpoint::Checkpoint;
use super::plan::{Plan, STAGES_MAX};
use super::replication::{Boots, Pace};
use std::time::{Duration, Instant};

/// A run that loses a guest in this many boots in a row ends: it would lose the next one too.
const LOST_IN_A_ROW_MAX: u32 = 3;

/// How far a run has come.
pub(super) struct RunState {
    pub boots: Boots,
    pub pace: Pace,
    /// The current boot block, or the last one between two.
    pub boot: u32,
    /// The first boot block of this process.
    first_boot: u32,
    /// The last boot block that any bench wants, as far as is known.
    pub last_boot: u32,
    /// The boots of this process that lost a guest: the last ones in a row, and all.
    lost_in_a_row: u32,
    lost: u32,
    /// How long the plan, or its first stage, should take.
    expected: Duration,
    /// When this process began its part of the run.
    began: Instant,
    /// No boot block starts once this process has run for this long.
    pub time_max: Option<Duration>,
}

impl RunState {
    /// The state of a run that continues from a checkpoint.
    pub(super) fn new(plan: &Plan, checkpoint: &Checkpoint) -> Self {
        let settings = &plan.settings;
        let mut boots = Boots::new(checkpoint.done_of(plan), settings.boots);
        let mut time_max = settings.max_time_ns.map(Duration::from_nanos);
        if let Some(extended) = &checkpoint.extended {
            for (bench, id) in plan.benches.iter().enumerate() {
                boots.want(bench, extended.benches.get(id).copied().unwrap_or(0));
            }
            let first_stage = Duration::from_nanos(extended.first_stage_ns);
            time_max.get_or_insert(first_stage * (STAGES_MAX - 1));
        }
        Self {
            boots,
            pace: Pace::default(),
            boot: checkpoint.last_boot,
            first_boot: checkpoint.last_boot.saturating_add(1),
            last_boot: checkpoint.last_boot,
            lost_in_a_row: 0,
            lost: 0,
            expected: plan.expected(),
            began: Instant::now(),
            time_max,
        }
    }

    /// Begins the next boot block.
    pub(super) fn next_boot(&mut self) {
        self.boot += 1;
        self.last_boot = self.boot.saturating_add(self.boots.most_left() - 1);
    }

    /// Notes the end of a boot block, and whether every arm kept its guest in it. Returns whether
    /// lost boots may be made up for: at most as many as there are others.
    pub(super) const fn note_boot(&mut self, is_whole: bool) -> bool {
        if is_whole {
            self.lost_in_a_row = 0;
            return true;
        }
        self.lost_in_a_row += 1;
        self.lost += 1;
        let whole = self.boot + 1 - self.first_boot - self.lost;
        self.lost_in_a_row < LOST_IN_A_ROW_MAX && self.lost <= whole + LOST_IN_A_ROW_MAX
    }

    /// Whether the current boot block is the first of this process.
    pub(super) const fn is_first_boot(&self) -> bool {
        self.boot == self.first_boot
    }

    /// How long this process has run its part.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Whether the time limit forbids another boot block. The first one always runs.
    pub(super) fn is_over_time(&self) -> bool {
        self.boot >= self.first_boot
            && self.time_max.is_some_and(|time_max| self.elapsed() >= time_max)
    }

    /// How long the first stage took. Where an earlier process ran some of its boots, the time is
    /// extrapolated from those of this one.
    pub(super) fn first_stage(&self, elapsed: Duration) -> Duration {
        match (self.boot + 1 - self.first_boot, self.first_boot) {
            (_, 1) => elapsed,
            (0, _) => self.expected,
            (here, _) => elapsed.mul_f64(f64::from(self.boot) / f64::from(here)),
        }
    }

    /// An estimate of the time that the rest will take.
    pub(super) fn time_left(&self) -> Duration {
        let starts = self.last_boot - self.boot;
        let by_plan = || self.expected.saturating_sub(self.elapsed());
        let left = self.pace.time_for(&self.boots.left(), starts).unwrap_or_else(by_plan);
        let until_max = |time_max: Duration| time_max.saturating_sub(self.elapsed());
        left.min(self.time_max.map_or(Duration::MAX, until_max))
    }
}
