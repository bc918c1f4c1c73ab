//! P-values, adjusted for the number of comparisons.

/// Adjusts p-values together, and writes each result beside its p-value.
pub(super) fn adjust<'c>(
    p_values: impl Iterator<Item = (f64, &'c mut Option<f64>)>,
    method: fn(&[f64]) -> Vec<f64>,
) {
    let (p_values, results): (Vec<f64>, Vec<&mut Option<f64>>) = p_values.unzip();
    for (result, adjusted) in results.into_iter().zip(method(&p_values)) {
        *result = Some(adjusted);
    }
}
