//! Adjusts the p-values of many benches, so that a whole run keeps its error rate.

/// Holm's step-down adjustment. If the p-values below α are rejected, the probability of any wrong
/// rejection is at most α. The gate uses it. In ascending order, p̃₍ᵢ₎ = max over j ≤ i of min(1,
/// (m − j + 1)·p₍ⱼ₎).
///
/// Holm, S. (1979): A simple sequentially rejective multiple test procedure. Scandinavian Journal
/// of Statistics 6, 65–70.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let m = p_values.len();
    let mut adjusted = vec![0.0; m];
    let mut largest: f64 = 0.0;
    for (rank, index) in ascending(p_values).into_iter().enumerate() {
        largest = largest.max(((m - rank) as f64 * p_values[index]).min(1.0));
        adjusted[index] = largest;
    }
    adjusted
}

/// Benjamini and Hochberg's step-up adjustment, for exploration. If the p-values below q are
/// rejected, at most a share q of the rejections is wrong on average. In ascending order,
/// p̃₍ᵢ₎ = min over j ≥ i of min(1, m/j·p₍ⱼ₎).
///
/// Benjamini, Y. & Hochberg, Y. (1995): Controlling the false discovery rate. Journal of the Royal
/// Statistical Society B 57, 289–300.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let m = p_values.len() as f64;
    let mut adjusted = vec![0.0; p_values.len()];
    let mut smallest: f64 = 1.0;
    for (rank, index) in ascending(p_values).into_iter().enumerate().rev() {
        smallest = smallest.min(m / (rank + 1) as f64 * p_values[index]);
        adjusted[index] = smallest;
    }
    adjusted
}

/// Indices from the smallest p-value to the largest.
fn ascending(p_values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn assert_near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} for {expected}");
        }
    }

    #[test]
    fn adjusted_p_values_match_reference_values() {
        let p = [0.01, 0.04, 0.03, 0.005, 0.2];
        assert_near(&holm(&p), &[0.04, 0.09, 0.09, 0.025, 0.2]);
        assert_near(&benjamini_hochberg(&p), &[0.025, 0.05, 0.05, 0.025, 0.2]);
        assert!(holm(&[]).is_empty() && benjamini_hochberg(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn holm_is_stricter_and_both_adjustments_keep_the_order(
            p in proptest::collection::vec(0.0_f64..=1.0, 1..30),
        ) {
            let (strict, lax) = (holm(&p), benjamini_hochberg(&p));
            for i in 0..p.len() {
                prop_assert!(p[i] <= lax[i] && lax[i] <= strict[i] + 1e-15 && strict[i] <= 1.0);
                for j in 0..p.len() {
                    prop_assert!(p[i] > p[j] || (strict[i] <= strict[j] && lax[i] <= lax[j]));
                }
            }
        }
    }
}
