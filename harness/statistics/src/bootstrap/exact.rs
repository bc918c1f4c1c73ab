//! The exact bootstrap distribution of the mean of few values, by enumeration of the multisets of
//! draws.
//!
//! A multiset that holds value i kᵢ times has probability n!/(k₁!…kₙ!)/nⁿ. Each multiset combines
//! two parts: k draws from the first half of the values and n − k from the second. A sum then costs
//! one addition, and a weight one multiplication. The weight is the product of the orders of both
//! parts and the C(n, k) ways to interleave them. Weights count ordered draws, which doubles hold
//! exactly: there are at most 10¹⁰.

use super::{below, mean, rank};
use crate::quantity::LogRatio;

/// Sums are counted in this many bins first, and only those of two bins are sorted. A power of two.
const BINS: usize = 2048;

/// Extra width of a bin, as a share of its width, so that rounding hides no sum.
const BIN_SLACK: f64 = 0.01;

/// Sums that are tested together.
const RUN: usize = 16;

/// Adding this to a double leaves its value, rounded to an integer, in the lowest bits.
const ROUND: f64 = (1_u64 << 52) as f64;

/// All multisets of a given number of draws from one half of the values.
#[derive(Clone, Default)]
struct Part {
    /// The sum of each multiset.
    sums: Vec<f64>,
    /// The number of orders in which each can be drawn.
    orders: Vec<f64>,
}

/// The means of all multisets of n draws from n values, and their probabilities.
pub(super) struct ExactMeans {
    /// The mean of the values. Sums are of deviations from it.
    center: f64,
    draws: usize,
    /// Indexed by the number of draws.
    halves: [Vec<Part>; 2],
    /// The sum of draws of the smallest value only.
    lowest_sum: f64,
    /// Bins per unit of a sum; zero if all values are equal or any is not finite.
    bins_per_unit: f64,
}

impl ExactMeans {
    /// Takes at least two and at most [`super::EXACT_REPLICATES_MAX`] values.
    pub(super) fn new(values: &[LogRatio]) -> Self {
        let draws = values.len();
        let mut sorted: Vec<f64> = values.iter().map(|value| value.0).collect();
        // The order of the replicates must not change the last bit.
        sorted.sort_by(f64::total_cmp);
        let center = mean(&sorted.iter().map(|x| LogRatio(*x)).collect::<Vec<_>>());
        let deviations: Vec<f64> = sorted.iter().map(|x| x - center).collect();
        let (first, second) = deviations.split_at(draws / 2);
        let lowest_sum = deviations[0] * draws as f64;
        let span = (deviations[draws - 1] - deviations[0]) * draws as f64;
        let bins_per_unit = (BINS - 1) as f64 / span;
        let bins_per_unit = if bins_per_unit.is_finite() { bins_per_unit } else { 0.0 };
        let halves = [parts(first, draws), parts(second, draws)];
        Self { center, draws, halves, lowest_sum, bins_per_unit }
    }

    /// C(2n−1, n).
    pub(super) fn multisets(&self) -> u32 {
        binomial(2 * self.draws - 1, self.draws) as u32
    }

    /// The smallest means whose cumulative probability reaches the levels.
    pub(super) fn quantiles(&self, levels: [f64; 2]) -> [f64; 2] {
        if self.bins_per_unit == 0.0 {
            return [self.center; 2];
        }
        let mut bins = [0.0; BINS];
        self.visit(|sum, orders, part| {
            for (rest, more) in part.sums.iter().zip(&part.orders) {
                bins[self.bin(sum + rest)] += orders * more;
            }
        });
        let wanted = levels.map(|level| locate(&bins, rank(level, self.ordered_draws())));
        let found = wanted.each_ref().map(|wanted| self.in_bin(wanted.bin));
        let [low, high] = found;
        [(low, &wanted[0]), (high, &wanted[1])]
            .map(|(found, wanted)| self.center + nth(found, wanted.rank_in_bin) / self.draws as f64)
    }

