//! Where the variance comes from (boots, rounds or samples, after Kalibera and Jones), and how many
//! rounds to run per boot.

/// The variances of a nested experiment, from the lowest level up: samples in rounds, rounds in
/// boots, boots.
///
/// For each unit above level i, take the variance of the means of its level-i parts. S²ᵢ is the
/// mean of these variances. T²₁ = S²₁ and T²ᵢ = S²ᵢ − S²ᵢ₋₁/rᵢ₋₁ are unbiased estimates of what
/// each level adds. An estimate may be negative: then the level cannot be distinguished from noise.
/// The paper prints T²ᵢ₋₁ instead of S²ᵢ₋₁, a known erratum.
///
/// Kalibera, T. & Jones, R. (2013): Rigorous benchmarking in reasonable time. ISMM, 63–74.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VarianceComponents {
    /// The mean of the boot means.
    pub mean: f64,
    /// S² of samples, rounds and boots; `None` if no unit of the level is repeated.
    pub s_squared: [Option<f64>; 3],
    /// T² of samples, rounds and boots.
    pub t_squared: [Option<f64>; 3],
    /// The number of samples in a round, of rounds in a boot, and of boots; means if the numbers
    /// differ.
    pub repetitions: [f64; 3],
}

impl VarianceComponents {
    /// Takes values by boot, round and sample. Skips empty boots and rounds.
    pub fn of(boots: &[Vec<Vec<f64>>]) -> Self {
        let rounds = boots.iter().flatten().filter(|round| !round.is_empty());
        let of_samples = mean_of(rounds.clone().filter_map(|round| variance(round)));
        let samples = mean_of(rounds.map(|round| round.len() as f64)).unwrap_or(0.0);
        let round_means: Vec<Vec<f64>> = boots
            .iter()
            .map(|rounds| {
                rounds.iter().filter_map(|round| mean_of(round.iter().copied())).collect()
            })
            .collect();
        Self::of_rounds(&round_means, of_samples, samples)
    }

    /// Takes the means of rounds by boot, the mean variance of the samples in a round, and the
    /// number of samples in a round. Skips empty boots.
    pub fn of_rounds(boots: &[Vec<f64>], of_samples: Option<f64>, samples: f64) -> Self {
        let boots = boots.iter().filter(|rounds| !rounds.is_empty());
        let of_rounds = mean_of(boots.clone().filter_map(|rounds| variance(rounds)));
        let rounds = mean_of(boots.clone().map(|rounds| rounds.len() as f64)).unwrap_or(0.0);
        let boot_means: Vec<f64> =
            boots.filter_map(|rounds| mean_of(rounds.iter().copied())).collect();
        let of_boots = variance(&boot_means);
        let added = |upper: Option<f64>, lower: Option<f64>, repetitions: f64| {
            Some(upper? - lower.map_or(0.0, |lower| lower / repetitions))
        };
        Self {
            mean: mean_of(boot_means.iter().copied()).unwrap_or(f64::NAN),
            s_squared: [of_samples, of_rounds, of_boots],
            t_squared: [
                of_samples,
                added(of_rounds, of_samples, samples),
                added(of_boots, of_rounds, rounds),
            ],
            repetitions: [samples, rounds, boot_means.len() as f64],
        }
    }

    /// Each level's share of the sum of the detectable components: samples, rounds, boots. None if
    /// the level's T² is not above zero.
    pub fn shares(&self) -> [Option<f64>; 3] {
        let total: f64 = self.t_squared.iter().flatten().filter(|t| **t > 0.0).sum();
        self.t_squared.map(|t| t.filter(|t| *t > 0.0).map(|t| t / total))
    }
}

/// The best number of repetitions of the lower level for each one of the upper level:
/// √((c_upper/c_lower)·(V_lower/T²_upper)), where c is the cost of one repetition. V_lower is
/// either T² or S² of the lower level. None if either variance is not above zero; the optimum is
/// then not finite or not positive.
pub fn best_repetitions(
    [lower_variance, upper_variance]: [f64; 2],
    [lower_cost, upper_cost]: [f64; 2],
) -> Option<f64> {
    let best = (upper_cost / lower_cost * lower_variance / upper_variance).sqrt();
    (lower_variance > 0.0 && upper_variance > 0.0 && best.is_finite()).then_some(best)
}

fn mean_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0_u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / f64::from(count))
}

/// With the divisor n − 1; `None` for fewer than two values.
fn variance(values: &[f64]) -> Option<f64> {
    let mean = mean_of(values.iter().copied())?;
    let ssd: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (values.len() > 1).then(|| ssd / (values.len() - 1) as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::super::distribution::t_quantile;
    use super::*;

    fn near(found: f64, expected: f64, relative: f64) {
        assert!((found / expected - 1.0).abs() < relative, "{found} for {expected}");
    }

    fn of<const S: usize>(boots: &[[[f64; S]; 2]]) -> VarianceComponents {
        let boots: Vec<Vec<Vec<f64>>> =
            boots.iter().map(|boot| boot.iter().map(|round| round.to_vec()).collect()).collect();
        VarianceComponents::of(&boots)
    }

    /// The worked example of Kalibera and Jones.
    #[test]
    fn variance_components_match_kalibera_and_jones() {
        let found =
            of(&[[[9.0, 5.0], [8.0, 3.0]], [[10.0, 6.0], [7.0, 11.0]], [[1.0, 12.0], [2.0, 4.0]]]);
        near(found.mean, 6.5, 1e-15);
        for (found, expected) in found.s_squared.into_iter().zip([16.5, 31.0 / 12.0, 3.5625]) {
            near(found.unwrap(), expected, 1e-14);
        }
        for (found, expected) in found.t_squared.into_iter().zip([16.5, -17.0 / 3.0, 109.0 / 48.0])
        {
            near(found.unwrap(), expected, 1e-14);
        }
        let half_width = t_quantile(0.975, 2.0) * (found.s_squared[2].unwrap() / 3.0).sqrt();
        near(half_width, 4.688_707, 1e-7);
        let shares = found.shares();
        assert_eq!(shares[1], None, "it is not detectable");
        near(shares[0].unwrap() + shares[2].unwrap(), 1.0, 1e-15);
    }

    /// The costs of a boot, a round and a sample are 100, 20 and 3.
    #[test]
    fn best_repetitions_match_reference_values() {
        let found = of(&[[[3.0, 4.0, 3.0], [1.2, 3.1, 3.0]], [[0.2, 1.0, 1.5], [1.0, 2.0, 3.0]]]);
        let t = found.t_squared.map(Option::unwrap);
        near(best_repetitions([t[0], t[1]], [3.0, 20.0]).unwrap(), 4.2937, 1e-5);
        near(best_repetitions([t[1], t[2]], [20.0, 100.0]).unwrap(), 1.3023, 1e-4);
        assert_eq!(best_repetitions([1.0, -1.0], [3.0, 20.0]), None);
    }

    #[test]
    fn level_without_repetition_has_no_variance() {
        let found = VarianceComponents::of(&[
            vec![vec![1.0], vec![2.0]],
            vec![vec![3.0], vec![5.0], vec![]],
        ]);
        assert_eq!(found.s_squared[0], None);
        near(found.s_squared[1].unwrap(), 1.25, 1e-15);
        near(found.t_squared[2].unwrap(), 3.125 - 1.25 / 2.0, 1e-15);
        assert_eq!(VarianceComponents::of(&[]).s_squared, [None; 3]);
    }
}
