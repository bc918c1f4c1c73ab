//! Metrics of an arm in a round: the cost of an operation, or the figures and percentiles that an
//! external program reported.

use crate::record::{SetupRecord, total_ns};
use sevbench_protocol::{Observation, ObservedValue};
use sevbench_reports::Unit;

/// The percentiles that are compared, and the number of values that each needs: 10/(1 − q).
pub(super) const PERCENTILES: [(&str, f64, u64); 3] =
    [("p50", 0.5, 20), ("p99", 0.99, 1_000), ("p99.9", 0.999, 10_000)];

/// The place of a metric among those of its bench. It is the same in every round, even if a round
/// has too few values for a percentile that comes before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MetricRank {
    /// The index of its observation.
    pub observation: usize,
    /// Its index within the observation: 0 is the figure itself or the mean, then the percentiles.
    pub within: usize,
}

/// What an arm measured in a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Value {
    /// Time per operation, or the inverse of a rate.
    pub cost: f64,
    /// The value in the unit of the series.
    pub shown: f64,
}

/// One metric of an external program in a round.
pub(super) struct Metric {
    pub rank: MetricRank,
    pub name: String,
    /// The percentile that it is, if it is one.
    pub percentile: Option<Percentile>,
    pub unit: Unit,
    pub value: Value,
}

/// A percentile of an observation's values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Percentile {
    /// The index of the observation.
    pub observation: usize,
    /// The share of values below it.
    pub q: f64,
    /// The number of values that it needs.
    pub needed: u64,
}

/// All values of an observation in a round.
pub(super) struct Distribution {
    /// The index of the observation.
    pub observation: usize,
    pub name: String,
    /// The smallest relative difference that its percentiles can show.
    pub resolution: f64,
    pub counts: Counts,
}

/// Values in ns, ascending, each with its count. After [`accumulate`], each with the count of all
/// values up to it.
pub(super) type Counts = Vec<(u64, u64)>;

/// The time per operation, or the rate that the set-up declares: total time ÷ total operations of
/// the arm in the round.
pub(super) fn timed(iterations: u64, samples: &[u64], setup: &SetupRecord) -> (Unit, Value) {
    let iteration_ns = total_ns(samples) / (samples.len() as f64 * iterations as f64);
    let cost = iteration_ns / setup.operations as f64;
    let (unit, shown) = match setup.throughput {
        None => (Unit::Nanoseconds, cost),
        Some(throughput) => {
            let rate = throughput.amount() as f64 / iteration_ns * 1e9;
            (model_unit(throughput.unit()), rate)
        }
    };
    (unit, Value { cost, shown })
}

/// The metrics of an arm's observations in a round, and the distributions that some of them come
/// from.
pub(super) fn observed(lists: &[Vec<Observation>]) -> (Vec<Metric>, Vec<Distribution>) {
    let (mut metrics, mut distributions) = (Vec::new(), Vec::new());
    for (index, observation) in lists.first().into_iter().flatten().enumerate() {
        let of_name = lists.iter().flatten().filter(|other| other.name == observation.name);
        let values: Vec<&ObservedValue> = of_name.map(|other| &other.value).collect();
        let name = observation.name.clone();
        match &observation.value {
            ObservedValue::Scalar { unit, .. } => {
                let value = scalar(*unit, &values);
                metrics.extend(value.map(|value| Metric {
                    rank: MetricRank { observation: index, within: 0 },
                    name,
                    percentile: None,
                    unit: model_unit(*unit),
                    value,
                }));
            }
            ObservedValue::Distribution { significant_digits, bin_width, .. } => {
                let of_digits = 10_f64.powi(-i32::from((*significant_digits).min(5)));
                let resolution = bin_width.unwrap_or(0.0).max(of_digits);
                let observation = index;
                let distribution =
                    Distribution { observation, name, resolution, counts: pooled(&values) };
                metrics.extend(distribution_metrics(&distribution));
                distributions.push(distribution);
            }
        }
    }
    (metrics, distributions)
}

/// The mean cost of the round's samples, and the value of that cost in the unit. The cost of a rate
/// is its inverse. `None` if the samples are in different units.
fn scalar(unit: sevbench_protocol::Unit, values: &[&ObservedValue]) -> Option<Value> {
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
    (costs.len() == values.len()).then_some(Value { cost, shown })
}

