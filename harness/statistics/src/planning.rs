//! How many boots a run needs: planned before it, estimated after it.

use super::distribution::{
    SIMPSON_INTERVALS, SIMPSON_INTERVALS_ROUGH, mean_over_deviations, noncentral_t_upper_tail,
    normal_lower_tail, t_quantile,
};
use crate::pivot::Pivot;
use crate::quantity::{Confidence, LogRatio};

/// The search for a number of boots ends here.
pub const REPLICATES_MAX: u32 = 10_000;

/// The number of pairs for a t interval of ± `half_width` on the log scale: the smallest n with
/// t(1−α/2; n−1)·s/√n ≤ half width, where s is `deviation`, the standard deviation of the pairs.
/// None above [`REPLICATES_MAX`].
pub fn pairs_needed(deviation: f64, half_width: LogRatio, confidence: Confidence) -> Option<u32> {
    let p = 0.5 + confidence.level() / 2.0;
    smallest(2, |n| {
        let n = f64::from(n);
        t_quantile(p, n - 1.0) * deviation / n.sqrt() <= half_width.0
    })
}

/// The number of boots after Stein's second stage: the smallest n of at least `first_stage` with
/// t(1−α/2; n₀−1)·s₀/√n ≤ half width. s₀ is the standard deviation of the n₀ boots of the first
/// stage. At most [`REPLICATES_MAX`], unless the first stage has more.
pub fn two_stage_boots(
    first_stage: u32,
    deviation: f64,
    half_width: LogRatio,
    confidence: Confidence,
) -> u32 {
    let t = t_quantile(0.5 + confidence.level() / 2.0, f64::from(first_stage) - 1.0);
    let is_enough = |n: &u32| t * deviation / f64::from(*n).sqrt() <= half_width.0;
    // The square is rounded, so a neighbour may be the answer. The cast saturates.
    let near = ((t * deviation / half_width.0).powi(2).ceil() as u32).saturating_sub(1);
    let most = REPLICATES_MAX.max(first_stage);
    let near = near.clamp(first_stage, most);
    (near..=most.min(near + 2)).find(is_enough).unwrap_or(most)
}

/// The power of the one-sided t test at level `alpha` that the truth is at most a bound. The truth
/// exceeds the bound by `excess`; the estimate has this standard error and this many degrees of
/// freedom. P(T′ > t(1−α; df)), with T′ noncentral and λ = excess/SE.
pub fn power(excess: LogRatio, standard_error: f64, degrees_of_freedom: f64, alpha: f64) -> f64 {
    let critical = t_quantile(1.0 - alpha, degrees_of_freedom);
    noncentral_t_upper_tail(critical, degrees_of_freedom, excess.0 / standard_error)
}

/// The power of the two one-sided t tests at level `alpha` that a truth is within ±`bound`. The
/// truth is `truth`; the estimate has this standard error and this many degrees of freedom.
/// E[Φ((bound − truth)/SE − t·s) − Φ((−bound − truth)/SE + t·s)]₊ with t = t(1−α; df) and
/// s = √(χ²(df)/df).
///
/// Owen, D. B. (1965): A special case of a bivariate non-central t-distribution. Biometrika 52,
/// 437–446.
pub fn equivalence_power(
    truth: LogRatio,
    bound: LogRatio,
    standard_error: f64,
    degrees_of_freedom: f64,
    alpha: f64,
) -> f64 {
    let critical = t_quantile(1.0 - alpha, degrees_of_freedom);
    let [above, below] = [bound.0 - truth.0, -bound.0 - truth.0].map(|edge| edge / standard_error);
    mean_over_deviations(degrees_of_freedom, SIMPSON_INTERVALS, |s| {
        let inside =
            normal_lower_tail(above - critical * s) - normal_lower_tail(below + critical * s);
        inside.max(0.0)
    })
    .clamp(0.0, 1.0)
}

