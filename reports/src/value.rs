//! Numbers for people: a value with its unit, in four digits.

use crate::model::Unit;

/// A value with its unit. Rates take a metric prefix, times their unit: `23.76 GB/s`, `845.1 ns`,
/// `1.234 ms`.
pub(crate) fn format_value(value: f64, unit: Unit) -> String {
    if unit.is_rate() {
        return with_prefix(value, unit.word());
    }
    let (scale, symbol) = scale_of(value, &[(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")]);
    format!("{} {symbol}", four_digits(value / scale))
}

/// A number of bytes with a metric prefix: `25.28 GB`.
pub fn format_bytes(bytes: f64) -> String {
    with_prefix(bytes, "B")
}

fn with_prefix(value: f64, unit: &str) -> String {
    let (scale, prefix) =
        scale_of(value, &[(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")]);
    format!("{} {prefix}{unit}", four_digits(value / scale))
}

fn scale_of<'a>(value: f64, scales: &[(f64, &'a str)]) -> (f64, &'a str) {
    let last = scales.last().copied().unwrap_or((1.0, ""));
    // A value that rounds up to the next prefix belongs to it.
    scales.iter().copied().find(|(scale, _)| value.abs() >= scale * 0.99995).unwrap_or(last)
}

fn four_digits(value: f64) -> String {
    match value.abs() {
        size if size >= 999.95 => format!("{value:.0}"),
        size if size >= 99.995 => format!("{value:.1}"),
        size if size >= 9.9995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_four_digits_and_a_prefix() {
        for (value, unit, text) in [
            (2.376e10, Unit::BytesPerSecond, "23.76 GB/s"),
            (999.96e9, Unit::BytesPerSecond, "1.000 TB/s"),
            (845.12, Unit::Nanoseconds, "845.1 ns"),
            (999_999.0, Unit::Nanoseconds, "1.000 ms"),
            (0.5, Unit::Nanoseconds, "0.500 ns"),
            (1.5e9, Unit::BitsPerSecond, "1.500 Gbit/s"),
            (112_300.0, Unit::OperationsPerSecond, "112.3 kops/s"),
        ] {
            assert_eq!(format_value(value, unit), text);
        }
        assert_eq!(format_bytes(25.28e9), "25.28 GB");
    }
}
