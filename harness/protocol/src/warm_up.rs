//! The warm-up of a timed closure: batches of about equal duration, so that a drift shows in them.

use serde::{Deserialize, Serialize};
use sevbench_text::nanoseconds;
use std::time::Duration;

/// The warm-up aims at this number of batches.
const BATCHES: u64 = 32;

/// The most iterations in a batch. It bounds the doubling for a closure that takes no time.
const ITERATIONS_MAX: u64 = 1 << 40;

/// The batches of a warm-up, in the order in which they ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUpSeries {
    /// Number of iterations in each batch.
    pub iterations: Vec<u64>,
    /// Duration of each batch, in ns.
    pub elapsed_ns: Vec<u64>,
}

impl WarmUpSeries {
    /// The most batches in one warm-up.
    pub const LEN_MAX: usize = 512;

    fn push(&mut self, iterations: u64, elapsed: Duration) {
        self.iterations.push(iterations);
        self.elapsed_ns.push(nanoseconds(elapsed));
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Doubles the batch until one lasts 1/32 of `duration`, then repeats that batch until `duration`
/// has passed. If the closure has become so fast that a batch lasts less than half of 1/32, the
/// doubling resumes and the series starts over. The series always has at least one batch.
///
/// `timed` runs a batch and returns its timed duration; `now` also covers what is not timed.
pub(super) fn warm_up(
    timed: &mut dyn FnMut(u64) -> Duration,
    now: &mut dyn FnMut() -> Duration,
    duration: Duration,
) -> WarmUpSeries {
    let batch = duration / BATCHES as u32;
    let mut series = WarmUpSeries::default();
    let mut iterations = 1;
    let start = now();
    let mut batch_start = start;
    loop {
        let elapsed = timed(iterations);
        let end = now();
        let took = end.saturating_sub(batch_start);
        batch_start = end;
        let is_over = end.saturating_sub(start) >= duration
            || iterations >= ITERATIONS_MAX
            || series.iterations.len() + 1 == WarmUpSeries::LEN_MAX;
        let is_short = if series.iterations.is_empty() { took < batch } else { took < batch / 2 };
        if is_short && !is_over {
            series.clear();
            iterations *= 2;
            continue;
        }
        series.push(iterations, elapsed);
        if is_over {
            return series;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const MS: Duration = Duration::from_millis(1);

    /// A warm-up of 32 ms whose nth iteration takes `cost_ns(n)`, on a simulated clock.
    fn series(cost_ns: impl Fn(u64) -> u64) -> WarmUpSeries {
        let clock = Cell::new(Duration::ZERO);
        let count = Cell::new(0);
        let mut timed = |iterations: u64| {
            let from = count.replace(count.get() + iterations);
            let elapsed = Duration::from_nanos((from..from + iterations).map(&cost_ns).sum());
            clock.set(clock.get() + elapsed);
            elapsed
        };
        warm_up(&mut timed, &mut || clock.get(), 32 * MS)
    }

    #[test]
    fn batches_double_and_then_stay_equal() {
        let series = series(|_| 1_000);
        // After 1023 iterations, a batch of 1024 lasts 1 ms. 31 of these fill the rest of 32 ms.
        assert_eq!(series.iterations, [1024; 31]);
        assert_eq!(series.elapsed_ns, [1_024_000; 31]);
    }

    #[test]
    fn iteration_longer_than_the_warm_up_runs_once() {
        let series = series(|_| 50_000_000);
        assert_eq!((series.iterations, series.elapsed_ns), (vec![1], vec![50_000_000]));
    }

    #[test]
    fn closure_that_becomes_fast_gets_longer_batches() {
        let series = series(|n| if n == 0 { 5_000_000 } else { 1_000 });
        assert_eq!(series.iterations[0], 1024, "the slow first iteration filled a batch by itself");
        assert!((20..=27).contains(&series.iterations.len()), "{series:?}");
    }

    #[test]
    fn warm_up_of_a_closure_that_takes_no_time_ends() {
        let mut timed = |_| Duration::ZERO;
        let series = warm_up(&mut timed, &mut || Duration::ZERO, MS);
        assert_eq!((series.iterations, series.elapsed_ns), (vec![ITERATIONS_MAX], vec![0]));
        let series = warm_up(&mut timed, &mut || Duration::ZERO, Duration::ZERO);
        assert_eq!(series.iterations.len(), 1);
    }
}
