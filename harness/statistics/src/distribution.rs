//! Distribution functions: statrs' own, refined to full precision if its quantile stops early, and
//! the noncentral t that power needs.

use statrs::distribution::{
    Beta, Binomial, ChiSquared, Continuous, ContinuousCDF, Discrete, DiscreteCDF, Normal, StudentsT,
};

/// Newton steps that refine the library's quantile to full precision; two suffice.
const NEWTON_STEPS: usize = 4;
/// Intervals of Simpson's rule; must be even. Power is exact to about 1e-8; a chance, which takes
/// two nested integrals, to about 1e-4.
pub(super) const SIMPSON_INTERVALS: usize = 800;
pub(super) const SIMPSON_INTERVALS_ROUGH: usize = 60;
/// The integral over s begins this many standard deviations below 1.
const DEVIATIONS: f64 = 8.0;
/// The integral over s = √(χ²/ν) omits less than this at its upper end.
const TAIL: f64 = 1e-14;

/// The quantile of Student's t at `p`, for any positive number of degrees of freedom.
pub(super) fn t_quantile(p: f64, degrees_of_freedom: f64) -> f64 {
    let Ok(distribution) = StudentsT::new(0.0, 1.0, degrees_of_freedom) else { return f64::NAN };
    let mut t = distribution.inverse_cdf(p);
    for _ in 0..NEWTON_STEPS {
        let step = (distribution.cdf(t) - p) / distribution.pdf(t);
        if !step.is_finite() {
            break;
        }
        t -= step;
    }
    t
}

/// The upper tail of Student's t: P(T > t). Exactly 0 or 1 at infinity, so that data without spread
/// have p-values.
pub(super) fn t_upper_tail(t: f64, degrees_of_freedom: f64) -> f64 {
    let Ok(distribution) = StudentsT::new(0.0, 1.0, degrees_of_freedom) else { return f64::NAN };
    if t.is_infinite() {
        return if t > 0.0 { 0.0 } else { 1.0 };
    }
    distribution.sf(t)
}

/// Up to here, 2⁻ⁿ is a normal number.
const COINS_ADDED_UP_MAX: u64 = 1000;

/// P(B ≤ heads), where B counts the heads of `coins` fair coins.
pub(super) fn fair_coin_lower_tail(coins: u64, heads: u64) -> f64 {
    if coins > COINS_ADDED_UP_MAX {
        return Binomial::new(0.5, coins).map_or(f64::NAN, |count| count.cdf(heads));
    }
    // The terms are added up, since the library's result for few coins is not exact.
    let (mut term, mut sum) = (0.5_f64.powi(coins as i32), 0.0);
    for head in 0..=heads.min(coins) {
        sum += term;
        term *= (coins - head) as f64 / (head + 1) as f64;
    }
    sum
}

/// The smallest number of heads whose lower tail is at least `p`.
pub(super) fn fair_coin_quantile(coins: u64, p: f64) -> u64 {
    Binomial::new(0.5, coins).map_or(0, |heads_of_coins| heads_of_coins.inverse_cdf(p))
}

/// P(B = hits) in `trials` trials with this probability of a hit.
pub(super) fn binomial(trials: u64, hits: u64, probability: f64) -> f64 {
    Binomial::new(probability.clamp(0.0, 1.0), trials).map_or(f64::NAN, |count| count.pmf(hits))
}

/// The lower tail of the symmetric beta distribution whose two shapes are `shape`.
pub(super) fn beta_lower_tail(x: f64, shape: f64) -> f64 {
    Beta::new(shape, shape).map_or(f64::NAN, |distribution| distribution.cdf(x))
}

/// The upper tail of the noncentral t, P(T > t) = ∫ Φ(λ − t·s) dF(s), where s = √(χ²(ν)/ν).
pub(super) fn noncentral_t_upper_tail(t: f64, degrees_of_freedom: f64, noncentrality: f64) -> f64 {
    mean_over_deviations(degrees_of_freedom, SIMPSON_INTERVALS, |s| {
        normal_lower_tail(noncentrality - t * s)
    })
}

/// P(Z ≤ z) for a standard normal Z.
pub fn normal_lower_tail(z: f64) -> f64 {
    Normal::standard().cdf(z)
}

