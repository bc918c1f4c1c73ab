//! The warm-up of a timed closure: batches of about equal length, so that a change of pace can be seen in them.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A batch of the series lasts at least this share of the warm-up.
const BATCHES: u64 = 32;

/// The most iterations that a batch may reach; keeps the doubling finite for an empty closure.
const ITERATIONS_MAX: u64 = 1 << 40;

/// Batches in the order in which they ran, each with its iterations and their time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUpSeries {
    /// Iterations of each batch.
    pub iterations: Vec<u64>,
    /// The time that each batch took, in ns.
    pub elapsed_ns: Vec<u64>,
}

impl WarmUpSeries {
    /// The most batches of one warm-up: each lasts at least half as long as a batch should.
    pub const LEN_MAX: usize = 512;

    fn push(&mut self, iterations: u64, elapsed: Duration) {
        self.iterations.push(iterations);
        self.elapsed_ns.push(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX));
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Runs batches of doubling length until one lasts 1/32 of `duration`, then equal ones until `duration` is over. Where
/// the closure has become so fast meanwhile that a batch lasts less than half of that, it doubles again, and the series
/// starts anew. The first batch is there in any case. `now` is a clock that includes what `timed` does not time.
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

    /// A warm-up of 32 ms, of a closure whose nth iteration takes what `cost_ns` says, by a clock that it drives.
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
    fn batches_double_and_are_equal_then() {
        let series = series(|_| 1_000);
        // 1023 iterations until a batch of 1024 lasts 1 ms; 30 and some of these fill what is left of 32 ms.
        assert_eq!(series.iterations, [1024; 31]);
        assert_eq!(series.elapsed_ns, [1_024_000; 31]);
    }

    #[test]
    fn an_iteration_that_is_longer_than_the_warm_up_runs_once() {
        let series = series(|_| 50_000_000);
        assert_eq!((series.iterations, series.elapsed_ns), (vec![1], vec![50_000_000]));
    }

    #[test]
    fn a_closure_that_becomes_fast_is_counted_in_longer_batches() {
        let series = series(|n| if n == 0 { 5_000_000 } else { 1_000 });
        assert_eq!(series.iterations[0], 1024, "the first iteration alone was as long as a batch");
        assert!((20..=27).contains(&series.iterations.len()), "{series:?}");
    }

    #[test]
    fn a_closure_that_takes_no_time_ends_too() {
        let mut timed = |_| Duration::ZERO;
        let series = warm_up(&mut timed, &mut || Duration::ZERO, MS);
        assert_eq!((series.iterations, series.elapsed_ns), (vec![ITERATIONS_MAX], vec![0]));
        let series = warm_up(&mut timed, &mut || Duration::ZERO, Duration::ZERO);
        assert_eq!(series.iterations.len(), 1);
    }
}
