//! Reference values and properties of the estimates with a Student's t error.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use proptest::prelude::*;

fn logs(ratios: &[f64]) -> Vec<LogRatio> {
    ratios.iter().map(|ratio| LogRatio(ratio.ln())).collect()
}

fn costs(values: &[f64]) -> Vec<Cost> {
    values.iter().map(|value| Cost::new(*value).unwrap()).collect()
}

fn near(found: f64, expected: f64, relative: f64) {
    assert!((found / expected - 1.0).abs() < relative, "{found} for {expected}");
}

const EIGHT: [f64; 8] = [1.063, 1.078, 1.071, 1.098, 1.059, 1.082, 1.065, 1.240];

#[test]
fn minimum_detectable_matches_reference_value() {
    let pivot = Pivot::mean(&logs(&EIGHT)).unwrap();
    near(pivot.minimum_detectable(Confidence::P95).value(), 0.060_213_061_631_529_43, 1e-10);
}

/// The pairs of Fieller's reference, with a margin of 5 %.
#[test]
fn equivalence_test_matches_reference_value() {
    let x = [10.12, 10.31, 9.98, 10.55, 10.05, 10.22, 10.40, 10.09];
    let y = [10.76, 11.11, 10.69, 11.58, 10.64, 11.06, 11.08, 12.51];
    let pairs: Vec<LogRatio> =
        x.iter().zip(y).map(|(x, y): (&f64, f64)| LogRatio((y / x).ln())).collect();
    let pivot = Pivot::mean(&pairs).unwrap();
    let margin = LogRatio(1.05_f64.ln());
    near(pivot.p_below(margin), 0.967_280_561_4, 1e-9);
    near(pivot.p_equivalent(margin), 0.967_280_561_4, 1e-9);
    near(pivot.p_above(margin), 1.0 - 0.967_280_561_4, 1e-8);
}

#[test]
fn two_stage_without_added_replicates_equals_the_mean() {
    let eight = logs(&EIGHT);
    assert_eq!(Pivot::two_stage(&eight, 8).unwrap(), Pivot::mean(&eight).unwrap());
    assert_eq!(Pivot::two_stage(&eight, 20).unwrap(), Pivot::mean(&eight).unwrap());
    let two = Pivot::two_stage(&eight, 5).unwrap();
    let first = Pivot::mean(&eight[..5]).unwrap();
    near(two.standard_error, first.standard_error * (5.0_f64 / 8.0).sqrt(), 1e-14);
    assert_eq!(two.estimate, Pivot::mean(&eight).unwrap().estimate);
    assert!((two.degrees_of_freedom - 4.0).abs() < 1e-15);
    assert!(Pivot::two_stage(&eight, 1).is_err());
}

/// Five of the eight replicates are the first stage. Computed with SciPy 1.17.
#[test]
fn two_stage_interval_matches_scipy() {
    let interval = Pivot::two_stage(&logs(&EIGHT), 5).unwrap().interval(Confidence::P95);
    near(interval.estimate.exp().factor(), 1.093_150_087_219_078, 1e-12);
    near(interval.low.exp().factor(), 1.077_953_673_295_235, 1e-12);
    near(interval.high.exp().factor(), 1.108_560_732_052_714, 1e-12);
}

/// SciPy 1.17, `ttest_ind(…, equal_var=False)` on the logarithms.
#[test]
fn welch_matches_scipy() {
    let treatment = costs(&[6.1, 6.3, 6.2, 6.8]);
    let control = costs(&[5.9, 6.0, 6.05, 5.95, 6.02]);
    let pivot = Pivot::unpaired(&treatment, &control).unwrap();
    near(pivot.degrees_of_freedom, WELCH.0, 1e-12);
    near(pivot.p_other_than(LogRatio(0.0)), WELCH.1, 1e-9);
    let interval = pivot.interval(Confidence::P95);
    near(interval.low.value(), WELCH.2, 1e-10);
    near(interval.high.value(), WELCH.3, 1e-10);
    let as_ratios =
        |costs: &[Cost]| costs.iter().map(|cost| LogRatio(cost.ln())).collect::<Vec<_>>();
    let [now, before] = [&treatment, &control].map(|side| Pivot::mean(&as_ratios(side)).unwrap());
    let change = Pivot::change(&now, &before);
    near(change.estimate.value(), pivot.estimate.value(), 1e-12);
    near(change.standard_error, pivot.standard_error, 1e-12);
    near(change.degrees_of_freedom, pivot.degrees_of_freedom, 1e-12);
}