/// The chance that another run of `boots` boots reaches a verdict: that its 90 % interval lies
/// within ±`margin`, or beyond it, by more than `blur`. `pivot` is the estimate of a run of
/// `of_boots` boots.
///
/// The chance is predictive. It averages over all truths and spreads that the earlier run leaves
/// possible: σ = s/q₀ and truth = estimate + σ·z/√G, with q₀² ~ χ²(df)/df. The estimate of the
/// other run is then normal around the earlier one with variance σ²(1/G + 1/n), and its deviation
/// is σ·q with q² ~ χ²(n − 1)/(n − 1).
///
/// Geisser, S. (1993): Predictive Inference, section 2.2.
pub fn chance_to_decide(
    pivot: &Pivot,
    of_boots: u32,
    margin: LogRatio,
    blur: LogRatio,
    boots: u32,
) -> f64 {
    let (before, n) = (f64::from(of_boots), f64::from(boots));
    let deviation = pivot.standard_error * before.sqrt();
    let critical = t_quantile(0.5 + Confidence::P90.level() / 2.0, n - 1.0);
    let estimate = pivot.estimate.0;
    mean_over_deviations(pivot.degrees_of_freedom, SIMPSON_INTERVALS_ROUGH, |of_before| {
        let sigma = deviation / of_before;
        if !sigma.is_finite() {
            return 0.0;
        }
        let error = sigma * (1.0 / before + 1.0 / n).sqrt();
        let below = |bound: f64| normal_lower_tail((bound - estimate) / error);
        mean_over_deviations(n - 1.0, SIMPSON_INTERVALS_ROUGH, |q| {
            let half_width = critical * sigma * q / n.sqrt() + blur.0;
            let beyond = margin.0 + half_width;
            let within = margin.0 - half_width;
            let inside = if within > 0.0 { below(within) - below(-within) } else { 0.0 };
            below(-beyond) + inside + 1.0 - below(beyond)
        })
    })
    .clamp(0.0, 1.0)
}

/// The smallest number of boots, above `boots`, that would reach a verdict if estimate and spread
/// stayed the same: the 90 % interval would then leave the nearer edge of the margin by more than
/// `blur`. Degrees of freedom grow with the boots, except after two stages. None above
/// [`REPLICATES_MAX`]: the estimate lies on the edge, or the boots vary too much.
pub fn boots_to_settle(pivot: &Pivot, boots: u32, margin: LogRatio, blur: LogRatio) -> Option<u32> {
    let distance = (pivot.estimate.0.abs() - margin.0).abs() - blur.0;
    let deviation = pivot.standard_error * f64::from(boots).sqrt();
    let stays = pivot.degrees_of_freedom < f64::from(boots) - 1.0;
    smallest(boots + 1, |n| {
        let n = f64::from(n);
        let degrees_of_freedom = if stays { pivot.degrees_of_freedom } else { n - 1.0 };
        t_quantile(0.5 + Confidence::P90.level() / 2.0, degrees_of_freedom) * deviation / n.sqrt()
            < distance
    })
}

