//! The exact sign-flip test, free of any distribution. It shows how small a p-value a number of
//! boots can reach at all.

use crate::quantity::{LogRatio, StatisticsError};

/// The most replicates whose sign flips are enumerated.
const REPLICATES_MAX: usize = 24;

/// p of the two-sided test that the replicates are symmetric about 0: the share of the 2ⁿ
/// assignments of signs whose sum is at least as far from 0 as the observed one.
///
/// Fisher, R. A. (1935): The Design of Experiments, section 21.
///
/// # Errors
/// If there are no replicates, or more than 24.
pub fn sign_flip_p(replicates: &[LogRatio]) -> Result<f64, StatisticsError> {
    let n = replicates.len();
    if n == 0 {
        return Err(StatisticsError::TooFew { found: 0, needed: 1 });
    }
    if n > REPLICATES_MAX {
        return Err(StatisticsError::TooMany { found: n, allowed: REPLICATES_MAX });
    }
    let seen: f64 = replicates.iter().map(|r| r.0).sum::<f64>().abs();
    let total: f64 = replicates.iter().map(|r| r.0.abs()).sum();
    // The order of summation changes the last bits of a sum.
    let bound = seen - total * 1e-12;
    // A Gray code flips one sign at a time.
    let mut sum: f64 = replicates.iter().map(|r| r.0).sum();
    let mut signs = vec![1.0; n];
    let mut extreme = u64::from(sum.abs() >= bound);
    for step in 1_u64..1 << n {
        let flipped = step.trailing_zeros() as usize;
        sum -= 2.0 * signs[flipped] * replicates[flipped].0;
        signs[flipped] = -signs[flipped];
        extreme += u64::from(sum.abs() >= bound);
    }
    Ok(extreme as f64 / (1_u64 << n) as f64)
}

/// The smallest p that a one-sided test of `replicates` pairs can reach without an assumption on
/// their distribution: 2⁻ⁿ, if all of them have the same sign. A gate whose level is below it could
/// fail only because of an assumption.
pub fn smallest_attainable_p(replicates: u32) -> f64 {
    0.5_f64.powi(i32::try_from(replicates).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn logs(ratios: &[f64]) -> Vec<LogRatio> {
        ratios.iter().map(|ratio| LogRatio::new(ratio.ln())).collect()
    }

    #[test]
    fn eight_replicates_of_one_sign_have_p_of_2_in_256() {
        let eight = [1.063, 1.078, 1.071, 1.098, 1.059, 1.082, 1.065, 1.240];
        assert!((sign_flip_p(&logs(&eight)).unwrap() - 0.007_812_5).abs() < 1e-15);
    }

    /// By hand: of the eight sums ±1 ±2 ±5, ±8, ±6 and ±4 are at least as far from 0 as 4, and ±2
    /// are not.
    #[test]
    fn sign_flip_p_counts_mixed_signs() {
        let p = sign_flip_p(&[1.0, -2.0, 5.0].map(LogRatio::new)).unwrap();
        assert!((p - 0.75).abs() < 1e-15, "{p}");
        assert!((sign_flip_p(&[LogRatio::new(0.0)]).unwrap() - 1.0).abs() < 1e-15);
    }

    #[test]
    fn five_pairs_cannot_reach_five_percent_two_sided() {
        assert!((2.0 * smallest_attainable_p(5) - 0.0625).abs() < 1e-15);
        let five = logs(&[1.063, 1.078, 1.071, 1.098, 1.059]);
        assert!((sign_flip_p(&five).unwrap() - 0.0625).abs() < 1e-15);
        assert_eq!(smallest_attainable_p(u32::MAX).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn sign_flip_p_rejects_no_and_too_many_replicates() {
        assert!(sign_flip_p(&[]).is_err());
        assert!(sign_flip_p(&[LogRatio::new(1.0); 25]).is_err());
    }
}