/// The mean of f(s), where s = √(χ²(ν)/ν) is distributed as the sample standard deviation of
/// standard normal values. By Simpson's rule with this many intervals.
pub(super) fn mean_over_deviations(
    degrees_of_freedom: f64,
    intervals: usize,
    function: impl Fn(f64) -> f64,
) -> f64 {
    let Ok(chi_squared) = ChiSquared::new(degrees_of_freedom) else { return f64::NAN };
    let upper = (chi_squared.inverse_cdf(1.0 - TAIL) / degrees_of_freedom).sqrt();
    // For many degrees of freedom, s is near 1; its standard deviation is about 1/√(2ν).
    let lower = (1.0 - DEVIATIONS / (2.0 * degrees_of_freedom).sqrt()).max(0.0);
    let step = (upper - lower) / intervals as f64;
    let integrand = |s: f64| {
        let density = 2.0 * degrees_of_freedom * s * chi_squared.pdf(degrees_of_freedom * s * s);
        density * function(s)
    };
    // At s = 0 the density is 0, except for one degree of freedom, where its limit is finite.
    let first = match (lower > 0.0, degrees_of_freedom > 1.0) {
        (true, _) => integrand(lower),
        (false, true) => 0.0,
        (false, false) => integrand(step * 1e-6),
    };
    let inner = (1..intervals).map(|i| {
        let weight = if i % 2 == 1 { 4.0 } else { 2.0 };
        weight * integrand(lower + i as f64 * step)
    });
    (first + inner.sum::<f64>() + integrand(upper)) * step / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SciPy 1.15.
    #[test]
    fn t_quantiles_match_scipy() {
        for (p, degrees_of_freedom, expected) in [
            (0.975, 1.0, 12.706_204_736_174_694),
            (0.975, 2.0, 4.302_652_729_749_462),
            (0.95, 4.0, 2.131_846_786_326_649_5),
            (0.975, 9.0, 2.262_157_162_798_205),
            (0.975, 199.0, 1.971_956_544_251_753_3),
        ] {
            let found = t_quantile(p, degrees_of_freedom);
            assert!(
                (found / expected - 1.0).abs() < 1e-11,
                "t({p}; {degrees_of_freedom}) = {found}"
            );
        }
    }

    #[test]
    fn t_tail_is_exact_at_infinity() {
        assert_eq!(t_upper_tail(f64::INFINITY, 3.0).to_bits(), 0.0_f64.to_bits());
        assert_eq!(t_upper_tail(f64::NEG_INFINITY, 3.0).to_bits(), 1.0_f64.to_bits());
        assert!((t_upper_tail(0.0, 3.0) - 0.5).abs() < 1e-15);
    }

    /// By hand; on both sides of the switch to the library, by rational arithmetic.
    #[test]
    fn fair_coin_tails_match_exact_values() {
        assert_eq!(fair_coin_lower_tail(8, 0).to_bits(), (1.0_f64 / 256.0).to_bits());
        assert_eq!(fair_coin_lower_tail(10, 1).to_bits(), (11.0_f64 / 1024.0).to_bits());
        assert_eq!(fair_coin_lower_tail(3, 7).to_bits(), 1.0_f64.to_bits());
        let below = fair_coin_lower_tail(1000, 470);
        assert!((below / 0.031_011_597_549_181_59 - 1.0).abs() < 1e-12, "{below}");
        let above = fair_coin_lower_tail(1001, 470);
        assert!((above / 0.028_925_261_185_843_345 - 1.0).abs() < 1e-9, "{above}");
    }

    #[test]
    fn mean_of_a_constant_is_the_constant() {
        for degrees_of_freedom in [1.0, 2.0, 4.0, 9.0, 39.0, 999.0, 39_999.0] {
            for intervals in [SIMPSON_INTERVALS_ROUGH, SIMPSON_INTERVALS] {
                let found = mean_over_deviations(degrees_of_freedom, intervals, |_| 1.0);
                assert!((found - 1.0).abs() < 2e-4, "{degrees_of_freedom} {intervals}: {found}");
            }
        }
    }

    /// SciPy 1.17, `nct.sf`.
    #[test]
    fn noncentral_t_tail_matches_scipy() {
        for (t, degrees_of_freedom, noncentrality, expected) in NONCENTRAL {
            let found = noncentral_t_upper_tail(t, degrees_of_freedom, noncentrality);
            assert!(
                (found - expected).abs() < 1e-7,
                "{t} {degrees_of_freedom} {noncentrality}: {found}"
            );
        }
    }

    const NONCENTRAL: [(f64, f64, f64, f64); 5] = [
        (1.8331129326536335, 9.0, 2.2869, 0.6792570137386296),
        (2.0, 4.0, 3.0, 0.8229827387776824),
        (2.5, 29.0, 0.0, 0.009162672169213043),
        (6.3, 1.0, 2.0, 0.247198289149547),
        (-1.0, 2.0, 0.5, 0.896721428020308),
    ];
}
