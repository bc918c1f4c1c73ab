//! The boots that each bench has done and still wants, and the time that more will take. It does
//! not decide how many are needed: it asks a [`Replication`].

use super::schedule::BootOrder;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

/// Decides how many boots each bench needs after the first stage.
pub(crate) trait Replication {
    /// The total boots of each bench, by id, computed from the journal. A bench that is not named
    /// needs no more.
    ///
    /// # Errors
    /// If they cannot be computed, with the reason.
    fn boots_wanted(&mut self, journal: &Path) -> Result<HashMap<String, u32>, String>;
}

/// The boots of each bench, by its index in the plan.
pub(super) struct Boots {
    done: Vec<u32>,
    wanted: Vec<u32>,
}

impl Boots {
    /// Every bench wants `each` boots in all, and has done this many.
    pub(super) fn new(done: Vec<u32>, each: u32) -> Self {
        let wanted = vec![each; done.len()];
        Self { done, wanted }
    }

    /// Raises the boots that a bench wants in all. They never become fewer.
    pub(super) fn want(&mut self, bench: usize, boots: u32) {
        self.wanted[bench] = self.wanted[bench].max(boots);
    }

    pub(super) fn note_done(&mut self, bench: usize) {
        self.done[bench] += 1;
    }

    /// The boots that each bench still wants.
    pub(super) fn left(&self) -> Vec<u32> {
        self.done
            .iter()
            .zip(&self.wanted)
            .map(|(done, wanted)| wanted.saturating_sub(*done))
            .collect()
    }

    /// How many boot blocks are left.
    pub(super) fn most_left(&self) -> u32 {
        self.left().into_iter().max().unwrap_or(0)
    }

    /// How many benches want more boots.
    pub(super) fn wanting(&self) -> usize {
        self.left().into_iter().filter(|left| *left > 0).count()
    }

    /// Removes the benches that want no more boots.
    pub(super) fn keep_wanting(&self, order: &mut BootOrder) {
        let left = self.left();
        order.benches.retain(|bench| left[bench.bench] > 0);
    }

    /// The boots of all benches that are done, and their final total.
    pub(super) fn progress(&self) -> (u64, u64) {
        let sum = |counts: &[u32]| counts.iter().map(|count| u64::from(*count)).sum::<u64>();
        let done = sum(&self.done);
        (done, done + sum(&self.left()))
    }
}

/// The time that boots and benches have taken so far.
#[derive(Debug, Default)]
pub(super) struct Pace {
    booting: Mean,
    benches: HashMap<usize, Mean>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: Duration,
    count: u32,
}

impl Mean {
    fn add(&mut self, took: Duration) {
        self.sum += took;
        self.count += 1;
    }

    fn value(self) -> Option<Duration> {
        (self.count > 0).then(|| self.sum / self.count)
    }
}

impl Pace {
    /// Adds the time in which the guests of a boot block started.
    pub(super) fn add_boot(&mut self, took: Duration) {
        self.booting.add(took);
    }

    /// Adds the time of a bench in a boot.
    pub(super) fn add_bench(&mut self, bench: usize, took: Duration) {
        self.benches.entry(bench).or_default().add(took);
    }

    /// An estimate of the time for `left` more boots of each bench and `starts` starts of the
    /// guests. A bench that has not run counts as the average of the others. `None` if none has
    /// run.
    pub(super) fn time_for(&self, left: &[u32], starts: u32) -> Option<Duration> {
        let known: Vec<Duration> = self.benches.values().filter_map(|mean| mean.value()).collect();
        let usual = known.iter().sum::<Duration>().checked_div(known.len() as u32)?;
        let of_bench = |(bench, left): (usize, &u32)| {
            let one = self.benches.get(&bench).and_then(|mean| mean.value()).unwrap_or(usual);
            one.saturating_mul(*left)
        };
        let benches = left.iter().enumerate().map(of_bench);
        let benches = benches.fold(Duration::ZERO, Duration::saturating_add);
        let booting = self.booting.value().unwrap_or_default().saturating_mul(starts);
        Some(benches.saturating_add(booting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bench_wants_the_boots_it_has_not_done() {
        let mut boots = Boots::new(vec![0, 2], 2);
        assert_eq!((boots.left(), boots.most_left(), boots.progress()), (vec![2, 0], 2, (2, 4)));
        boots.note_done(0);
        boots.want(1, 5);
        boots.want(0, 1);
        assert_eq!((boots.left(), boots.wanting(), boots.progress()), (vec![1, 3], 2, (3, 7)));
    }

    #[test]
    fn time_left_covers_the_benches_that_want_more() {
        let mut pace = Pace::default();
        assert_eq!(pace.time_for(&[1, 1], 1), None);
        let seconds = Duration::from_secs;
        pace.add_boot(seconds(10));
        pace.add_bench(0, seconds(1));
        pace.add_bench(0, seconds(3));
        pace.add_bench(1, seconds(4));
        assert_eq!(pace.time_for(&[5, 0, 0], 5), Some(seconds(60)));
        assert_eq!(
            pace.time_for(&[0, 2, 1], 0),
            Some(seconds(11)),
            "a bench that has not run takes the average"
        );
        assert_eq!(
            pace.time_for(&[u32::MAX, 0], u32::MAX).map(|time| time > seconds(1)),
            Some(true)
        );
    }
}