/// The smallest n from `from` to [`REPLICATES_MAX`] for which `holds` is true. `holds` must stay
/// true once it is true.
fn smallest(from: u32, holds: impl Fn(u32) -> bool) -> Option<u32> {
    if !holds(REPLICATES_MAX) {
        return None;
    }
    let (mut low, mut high) = (from, REPLICATES_MAX);
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use crate::pivot::Pivot;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn pairs_needed_matches_reference_values() {
        for (deviation, expected) in [(0.01, 7), (0.02, 18), (0.05, 99)] {
            let found = pairs_needed(deviation, LogRatio::new(0.01), Confidence::P95);
            assert_eq!(found, Some(expected), "{deviation}");
        }
        assert_eq!(pairs_needed(10.0, LogRatio::new(0.01), Confidence::P95), None);
        assert_eq!(pairs_needed(0.0, LogRatio::new(0.01), Confidence::P95), Some(2));
    }

    /// t(0.975; 9) = 2.262157: (2.262157 · 0.02 / 0.01)² = 20.47.
    #[test]
    fn two_stage_boots_matches_hand_computed_values() {
        let boots =
            |deviation| two_stage_boots(10, deviation, LogRatio::new(0.01), Confidence::P95);
        assert_eq!((boots(0.02), boots(0.001), boots(0.0)), (21, 10, 10));
        assert_eq!(boots(f64::INFINITY), REPLICATES_MAX);
    }

    /// From the formula with SciPy 1.17's t quantiles, for the spread of eight ratios and of the
    /// first five.
    #[test]
    fn two_stage_boots_matches_scipy() {
        let ratios = [1.063, 1.078, 1.071, 1.098, 1.059, 1.082, 1.065, 1.240];
        let logs = ratios.map(|ratio: f64| LogRatio::new(ratio.ln()));
        for (count, percent, expected) in [
            (5, 0.5, 64),
            (5, 1.0, 16),
            (5, 2.0, 5),
            (5, 5.0, 5),
            (8, 0.5, 614),
            (8, 1.0, 155),
            (8, 2.0, 39),
            (8, 5.0, 8),
        ] {
            let pivot = Pivot::mean(&logs[..count]).unwrap();
            let deviation = pivot.standard_error * (count as f64).sqrt();
            let half_width = LogRatio::new((percent / 100.0_f64).ln_1p());
            let found = two_stage_boots(count as u32, deviation, half_width, Confidence::P95);
            assert_eq!(found, expected, "{count} boots, {percent} %");
        }
    }

    /// n = 10, σ = 2 %, margin 3 %: a true 3 % is called regressed in 5.0 % of runs, 4.5 % in 68 %,
    /// 6 % in 99 %.
    #[test]
    fn power_matches_reference_values() {
        let power = |slowdown: f64| {
            power(LogRatio::new((slowdown / 1.03).ln()), 0.02 / 10.0_f64.sqrt(), 9.0, 0.05)
        };
        assert!((power(1.03) - 0.05).abs() < 1e-6, "{}", power(1.03));
        assert!((power(1.045) - 0.68).abs() < 0.01, "{}", power(1.045));
        assert!((power(1.06) - 0.99).abs() < 0.01, "{}", power(1.06));
    }

    #[test]
    fn equivalence_power_is_the_share_of_simulated_runs_that_pass() {
        const RUNS: u32 = 20_000;
        let bound = LogRatio::new(1.03_f64.ln());
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for (truth, deviation) in [(0.0, 0.02), (0.0, 0.05), (0.015, 0.02), (-0.02, 0.01)] {
            let mut boot = || {
                // By Box and Muller.
                let [u, v]: [f64; 2] = [rng.random(), rng.random()];
                let z = (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos();
                LogRatio::new(truth + deviation * z)
            };
            let passes = (0..RUNS).filter(|_| {
                let boots: Vec<LogRatio> = (0..10).map(|_| boot()).collect();
                Pivot::mean(&boots).unwrap().p_equivalent(bound) <= 0.05
            });
            let share = passes.count() as f64 / f64::from(RUNS);
            let error = deviation / 10_f64.sqrt();
            let found = equivalence_power(LogRatio::new(truth), bound, error, 9.0, 0.05);
            let tolerance = 4.0 * (share * (1.0 - share) / f64::from(RUNS)).sqrt() + 1e-4;
            assert!((found - share).abs() < tolerance, "{truth} {deviation}: {found} for {share}");
        }
    }

    /// Over truths and spreads of all sizes: among runs that are inconclusive, another run decides
    /// as often as was predicted.
    #[test]
    fn other_run_decides_as_often_as_predicted() {
        const RUNS: u32 = 6_000;
        let margin = LogRatio::new(1.03_f64.ln());
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let mut run = |truth: f64, spread: f64, boots: usize| {
            let mut boot = || {
                let [u, v]: [f64; 2] = [rng.random(), rng.random()];
                let z = (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos();
                LogRatio::new(truth + spread * z)
            };
            let boots: Vec<LogRatio> = (0..boots).map(|_| boot()).collect();
            Pivot::mean(&boots).unwrap()
        };
        let decides = |pivot: &Pivot| {
            let interval = pivot.interval(Confidence::P90);
            let (low, high) = (interval.low.0, interval.high.0);
            low > margin.0 || high < -margin.0 || (low > -margin.0 && high < margin.0)
        };
        let (mut open, mut predicted, mut decided) = (0_u32, 0.0, 0_u32);
        for index in 0..RUNS {
            // 61 and 6,000 have no common factor, so both go through all their values.
            let [share, other] = [index, index * 61 % RUNS].map(|i| f64::from(i) / f64::from(RUNS));
            let (truth, spread) = (0.3 * (2.0 * share - 1.0), 0.002 * 100_f64.powf(other));
            let first = run(truth, spread, 10);
            if !decides(&first) {
                open += 1;
                predicted += chance_to_decide(&first, 10, margin, LogRatio::ZERO, 20);
                decided += u32::from(decides(&run(truth, spread, 20)));
            }
        }
        let [predicted, decided] =
            [predicted, f64::from(decided)].map(|count| count / f64::from(open));
        assert!(open > 500 && (0.1..0.9).contains(&decided), "{open} {decided}");
        assert!((predicted - decided).abs() < 0.04, "{predicted} predicted, {decided} decided");
    }

    #[test]
    fn chance_to_decide_grows_with_boots_and_is_certain_without_spread() {
        let margin = LogRatio::new(1.03_f64.ln());
        let pivot = |standard_error| Pivot {
            estimate: LogRatio::new(0.02),
            standard_error,
            degrees_of_freedom: 9.0,
        };
        let chance = |boots| chance_to_decide(&pivot(0.01), 10, margin, LogRatio::ZERO, boots);
        assert!(
            chance(20) < chance(40) && chance(40) < chance(400),
            "{} {}",
            chance(20),
            chance(40)
        );
        let certain = chance_to_decide(&pivot(1e-9), 10, margin, LogRatio::ZERO, 20);
        assert!((certain - 1.0).abs() < 1e-3, "{certain}");
    }

    #[test]
    fn boots_to_settle_is_the_smallest_number_that_settles() {
        let margin = LogRatio::new(1.03_f64.ln());
        let estimate = LogRatio::new(0.01);
        let pivot = |estimate, boots: f64, degrees_of_freedom| Pivot {
            estimate,
            standard_error: 0.05 / boots.sqrt(),
            degrees_of_freedom,
        };
        let distance = margin.value() - 0.01;
        let settles = |boots: u32, degrees_of_freedom: &dyn Fn(f64) -> f64| {
            let half_width = |n: f64| t_quantile(0.95, degrees_of_freedom(n)) * 0.05 / n.sqrt();
            let n = f64::from(boots);
            half_width(n) < distance && half_width(n - 1.0) >= distance
        };
        let boots =
            boots_to_settle(&pivot(estimate, 10.0, 9.0), 10, margin, LogRatio::ZERO).unwrap();
        assert!(settles(boots, &|n| n - 1.0), "{boots}");
        // After two stages the degrees of freedom are those of the first, however many boots
        // follow.
        let two_stages =
            boots_to_settle(&pivot(estimate, 12.0, 9.0), 12, margin, LogRatio::ZERO).unwrap();
        assert!(settles(two_stages, &|_| 9.0) && two_stages > boots, "{two_stages}");
        assert_eq!(
            boots_to_settle(&pivot(margin, 10.0, 9.0), 10, margin, LogRatio::ZERO),
            None,
            "on the edge"
        );
    }
}
