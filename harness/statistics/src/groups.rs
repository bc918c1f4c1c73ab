//! Whether values fall into two groups with a gap between them: a mode, or a few far from the rest.

use std::ops::Range;

/// Critical values of the gap statistic for normal values: the number of values, and the statistic
/// that chance exceeds in 5 %, 1 %, 0.1 % and 0.01 % of samples. From 3,000,000 samples each,
/// 1,000,000 from 50 values on.
const CRITICAL: [(f64, [f64; 4]); 11] = [
    (6.0, [5.419, 9.009, 17.377, 32.526]),
    (7.0, [4.468, 6.958, 12.159, 20.402]),
    (8.0, [3.873, 5.782, 9.525, 14.855]),
    (9.0, [3.457, 5.012, 7.849, 11.617]),
    (10.0, [3.148, 4.469, 6.800, 9.896]),
    (12.0, [2.719, 3.756, 5.488, 7.637]),
    (15.0, [2.335, 3.167, 4.486, 5.989]),
    (20.0, [1.991, 2.681, 3.743, 4.904]),
    (30.0, [1.694, 2.288, 3.143, 4.026]),
    (50.0, [1.477, 2.000, 2.714, 3.371]),
    (100.0, [1.302, 1.762, 2.388, 2.943]),
];
const LEVELS: [f64; 4] = [0.05, 0.01, 0.001, 0.000_1];

/// Two groups of values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoGroups {
    /// The number of values in the lower group, and their mean.
    pub lower: (usize, f64),
    /// The same of the upper group.
    pub upper: (usize, f64),
    /// p of the test that the values are normal, against two groups. Beyond the range of the
    /// simulation, it is extrapolated.
    pub p: f64,
}

/// The split of values at the gap that is widest beside their spread. `None` for fewer than six
/// values, or if chance makes such a gap in more than 5 % of samples of normal values.
///
/// The statistic is the largest (x₍ₖ₊₁₎ − x₍ₖ₎) ÷ s₍ₖ₎ over k, where s²₍ₖ₎ is the pooled variance
/// within the k lowest values and within the others, with n − 2 degrees of freedom. Its
/// distribution is simulated, and interpolated in the logarithms of n, of the statistic and of p.
/// For more than 100 values it is that of 100, which makes p too large.
pub fn two_groups(values: &[f64]) -> Option<TwoGroups> {
    let n = values.len();
    if (n as f64) < CRITICAL[0].0 {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (statistic, split) = (1..n)
        .map(|k| (gap_statistic(&sorted, k), k))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .filter(|(statistic, _)| *statistic > 0.0)?;
    let p = p_of(n as f64, statistic)?;
    let group = |range: Range<usize>| (range.len(), mean(&sorted[range]));
    Some(TwoGroups { lower: group(0..split), upper: group(split..n), p })
}

/// The gap after the k lowest values, beside the spread within both parts; 0 without a gap.
fn gap_statistic(sorted: &[f64], k: usize) -> f64 {
    let (lower, upper) = sorted.split_at(k);
    let gap = upper[0] - lower[k - 1];
    let squares = |part: &[f64]| {
        let mean = mean(part);
        part.iter().map(|x| (x - mean).powi(2)).sum::<f64>()
    };
    let within = (squares(lower) + squares(upper)) / (sorted.len() as f64 - 2.0);
    if gap > 0.0 { gap / within.sqrt() } else { 0.0 }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// `None` if it exceeds 5 %.
fn p_of(n: f64, statistic: f64) -> Option<f64> {
    let above = CRITICAL.iter().position(|(size, _)| *size >= n).unwrap_or(CRITICAL.len() - 1);
    let below = if CRITICAL[above].0 > n { above - 1 } else { above };
    let ((n_below, at_below), (n_above, at_above)) = (CRITICAL[below], CRITICAL[above]);
    let share = match below == above {
        true => 0.0,
        false => (n / n_below).ln() / (n_above / n_below).ln(),
    };
    let critical =
        |level: usize| (1.0 - share) * at_below[level].ln() + share * at_above[level].ln();
    let x = statistic.ln();
    if x <= critical(0) {
        return None;
    }
    // The last pair also serves beyond it.
    let pair = (0..LEVELS.len() - 2).find(|level| x <= critical(level + 1));
    let from = pair.unwrap_or(LEVELS.len() - 2);
    let slope = (LEVELS[from + 1] / LEVELS[from]).ln() / (critical(from + 1) - critical(from));
    Some((LEVELS[from].ln() + slope * (x - critical(from))).exp())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// The share of samples of normal values, a share of them `far` away, with a p of at most
    /// `level`.
    fn found(n: usize, far: (f64, f64), level: f64, samples: u32) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(n as u64);
        let mut value = || {
            let [u, v]: [f64; 2] = [rng.random(), rng.random()];
            let z = (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos();
            if rng.random::<f64>() < far.0 { z + far.1 } else { z }
        };
        let found = (0..samples).filter(|_| {
            let values: Vec<f64> = (0..n).map(|_| value()).collect();
            two_groups(&values).is_some_and(|groups| groups.p <= level)
        });
        found.count() as f64 / f64::from(samples)
    }

    #[test]
    fn level_holds_for_normal_values() {
        for n in [6, 10, 11, 17, 30, 70] {
            for level in [0.05, 0.01, 0.002] {
                let share = found(n, (0.0, 0.0), level, 20_000);
                let error = 4.0 * (level / 20_000.0_f64).sqrt();
                assert!((share - level).abs() < error + 0.1 * level, "{n} at {level}: {share}");
            }
        }
    }

    /// A fifth of boots 10 σ away, at the level of one line; 8 σ in a run of ten lines.
    #[test]
    fn modes_are_found_in_four_of_five_samples() {
        let one_line = found(10, (0.2, 10.0), 0.02, 4_000);
        assert!(one_line >= 0.8, "{one_line}");
        let ten_lines = found(20, (0.2, 8.0), 0.002, 4_000);
        assert!(ten_lines >= 0.8, "{ten_lines}");
    }

    #[test]
    fn groups_are_split_at_the_gap() {
        let values = [1.0, 5.1, 1.1, 0.9, 1.05, 5.0, 0.95, 1.02];
        let groups = two_groups(&values).unwrap();
        assert_eq!((groups.lower.0, groups.upper.0), (6, 2));
        assert!((groups.upper.1 - 5.05).abs() < 1e-12 && groups.p < 1e-4, "{groups:?}");
        // Without any spread within the groups.
        let exact = two_groups(&[1.0, 1.0, 1.0, 1.0, 2.0, 2.0]).unwrap();
        assert_eq!((exact.lower, exact.upper, exact.p), ((4, 1.0), (2, 2.0), 0.0));
    }

    #[test]
    fn equal_or_few_values_have_no_groups() {
        assert_eq!(two_groups(&[1.0; 12]), None);
        assert_eq!(two_groups(&[1.0, 1.0, 1.0, 1.0, 9.0]), None);
    }
}