    /// The sums in a bin, with their weights.
    fn in_bin(&self, wanted: usize) -> Vec<(f64, f64)> {
        let middle = self.lowest_sum + wanted as f64 / self.bins_per_unit;
        let reach = (0.5 + BIN_SLACK) / self.bins_per_unit;
        let mut found = Vec::new();
        self.visit(|sum, orders, part| {
            let runs = part.sums.chunks(RUN).zip(part.orders.chunks(RUN));
            for (rests, more) in runs {
                // Few runs touch the bin. The processor tests several sums of a run at once.
                let touches = |hit, rest: &f64| hit | ((sum + rest - middle).abs() <= reach);
                if !rests.iter().fold(false, touches) {
                    continue;
                }
                for (rest, more) in rests.iter().zip(more) {
                    if self.bin(sum + rest) == wanted {
                        found.push((sum + rest, orders * more));
                    }
                }
            }
        });
        found
    }

    /// The probability of a mean below the value, plus half the probability of the value itself.
    pub(super) fn share_below(&self, value: f64, tolerance: f64) -> f64 {
        let limit = (value - self.center) * self.draws as f64;
        let tolerance = tolerance * self.draws as f64;
        let mut count = 0.0;
        self.visit(|sum, orders, part| {
            for (rest, more) in part.sums.iter().zip(&part.orders) {
                count += below(sum + rest - limit, tolerance) * orders * more;
            }
        });
        count / self.ordered_draws()
    }

    /// nⁿ.
    fn ordered_draws(&self) -> f64 {
        (self.draws as f64).powi(self.draws as i32)
    }

    /// Calls back with every sum of the shorter part, its weight, and the part that completes it.
    fn visit(&self, mut call: impl FnMut(f64, f64, &Part)) {
        let [first, second] = &self.halves;
        for (drawn, part) in first.iter().enumerate() {
            let rest = &second[self.draws - drawn];
            let interleaved = binomial(self.draws, drawn);
            let (outer, inner) =
                if part.sums.len() < rest.sums.len() { (part, rest) } else { (rest, part) };
            for (sum, orders) in outer.sums.iter().zip(&outer.orders) {
                call(*sum, orders * interleaved, inner);
            }
        }
    }

    /// The bin of a sum; a larger sum never has a lower bin.
    fn bin(&self, sum: f64) -> usize {
        ((sum - self.lowest_sum) * self.bins_per_unit + ROUND).to_bits() as usize % BINS
    }
}

/// The bin that holds a rank.
struct Wanted {
    bin: usize,
    rank_in_bin: f64,
}

fn locate(bins: &[f64], mut rank: f64) -> Wanted {
    for (bin, count) in bins.iter().enumerate() {
        if rank <= *count {
            return Wanted { bin, rank_in_bin: rank };
        }
        rank -= count;
    }
    Wanted { bin: bins.len() - 1, rank_in_bin: f64::INFINITY }
}

/// The value at a rank, among values with counts.
fn nth(mut values: Vec<(f64, f64)>, mut rank: f64) -> f64 {
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    for (value, count) in &values {
        if rank <= *count {
            return *value;
        }
        rank -= count;
    }
    values.last().map_or(f64::NAN, |last| last.0)
}

/// All multisets of 0 to `draws` draws from the values.
fn parts(values: &[f64], draws: usize) -> Vec<Part> {
    let mut parts = vec![Part::default(); draws + 1];
    parts[0] = Part { sums: vec![0.0], orders: vec![1.0] };
    for value in values {
        // From many draws to few: the parts with fewer draws must still lack this value.
        for total in (1..=draws).rev() {
            for times in 1..=total {
                let (fewer, part) = parts.split_at_mut(total);
                let (source, part) = (&fewer[total - times], &mut part[0]);
                let (summand, orders) = (times as f64 * value, binomial(total, times));
                part.sums.extend(source.sums.iter().map(|sum| sum + summand));
                part.orders.extend(source.orders.iter().map(|o| o * orders));
            }
        }
    }
    parts
}

/// C(n, k), exact below 2⁵³.
fn binomial(n: usize, k: usize) -> f64 {
    (1..=k).fold(1.0, |product, i| product * (n - k + i) as f64 / i as f64)
}
