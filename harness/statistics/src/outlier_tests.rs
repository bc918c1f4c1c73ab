//! Reference values and properties of the labels.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::quantity::Cost;
use proptest::prelude::*;

fn labels(values: &[f64]) -> Vec<Option<OutlierLabel>> {
    tukey_labels(&values.iter().copied().map(LogRatio::new).collect::<Vec<_>>())
}

/// R 4: `quantile(c(15, 20, 35, 40, 50), .4)` is 29, and `quantile(1:10, c(.25, .75))` is 3.25,
/// 7.75.
#[test]
fn quantile_is_of_type_7() {
    assert_eq!(quantile(&[15.0, 20.0, 35.0, 40.0, 50.0], 0.4), 29.0);
    let ten: Vec<f64> = (1..=10).map(f64::from).collect();
    assert_eq!([0.0, 0.25, 0.75, 1.0].map(|share| quantile(&ten, share)), [1.0, 3.25, 7.75, 10.0]);
}

#[test]
fn values_beyond_a_fence_are_labelled_and_values_on_it_are_not() {
    use OutlierLabel::{HighMild, HighSevere, LowMild, LowSevere};
    // Q1 = 0 and Q3 = 4 of all fifteen values: inner fences −6 and 10, outer ones −12 and 16.
    let values =
        [-12.5, -12.0, -6.0, 0.0, 0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 4.0, 10.0, 16.0, 16.5];
    let mut expected = vec![None; 15];
    (expected[0], expected[1]) = (Some(LowSevere), Some(LowMild));
    (expected[13], expected[14]) = (Some(HighMild), Some(HighSevere));
    assert_eq!(labels(&values), expected);
}

#[test]
fn fast_first_value_is_low_severe() {
    let milliseconds = [
        4_857.242_345_809_936_5,
        5_944.265_127_182_007,
        5_893.685_340_881_348,
        5_869.150_400_161_743,
        5_938.227_176_666_26,
    ];
    let logs = milliseconds.map(|ms| Cost::new(ms).unwrap().ln());
    assert_eq!(labels(&logs), [Some(OutlierLabel::LowSevere), None, None, None, None]);
    let words = [
        OutlierLabel::LowSevere,
        OutlierLabel::LowMild,
        OutlierLabel::HighMild,
        OutlierLabel::HighSevere,
    ]
    .map(|label| label.to_string());
    assert_eq!(words, ["low severe", "low mild", "high mild", "high severe"]);
}

#[test]
fn any_other_value_is_severe_if_half_are_equal() {
    let found = labels(&[0.1, 0.1, 0.1, 0.1, 0.1, 0.100_001]);
    assert_eq!(found[..5], [None; 5]);
    assert_eq!(found[5], Some(OutlierLabel::HighSevere));
    assert_eq!(labels(&[0.1; 7]), [None; 7]);
    assert_eq!(labels(&[]), []);
}

proptest! {
    #[test]
    fn fewer_than_four_values_have_no_label(
        values in proptest::collection::vec(-1.0_f64..1.0, 0..4),
    ) {
        prop_assert!(labels(&values).iter().all(Option::is_none));
    }

    /// At most a quarter at each end can lie outside.
    #[test]
    fn middle_half_is_never_labelled(values in proptest::collection::vec(-1.0_f64..1.0, 4..60)) {
        let found = labels(&values);
        prop_assert_eq!(found.len(), values.len());
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let (first, third) = (quantile(&sorted, 0.25), quantile(&sorted, 0.75));
        for (value, label) in values.iter().zip(&found) {
            prop_assert!(label.is_none() || *value < first || *value > third);
        }
    }

    #[test]
    fn labels_mirror_when_arms_swap(values in proptest::collection::vec(-64_i32..64, 4..40)) {
        use OutlierLabel::{HighMild, HighSevere, LowMild, LowSevere};
        let there: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
        let back: Vec<f64> = there.iter().map(|value| -value).collect();
        let mirrored: Vec<_> = labels(&back)
            .into_iter()
            .map(|label| label.map(|label| match label {
                LowSevere => HighSevere,
                LowMild => HighMild,
                HighMild => LowMild,
                HighSevere => LowSevere,
            }))
            .collect();
        prop_assert_eq!(labels(&there), mirrored);
    }
}
