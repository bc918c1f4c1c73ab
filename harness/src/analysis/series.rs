//! From rounds to series: for each bench and metric, the cost of an operation by boot, round and arm.

use super::exclude::is_excluded;
use crate::bench::{Observation, ObservedValue, Throughput, Unit};
use crate::record::{Event, Journal, RoundRecord, RoundSamples, SetupRecord};
use hdrhistogram::Histogram;
use sevbench_reports::Exclusion;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Percentiles that are compared, and the values a round must have for each: 10/(1−q).
const PERCENTILES: [(&str, f64, u64); 3] =
    [("p50", 0.5, 20), ("p99", 0.99, 1_000), ("p99.9", 0.999, 10_000)];

/// One metric of one bench.
#[derive(Clone, Debug)]
pub(super) struct Series {
    /// The bench's id, with the metric's name behind it where a program reported it.
    pub id: String,
    pub unit: Unit,
    /// Boot → round → arm → value.
    pub boots: BTreeMap<u32, BTreeMap<u32, HashMap<String, Value>>>,
}

/// What an arm made of a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Value {
    /// Time an operation, or the inverse of a rate.
    pub cost: f64,
    /// The same in the series' unit.
    pub shown: f64,
}

/// All series, in the order of the header's benches, of the rounds that are not left out. Arms that failed a bench in a boot have no value there.
pub(super) fn collect_series(journal: &Journal, exclusions: &[Exclusion]) -> Vec<Series> {
    let failed: HashSet<(u32, &str, &str)> = journal
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Failed(failure) => {
                failure.bench.as_deref().map(|bench| (failure.boot, bench, failure.arm.as_str()))
            }
            _ => None,
        })
        .collect();
    let mut setups: HashMap<(u32, &str, &str), &SetupRecord> = HashMap::new();
    let mut found: BTreeMap<(usize, Rank, String), Series> = BTreeMap::new();
    for event in &journal.events {
        match event {
            Event::Setup(setup) => {
                setups.insert((setup.boot, &setup.bench, &setup.arm), setup);
            }
            Event::Round(round) if !is_excluded(exclusions, round) => {
                let place = journal.header.benches.iter().position(|bench| *bench == round.bench);
                for arm in &round.arms {
                    let key = (round.boot, round.bench.as_str(), arm.arm.as_str());
                    let (Some(setup), false) = (setups.get(&key), failed.contains(&key)) else {
                        continue;
                    };
                    for metric in metrics(round, &arm.samples, setup) {
                        let place = place.unwrap_or(usize::MAX);
                        let series_key = (place, metric.rank, metric.id.clone());
                        let series = found.entry(series_key).or_insert_with(|| Series {
                            id: metric.id,
                            unit: metric.unit,
                            boots: BTreeMap::new(),
                        });
                        let rounds = series.boots.entry(round.boot).or_default();
                        rounds
                            .entry(round.round)
                            .or_default()
                            .insert(arm.arm.clone(), metric.value);
                    }
                }
            }
            _ => {}
        }
    }
    found.into_values().collect()
}

/// Where a metric stands among those of its bench: the place of its observation, and its own within that. It is the
/// same in every round, also where a round has too few values for a percentile before it.
type Rank = (usize, usize);

struct Metric {
    rank: Rank,
    id: String,
    unit: Unit,
    value: Value,
}

fn metrics(round: &RoundRecord, samples: &RoundSamples, setup: &SetupRecord) -> Vec<Metric> {
    match samples {
        RoundSamples::ElapsedNs(samples) => vec![timed(round, samples, setup)],
        RoundSamples::Observations(lists) => observed(&round.bench, lists),
    }
}

/// T = total time ÷ total operations of the arm in the round.
fn timed(round: &RoundRecord, samples: &[u64], setup: &SetupRecord) -> Metric {
    let total_ns = samples.iter().map(|ns| *ns as f64).sum::<f64>();
    let iteration_ns = total_ns / (samples.len() as f64 * round.iterations as f64);
    let cost = iteration_ns / setup.operations as f64;
    let (unit, shown) = match setup.throughput {
        None => (Unit::Nanoseconds, cost),
        Some(Throughput::Bytes(bytes)) => (Unit::BytesPerSecond, bytes as f64 / iteration_ns * 1e9),
        Some(Throughput::Elements(count)) => {
            (Unit::ElementsPerSecond, count as f64 / iteration_ns * 1e9)
        }
    };
    Metric { rank: Rank::default(), id: round.bench.clone(), unit, value: Value { cost, shown } }
}

fn observed(bench: &str, lists: &[Vec<Observation>]) -> Vec<Metric> {
    let Some(first) = lists.first() else { return Vec::new() };
    first
        .iter()
        .enumerate()
        .flat_map(|(place, observation)| {
            let name = &observation.name;
            let values: Vec<&ObservedValue> = lists
                .iter()
                .flatten()
                .filter(|other| other.name == *name)
                .map(|other| &other.value)
                .collect();
            let id = format!("{bench}/{name}");
            let metrics = match &observation.value {
                ObservedValue::Scalar { unit, .. } => {
                    scalar(&id, *unit, &values).into_iter().collect()
                }
                ObservedValue::Distribution { significant_digits, .. } => {
                    distribution(&id, *significant_digits, &values)
                }
            };
            metrics
                .into_iter()
                .enumerate()
                .map(move |(inner, metric)| Metric { rank: (place, inner), ..metric })
        })
        .collect()
}

/// The mean cost of the round's samples; a rate enters as its inverse.
fn scalar(id: &str, unit: Unit, values: &[&ObservedValue]) -> Option<Metric> {
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
    (costs.len() == values.len()).then(|| Metric {
        rank: Rank::default(),
        id: id.into(),
        unit,
        value: Value { cost, shown },
    })
}

/// The mean and the percentiles that the round has values enough for, of all its samples as one distribution.
fn distribution(id: &str, significant_digits: u8, values: &[&ObservedValue]) -> Vec<Metric> {
    let Ok(mut merged) = Histogram::<u64>::new(significant_digits.min(5)) else {
        return Vec::new();
    };
    for value in values {
        if let ObservedValue::Distribution { counts, .. } = value {
            for (value_ns, count) in counts {
                // A histogram that resizes itself refuses no value.
                merged.record_n(*value_ns, *count).ok();
            }
        }
    }
    let metric = |name: &str, ns: f64| Metric {
        rank: Rank::default(),
        id: format!("{id}-{name}"),
        unit: Unit::Nanoseconds,
        value: Value { cost: ns, shown: ns },
    };
    let percentiles = PERCENTILES.iter().filter(|(_, _, needed)| merged.len() >= *needed);
    let mut metrics = vec![metric("mean", merged.mean())];
    metrics
        .extend(percentiles.map(|(name, q, _)| metric(name, merged.value_at_quantile(*q) as f64)));
    metrics
}
