//! Shares of successes, with Clopper and Pearson's exact interval.

use super::distribution::beta_quantile;
use crate::quantity::Confidence;

/// The exact interval of a share, from `successes` in `trials`: the α/2 quantile of Beta(k, n−k+1)
/// and the 1−α/2 quantile of Beta(k+1, n−k). The outer bounds are 0 for no success and 1 for no
/// failure. It covers at least at its level, whatever the share. No trials give [0, 1].
///
/// Clopper, C. J. & Pearson, E. S. (1934): The use of confidence or fiducial limits illustrated in
/// the case of the binomial. Biometrika 26, 404–413.
pub fn clopper_pearson(successes: u32, trials: u32, confidence: Confidence) -> (f64, f64) {
    let (k, n) = (f64::from(successes.min(trials)), f64::from(trials));
    let tail = (1.0 - confidence.level()) / 2.0;
    let low = if k > 0.0 { beta_quantile(tail, k, n - k + 1.0) } else { 0.0 };
    let high = if k < n { beta_quantile(1.0 - tail, k + 1.0, n - k) } else { 1.0 };
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SciPy 1.17, `binomtest(k, n).proportion_ci()`.
    #[test]
    fn clopper_pearson_matches_scipy() {
        for (successes, trials, expected) in CLOPPER {
            let found = clopper_pearson(successes, trials, Confidence::P95);
            for (found, expected) in [(found.0, expected.0), (found.1, expected.1)] {
                assert!((found - expected).abs() < 1e-10, "{successes} {trials}: {found}");
            }
        }
    }

    const CLOPPER: [(u32, u32, (f64, f64)); 5] = [
        (0, 200, (0.0, 0.018275340355148807)),
        (190, 200, (0.9099724622984412, 0.9757658345278917)),
        (186, 200, (0.8853402664628779, 0.9612044295704371)),
        (200, 200, (0.9817246596448512, 1.0)),
        (1, 3, (0.008403758659612647, 0.9057006759492866)),
    ];
}
