//! From an arm's samples in a round to metrics: the cost of an operation, the percentiles of a distribution.

use crate::record::{RoundSamples, SetupRecord};
use sevbench_protocol::{Observation, ObservedValue, Throughput};
use sevbench_reports::Unit;

/// Percentiles that are compared, and the values that each needs: 10/(1−q).
pub(super) const PERCENTILES: [(&str, f64, u64); 3] =
    [("p50", 0.5, 20), ("p99", 0.99, 1_000), ("p99.9", 0.999, 10_000)];

/// Where a metric stands among those of its bench: the place of its observation, and its own within that. It is the
/// same in every round, also where a round has too few values for a percentile before it.
pub(super) type Rank = (usize, usize);

/// What an arm made of a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Value {
    /// Time an operation, or the inverse of a rate.
    pub cost: f64,
    /// The same in the series' unit.
    pub shown: f64,
}

/// One metric of a round.
pub(super) struct Metric {
    pub rank: Rank,
    /// Its name; none where the bench has one metric only.
    pub name: Option<String>,
    /// Which percentile of its observation it is.
    pub percentile: Option<Percentile>,
    pub unit: Unit,
    pub value: Value,
}

/// A percentile that is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Percentile {
    /// The place of its observation.
    pub place: usize,
    /// The share of values below it.
    pub q: f64,
    /// The values that it needs.
    pub needed: u64,
}

/// All values of a round as one distribution.
pub(super) struct Distribution {
    /// The place of its observation.
    pub place: usize,
    pub name: String,
    /// The smallest relative difference that its percentiles can show.
    pub resolution: f64,
    pub counts: Counts,
}

/// Values in ns, ascending, each with how often it was seen or, where that is said, how often it or a smaller one was.
pub(super) type Counts = Vec<(u64, u64)>;

/// The metrics of an arm in a round, and its distributions.
pub(super) fn metrics(
    iterations: u64,
    samples: &RoundSamples,
    setup: &SetupRecord,
) -> (Vec<Metric>, Vec<Distribution>) {
    match samples {
        RoundSamples::ElapsedNs(samples) => (vec![timed(iterations, samples, setup)], Vec::new()),
        RoundSamples::Observations(lists) => observed(lists),
    }
}

/// T = total time ÷ total operations of the arm in the round.
fn timed(iterations: u64, samples: &[u64], setup: &SetupRecord) -> Metric {
    let total_ns = samples.iter().map(|ns| *ns as f64).sum::<f64>();
    let iteration_ns = total_ns / (samples.len() as f64 * iterations as f64);
    let cost = iteration_ns / setup.operations as f64;
    let (unit, shown) = match setup.throughput {
        None => (Unit::Nanoseconds, cost),
        Some(Throughput::Bytes(bytes)) => (Unit::BytesPerSecond, bytes as f64 / iteration_ns * 1e9),
        Some(Throughput::Elements(count)) => {
            (Unit::ElementsPerSecond, count as f64 / iteration_ns * 1e9)
        }
    };
    Metric {
        rank: Rank::default(),
        name: None,
        percentile: None,
        unit,
        value: Value { cost, shown },
    }
}

fn observed(lists: &[Vec<Observation>]) -> (Vec<Metric>, Vec<Distribution>) {
    let (mut metrics, mut distributions) = (Vec::new(), Vec::new());
    for (place, observation) in lists.first().into_iter().flatten().enumerate() {
        let of_name = lists.iter().flatten().filter(|other| other.name == observation.name);
        let values: Vec<&ObservedValue> = of_name.map(|other| &other.value).collect();
        let name = observation.name.clone();
        match &observation.value {
            ObservedValue::Scalar { unit, .. } => {
                metrics.extend(scalar(place, name, *unit, &values));
            }
            ObservedValue::Distribution { significant_digits, bin_width, .. } => {
                let of_digits = 10_f64.powi(-i32::from((*significant_digits).min(5)));
                let resolution = bin_width.unwrap_or(0.0).max(of_digits);
                let counts = merged(&values);
                metrics.extend(percentiles(place, &name, &counts));
                distributions.push(Distribution { place, name, resolution, counts });
            }
        }
    }
    (metrics, distributions)
}

/// The mean cost of the round's samples; a rate enters as its inverse.
fn scalar(
    place: usize,
    name: String,
    unit: sevbench_protocol::Unit,
    values: &[&ObservedValue],
) -> Option<Metric> {
    let costs: Vec<f64> = values
        .iter()
        .filter_map(|value| match value {
            ObservedValue::Scalar { value, unit: other } if *other == unit => {
                Some(if unit.is_rate() { 1.0 / value } else { *value })
            }
            _ => None,
        })
        .collect();
    let cost = costs.iter().sum::<f64>() / costs.len() as f64;
    let shown = if unit.is_rate() { 1.0 / cost } else { cost };
    let value = Value { cost, shown };
    (costs.len() == values.len()).then_some(Metric {
        rank: (place, 0),
        name: Some(name),
        percentile: None,
        unit: model_unit(unit),
        value,
    })
}

/// The unit of the model for a unit of the protocol.
pub(super) const fn model_unit(unit: sevbench_protocol::Unit) -> Unit {
    use sevbench_protocol::Unit as Protocol;
    match unit {
        Protocol::Nanoseconds => Unit::Nanoseconds,
        Protocol::BytesPerSecond => Unit::BytesPerSecond,
        Protocol::ElementsPerSecond => Unit::ElementsPerSecond,
        Protocol::OperationsPerSecond => Unit::OperationsPerSecond,
        Protocol::Iops => Unit::Iops,
    }
}

fn merged(values: &[&ObservedValue]) -> Counts {
    let mut merged = Counts::new();
    for value in values {
        if let ObservedValue::Distribution { counts, .. } = value {
            merged.extend(counts);
        }
    }
    // The runs of which it consists are sorted already, which makes this cheap.
    merged.sort_by_key(|(value_ns, _)| *value_ns);
    merged
}

/// The mean and the percentiles that the round has values enough for.
fn percentiles(place: usize, name: &str, counts: &Counts) -> Vec<Metric> {
    let total: u64 = counts.iter().fold(0, |sum: u64, (_, count)| sum.saturating_add(*count));
    let metric = |inner: usize, what: &str, ns: f64| Metric {
        rank: (place, inner),
        name: Some(format!("{name}-{what}")),
        percentile: percentile((place, inner)),
        unit: Unit::Nanoseconds,
        value: Value { cost: ns, shown: ns },
    };
    let sum: f64 = counts.iter().map(|(value_ns, count)| *value_ns as f64 * *count as f64).sum();
    let mut metrics = vec![metric(0, "mean", sum / total as f64)];
    for (inner, (what, q, needed)) in (1..).zip(PERCENTILES) {
        if total >= needed {
            let target = rank_of(q, total);
            let mut seen = 0_u64;
            let found = counts.iter().find(|(_, count)| {
                seen = seen.saturating_add(*count);
                seen >= target
            });
            metrics.extend(found.map(|(value_ns, _)| metric(inner, what, *value_ns as f64)));
        }
    }
    metrics
}

/// The percentile at a rank; none for a mean.
pub(super) fn percentile((place, inner): Rank) -> Option<Percentile> {
    let (_, q, needed) = *PERCENTILES.get(inner.checked_sub(1)?)?;
    Some(Percentile { place, q, needed })
}

/// The rank of the value up to which at least the share `q` of so many values lies.
pub(super) fn rank_of(q: f64, total: u64) -> u64 {
    ((q * total as f64).ceil() as u64).clamp(1, total.max(1))
}
