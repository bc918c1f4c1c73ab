//! Finds where a series of costs changes its mean or its variance, by PELT, an exact search.

use super::outlier::quantile;
use crate::quantity::Cost;

/// The fewest values in a segment: a single value has no variance.
const SEGMENT_LEN_MIN: usize = 2;

/// The smallest standard deviation of a segment, as a share of the series' median.
const RESOLUTION: f64 = 1e-3;

/// The penalty divided by the logarithm of the series' length, see [`changepoint_penalty`].
const PENALTY_FACTOR: f64 = 15.0;

/// The usual penalty for one change in a series of `len` values: 15·ln(len), the choice of Barrett
/// et al. (2017) for iteration times.
///
/// It is severe on purpose. Iteration times are neither quite normal nor quite independent. With
/// the 3·ln(len) of Schwarz' criterion they would seem to change all the time.
pub fn changepoint_penalty(len: usize) -> f64 {
    PENALTY_FACTOR * (len as f64).ln()
}

/// The indices at which a new segment begins, ascending; none if the series does not change.
///
/// The result is the exact minimum of Σ C(segment) + penalty·(changes) over all partitions into
/// segments of at least two values. C is twice the negative log-likelihood of a normal with its own
/// mean and variance, up to constants: C = n·(ln v + σ̂²/v), with v = max(σ̂², f) and
/// σ̂² = Σ(x − x̄)²/n. Above the floor f this is n·ln σ̂² + n. f is the square of 0.1 % of the
/// series' median. The floor keeps C finite for runs of equal values, and keeps the steps of a
/// coarse clock from looking like changes. It bounds a parameter of the likelihood, not C itself.
/// Splitting a segment therefore never raises Σ C, as the pruning requires.
///
/// This is PELT with K = 0. A start that is pruned at t remains a candidate for the ends before
/// t + 2, because no segment from t can reach those. Time grows linearly with the length if changes
/// are spread over the series, and quadratically if there are none.
///
/// Killick, R., Fearnhead, P. & Eckley, I. A. (2012): Optimal detection of changepoints with a
/// linear computational cost. JASA 107, 1590–1598.
pub fn changepoints(series: &[Cost], penalty: f64) -> Vec<usize> {
    let scaled = scaled_to_median(series);
    // For each end, where the last segment of the best partition begins.
    let mut last_start = vec![0; scaled.len() + 1];
    let mut candidates = vec![Candidate::new(0, -penalty)];
    for (index, value) in scaled.into_iter().enumerate() {
        let end = index + 1;
        candidates.retain(|candidate| end < candidate.useless_from);
        let mut best = f64::INFINITY;
        for candidate in &mut candidates {
            candidate.push(value);
            if candidate.total + penalty < best {
                best = candidate.total + penalty;
                last_start[end] = candidate.start;
            }
        }
        if best.is_finite() {
            for candidate in &mut candidates {
                if candidate.total.is_finite() && candidate.total > best {
                    candidate.useless_from = candidate.useless_from.min(end + SEGMENT_LEN_MIN);
                }
            }
            candidates.push(Candidate::new(end, best));
        }
    }
    let mut starts = Vec::new();
    let mut start = last_start[series.len()];
    while start > 0 {
        starts.push(start);
        start = last_start[start];
    }
    starts.reverse();
    starts
}

/// The values divided by their median, so that the variance floor does not depend on the unit.
fn scaled_to_median(series: &[Cost]) -> Vec<f64> {
    let mut sorted: Vec<f64> = series.iter().map(|cost| cost.value()).collect();
    sorted.sort_by(f64::total_cmp);
    let median = quantile(&sorted, 0.5);
    series.iter().map(|cost| cost.value() / median).collect()
}

/// A possible start of the last segment, with the mean and the squares of the values since.
/// Welford's update avoids cancellation.
struct Candidate {
    start: usize,
    /// The least cost of everything before the start.
    before: f64,
    count: f64,
    mean: f64,
    squares: f64,
    /// `before` plus the cost of the segment; infinite while the segment is too short.
    total: f64,
    /// From this end on, another start is always at least as good.
    useless_from: usize,
}

impl Candidate {
    fn new(start: usize, before: f64) -> Self {
        let (count, mean, squares) = (0.0, 0.0, 0.0);
        let (total, useless_from) = (f64::INFINITY, usize::MAX);
        Self { start, before, count, mean, squares, total, useless_from }
    }

    fn push(&mut self, value: f64) {
        self.count += 1.0;
        let distance = value - self.mean;
        self.mean += distance / self.count;
        self.squares += distance * (value - self.mean);
        if self.count >= SEGMENT_LEN_MIN as f64 {
            self.total = self.before + segment_cost(self.count, self.squares / self.count);
        }
    }
}

/// C of a segment, from its length and its variance σ̂².
fn segment_cost(len: f64, variance: f64) -> f64 {
    let floored = variance.max(RESOLUTION * RESOLUTION);
    len * (floored.ln() + variance / floored)
}

#[cfg(test)]
#[path = "changepoint_tests.rs"]
mod tests;