/// It would be the plain mean under another name.
#[test]
fn nothing_is_called_trimmed_if_nothing_would_be() {
    let (treatment, control) = (costs(&[6.1, 6.3, 6.2, 6.8]), costs(&[5.9, 6.0, 6.05, 5.95, 6.1]));
    let error = Err(StatisticsError::TooFew { found: 4, needed: 5 });
    assert_eq!(Pivot::unpaired_trimmed(&treatment, &control), error);
    assert_eq!(Pivot::unpaired_trimmed(&control, &treatment), error);
    let logs: Vec<LogRatio> = [0.01, 0.02, 0.03, 0.04].map(LogRatio).to_vec();
    assert_eq!(Pivot::trimmed_mean(&logs), error);
}

/// SciPy 1.17, `ttest_ind(…, equal_var=False, trim=0.2)` on the logarithms.
#[test]
fn unpaired_trimmed_matches_scipy() {
    let treatment = costs(&[6.1, 6.3, 6.2, 6.8, 6.25, 9.0]);
    let control = costs(&[5.9, 6.0, 6.05, 5.95, 6.02]);
    let pivot = Pivot::unpaired_trimmed(&treatment, &control).unwrap();
    near(pivot.degrees_of_freedom, TRIMMED.0, 1e-12);
    near(pivot.p_other_than(LogRatio(0.0)), TRIMMED.1, 1e-9);
}

/// The jackknife of a mean is the mean's own standard error.
#[test]
fn jackknife_of_a_mean_has_its_standard_error() {
    let eight = logs(&EIGHT);
    let mean = Pivot::mean(&eight).unwrap();
    let without: Vec<LogRatio> = (0..8)
        .map(|left_out| {
            let others = eight.iter().enumerate().filter(|(i, _)| *i != left_out);
            LogRatio(others.map(|(_, r)| r.0).sum::<f64>() / 7.0)
        })
        .collect();
    let jackknife = Pivot::jackknife(mean.estimate, &without).unwrap();
    near(jackknife.standard_error, mean.standard_error, 1e-12);
    assert!((jackknife.degrees_of_freedom - 7.0).abs() < 1e-15);
}

#[test]
fn data_without_spread_have_certain_p_values() {
    let same = [LogRatio(0.5); 3];
    let pivot = Pivot::mean(&same).unwrap();
    assert_eq!(pivot.p_above(LogRatio(0.1)).to_bits(), 0.0_f64.to_bits());
    assert_eq!(pivot.p_below(LogRatio(0.1)).to_bits(), 1.0_f64.to_bits());
    assert!((pivot.p_above(LogRatio(0.5)) - 0.5).abs() < 1e-15);
    let costs = costs(&[2.0, 2.0]);
    assert!((Pivot::unpaired(&costs, &costs).unwrap().degrees_of_freedom - 2.0).abs() < 1e-15);
}

proptest! {
    /// An interval excludes a value exactly where the two-sided test rejects it.
    #[test]
    fn interval_excludes_what_the_two_sided_test_rejects(
        ratios in proptest::collection::vec(0.5_f64..2.0, 2..30),
        value in -0.3_f64..0.3,
    ) {
        let pivot = Pivot::mean(&logs(&ratios)).unwrap();
        let value = LogRatio(value);
        let p = pivot.p_other_than(value);
        prop_assume!((p - 0.05).abs() > 1e-9);
        prop_assert_eq!(pivot.interval(Confidence::P95).contains(value), p > 0.05);
        prop_assert!((pivot.p_above(value) + pivot.p_below(value) - 1.0).abs() < 1e-12);
    }
}
/// Degrees of freedom, p, and the bounds of the 95 % interval.
const WELCH: (f64, f64, f64, f64) =
    (3.2062158546692894, 0.09079854861033701, -0.016505241278524166, 0.133560967259155);
/// Degrees of freedom and p.
const TRIMMED: (f64, f64) = (3.16683657720342, 0.11495017025595164);
