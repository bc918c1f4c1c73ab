//! Shares of successes, with Clopper and Pearson's exact interval.

use sevbench_statistics::Confidence;
use statrs::distribution::{Beta, ContinuousCDF};

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

/// The quantile of the beta distribution at `p`.
fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    let Ok(distribution) = Beta::new(a, b) else { return f64::NAN };
    // Bisection, because statrs' own search stops at 1e-5 and is more exact for some shapes only.
    let (mut low, mut high) = (0.0, 1.0);
    while high - low > f64::EPSILON * high {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if distribution.cdf(middle) < p { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
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

    /// SciPy 1.17, `beta.ppf`.
    #[test]
    fn beta_quantiles_match_scipy() {
        for (p, a, b, expected) in BETA {
            let found = beta_quantile(p, a, b);
            assert!((found / expected - 1.0).abs() < 1e-10, "{p} {a} {b}: {found}");
        }
    }

    const BETA: [(f64, f64, f64, f64); 4] = [
        (0.025, 189.0, 12.0, 0.9037223555660872),
        (0.975, 190.0, 11.0, 0.9722277454479935),
        (0.025, 1.0, 200.0, 0.00012658102786701825),
        (0.5, 3.0, 2.0, 0.6142724318676105),
    ];
}