/// The unit of the model for a unit of the protocol.
pub(super) const fn model_unit(unit: sevbench_protocol::Unit) -> Unit {
    use sevbench_protocol::Unit as Protocol;
    match unit {
        Protocol::Nanoseconds => Unit::Nanoseconds,
        Protocol::BytesPerSecond => Unit::BytesPerSecond,
        Protocol::BitsPerSecond => Unit::BitsPerSecond,
        Protocol::ElementsPerSecond => Unit::ElementsPerSecond,
        Protocol::OperationsPerSecond => Unit::OperationsPerSecond,
        Protocol::Iops => Unit::Iops,
    }
}

fn pooled(values: &[&ObservedValue]) -> Counts {
    let mut pooled = Counts::new();
    for value in values {
        if let ObservedValue::Distribution { counts, .. } = value {
            pooled.extend(counts);
        }
    }
    // Most programs report ascending values, once a round.
    if !pooled.is_sorted_by_key(|(value_ns, _)| *value_ns) {
        pooled.sort_by_key(|(value_ns, _)| *value_ns);
    }
    pooled
}

/// The name of a figure of a distribution, such as `latency-p99`.
pub(super) fn name_of(distribution: &str, what: &str) -> String {
    format!("{distribution}-{what}")
}

/// The mean, and the percentiles that the round has enough values for.
fn distribution_metrics(distribution: &Distribution) -> Vec<Metric> {
    let Distribution { observation, name, counts, .. } = distribution;
    let (mut total, mut sum) = (0_u64, 0.0);
    for (value_ns, count) in counts {
        total = total.saturating_add(*count);
        sum += *value_ns as f64 * *count as f64;
    }
    let metric = |within: usize, what: &str, ns: f64| {
        let rank = MetricRank { observation: *observation, within };
        Metric {
            rank,
            name: name_of(name, what),
            percentile: percentile(rank),
            unit: Unit::Nanoseconds,
            value: Value { cost: ns, shown: ns },
        }
    };
    let mut metrics = vec![metric(0, "mean", sum / total as f64)];
    let mut counts = counts.iter();
    let mut seen = 0_u64;
    let mut reached = None;
    for (within, (what, q, needed)) in (1..).zip(PERCENTILES) {
        if total < needed {
            break;
        }
        let target = rank_of(q, total);
        while seen < target
            && let Some((value_ns, count)) = counts.next()
        {
            seen = seen.saturating_add(*count);
            reached = Some(*value_ns);
        }
        metrics.extend(reached.map(|value_ns| metric(within, what, value_ns as f64)));
    }
    metrics
}

/// The percentile at a rank; `None` for a mean.
pub(super) fn percentile(rank: MetricRank) -> Option<Percentile> {
    let (_, q, needed) = *PERCENTILES.get(rank.within.checked_sub(1)?)?;
    Some(Percentile { observation: rank.observation, q, needed })
}

/// The rank, among `total` values, of the smallest value that at least a share `q` does not exceed.
pub(super) fn rank_of(q: f64, total: u64) -> u64 {
    ((q * total as f64).ceil() as u64).clamp(1, total.max(1))
}

/// Adds the counts of a round, which ascend by value, to others. Each value is kept once, so a pool
/// takes the space of its distinct values, however many rounds it has.
pub(super) fn pool(pooled: &mut Counts, counts: &Counts) {
    let mut index = 0;
    let known = pooled.len();
    for (value_ns, count) in counts {
        while index < known && pooled[index].0 < *value_ns {
            index += 1;
        }
        match pooled.get_mut(index) {
            Some(same) if index < known && same.0 == *value_ns => {
                same.1 = same.1.saturating_add(*count);
            }
            _ => pooled.push((*value_ns, *count)),
        }
    }
    if pooled.len() > known {
        merge(pooled);
    }
}

/// Sorts counts and keeps each value once.
fn merge(counts: &mut Counts) {
    // It consists of sorted parts, which makes this cheap.
    counts.sort_by_key(|(value_ns, _)| *value_ns);
    counts.dedup_by(|next, kept| {
        let is_equal = next.0 == kept.0;
        if is_equal {
            kept.1 = kept.1.saturating_add(next.1);
        }
        is_equal
    });
}

/// Sorts counts, keeps each value once, and makes the counts cumulative.
pub(super) fn accumulate(counts: &mut Counts) {
    merge(counts);
    let mut seen = 0_u64;
    for (_, count) in counts {
        seen = seen.saturating_add(*count);
        *count = seen;
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
