//! Reference values and properties of the intervals.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::quantity::{Cost, Slowdown};
use proptest::prelude::*;

const FIVE: [f64; 5] = [1.063, 1.078, 1.071, 1.098, 1.059];
const EIGHT: [f64; 8] = [1.063, 1.078, 1.071, 1.098, 1.059, 1.082, 1.065, 1.240];

fn logs(ratios: &[f64]) -> Vec<LogRatio> {
    ratios.iter().map(|ratio| LogRatio::of_slowdown(Slowdown::new(*ratio).unwrap())).collect()
}

#[track_caller]
fn check(interval: Interval, expected: [f64; 3], relative: f64) {
    let found = [interval.estimate, interval.low, interval.high].map(|x| x.exp().factor());
    for (found, expected) in found.into_iter().zip(expected) {
        assert!((found / expected - 1.0).abs() < relative, "{found} for {expected}");
    }
}

#[test]
fn t_interval_matches_reference_values() {
    let five = t_interval(&logs(&FIVE), Confidence::P95).unwrap();
    check(five, [1.073_712_376_8, 1.054_866_944_2, 1.092_894_487_1], 1e-10);
    let eight = t_interval(&logs(&EIGHT), Confidence::P95).unwrap();
    check(eight, [1.093_150_087_2, 1.046_443_257_6, 1.141_941_624_2], 1e-10);
}

/// From the formula with SciPy 1.15's t quantiles.
#[test]
fn yuen_interval_matches_reference_values() {
    let five = yuen_interval(&logs(&FIVE), Confidence::P95).unwrap();
    check(five, [1.070_649_122_532_008, 1.044_605_777_643_332, 1.097_341_760_989_135], 1e-12);
    let eight = yuen_interval(&logs(&EIGHT), Confidence::P95).unwrap();
    check(eight, [1.076_102_030_358_697, 1.058_273_818_742_907, 1.094_230_584_970_59], 1e-12);
}

#[test]
fn one_replicate_gives_no_interval() {
    let error = |needed| Err(StatisticsError::TooFew { found: 1, needed });
    assert_eq!(t_interval(&logs(&[1.1]), Confidence::P95), error(2));
    assert_eq!(yuen_interval(&logs(&[1.1]), Confidence::P95), error(5));
}

#[test]
fn costs_and_slowdowns_must_be_finite_and_positive() {
    for cost in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Cost::new(cost).is_err() && Slowdown::new(cost).is_err());
    }
}

proptest! {
    #[test]
    fn intervals_contain_their_estimate_and_mirror_when_arms_swap(
        ratios in proptest::collection::vec(0.5_f64..2.0, 2..40),
    ) {
        let inverse: Vec<f64> = ratios.iter().map(|ratio| 1.0 / ratio).collect();
        for method in [t_interval, yuen_interval] {
            let Ok(there) = method(&logs(&ratios), Confidence::P95) else {
                prop_assert!(ratios.len() < 5);
                continue;
            };
            let back = method(&logs(&inverse), Confidence::P95).unwrap();
            prop_assert!(there.contains(there.estimate));
            prop_assert!((there.low.value() + back.high.value()).abs() < 1e-9);
        }
    }

    #[test]
    fn one_wild_boot_in_ten_widens_yuen_less_than_t(wild in 3.0_f64..50.0) {
        let mut ratios = vec![1.01, 0.99, 1.0, 1.02, 0.98, 1.005, 0.995, 1.0, 1.0];
        ratios.push(wild);
        let t = t_interval(&logs(&ratios), Confidence::P95).unwrap();
        let yuen = yuen_interval(&logs(&ratios), Confidence::P95).unwrap();
        prop_assert!(yuen.width() < t.width() && yuen.contains(LogRatio::new(0.0)));
    }
}
