//! Series: for each bench and metric, the cost of an operation by boot, round and arm. CollectedSeries event by event, so that a
//! journal of any length takes the memory of its values and not of its text.

use super::metrics::{
    Counts, Distribution, Metric, PERCENTILES, Percentile, Rank, Value, metrics, percentile,
};
use crate::record::{FailureRecord, Header, RoundRecord, RoundSamples, SetupRecord};
use sevbench_reports::{Measurand, Role, Unit};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// One metric of one bench.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub measurand: Measurand,
    /// The number of the bench.
    pub bench: usize,
    pub unit: Unit,
    pub rows: Vec<Row>,
    /// Whether it is how long a part of a boot took.
    pub is_boot_time: bool,
    /// Where the values are percentiles: which, and of what.
    pub percentile: Option<Percentile>,
}

/// A value of one arm in one round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Row {
    pub boot: u32,
    pub round: u32,
    pub arm: u16,
    /// Left out for a cause from outside.
    pub excluded: bool,
    pub value: Value,
    /// The variance, within the round, of the log ratios of its samples to the control's, and how many there are.
    pub samples: Option<(f32, u32)>,
}

/// The distributions of one observation, pooled over the rounds of each boot and arm.
#[derive(Clone, Debug)]
pub(super) struct PooledDistribution {
    /// The observation's name.
    pub name: String,
    /// The smallest relative difference that percentiles can show.
    pub resolution: f64,
    /// By boot and arm; once all is collected, each value with how often it or a smaller one was seen.
    pub boots: BTreeMap<(u32, u16), Counts>,
    /// The (boot, round, arm) that the distributions are of.
    pub rounds: BTreeSet<(u32, u32, u16)>,
}

/// Takes what a journal says of benches.
#[derive(Debug, Default)]
pub(super) struct SeriesCollector {
    arms: HashMap<String, u16>,
    benches: HashMap<String, usize>,
    control: u16,
    setups: HashMap<(usize, u16), SetupRecord>,
    failed: HashSet<(u32, usize, u16)>,
    series: BTreeMap<(usize, Rank, String, &'static str), Series>,
    pooled: BTreeMap<(usize, usize), PooledDistribution>,
}

/// What was collected.
pub(super) struct CollectedSeries {
    /// In the order of the header's benches.
    pub series: Vec<Series>,
    /// By bench and place of the observation.
    pub pooled: BTreeMap<(usize, usize), PooledDistribution>,
}

impl SeriesCollector {
    pub(super) fn new(header: &Header) -> Self {
        let control = header.arms.iter().position(|arm| arm.role == Role::Control).unwrap_or(0);
        let arms = (0..).zip(&header.arms).map(|(index, arm)| (arm.name.clone(), index)).collect();
        let benches =
            header.benches.iter().cloned().enumerate().map(|(i, bench)| (bench, i)).collect();
        Self { arms, benches, control: control as u16, ..Self::default() }
    }

    pub(super) fn setup(&mut self, setup: SetupRecord) {
        let bench = self.bench(&setup.bench);
        if let Some(arm) = self.arms.get(&setup.arm) {
            self.setups.insert((bench, *arm), setup);
        }
    }

    /// The numbers of a bench and an arm; none where there is no such arm.
    pub(super) fn place(&mut self, bench: &str, arm: &str) -> Option<(usize, u16)> {
        let arm = *self.arms.get(arm)?;
        Some((self.bench(bench), arm))
    }

    /// What an arm measured of a bench in a boot in which it then failed does not count.
    pub(super) fn failed(&mut self, failure: &FailureRecord) {
        if let (Some(bench), Some(arm)) = (&failure.bench, self.arms.get(&failure.arm).copied()) {
            let bench = self.bench(bench);
            self.failed.insert((failure.boot, bench, arm));
        }
    }

    pub(super) fn round(&mut self, round: &RoundRecord, excluded: bool) {
        let bench = self.bench(&round.bench);
        let control_samples = round.arms.iter().find_map(|arm| {
            let is_control = self.arms.get(&arm.arm) == Some(&self.control);
            timed_samples(&arm.samples).filter(|_| is_control)
        });
        for arm_round in &round.arms {
            let Some(arm) = self.arms.get(&arm_round.arm).copied() else { continue };
            let Some(setup) = self.setups.get(&(bench, arm)).filter(|s| s.boot == round.boot)
            else {
                continue;
            };
            let (metrics, distributions) = metrics(round.iterations, &arm_round.samples, setup);
            let samples = timed_samples(&arm_round.samples)
                .filter(|_| arm != self.control)
                .and_then(|samples| ratio_variance(samples, control_samples?));
            for metric in metrics {
                let value = metric.value;
                let row =
                    Row { boot: round.boot, round: round.round, arm, excluded, value, samples };
                self.add(bench, &round.bench, metric, row);
            }
            if !excluded {
                self.merge(bench, (round.boot, arm), round.round, distributions);
            }
        }
    }

    fn add(&mut self, bench: usize, id: &str, metric: Metric, row: Row) {
        let measurand = Measurand {
            bench: id.to_owned(),
            percentile: metric.percentile.map(|percentile| percentile.q),
            metric: metric.name,
        };
        // Arms that report in different units are not compared.
        let key = (bench, metric.rank, measurand.to_string(), metric.unit.word());
        let series = self.series.entry(key).or_insert_with(|| Series {
            measurand,
            bench,
            unit: metric.unit,
            rows: Vec::new(),
            is_boot_time: false,
            percentile: metric.percentile,
        });
        series.rows.push(row);
    }

    fn merge(
        &mut self,
        bench: usize,
        key: (u32, u16),
        round: u32,
        distributions: Vec<Distribution>,
    ) {
        for Distribution { place, name, resolution, counts } in distributions {
            let pooled = self.pooled.entry((bench, place)).or_insert_with(|| PooledDistribution {
                name,
                resolution,
                boots: BTreeMap::new(),
                rounds: BTreeSet::new(),
            });
            pooled.rounds.insert((key.0, round, key.1));
            pooled.boots.entry(key).or_default().extend(counts);
        }
    }

    fn bench(&mut self, id: &str) -> usize {
        match self.benches.get(id) {
            Some(bench) => *bench,
            None => {
                let next = self.benches.len();
                self.benches.insert(id.to_owned(), next);
                next
            }
        }
    }

    pub(super) fn finish(self) -> CollectedSeries {
        let Self { mut series, mut pooled, failed, benches, .. } = self;
        let ids: HashMap<usize, String> =
            benches.into_iter().map(|(id, bench)| (bench, id)).collect();
        for ((bench, place), pooled) in &pooled {
            // A percentile for which no round by itself has values enough has a series without rows.
            for (inner, (what, q, _)) in (1..).zip(&PERCENTILES) {
                let rank = (*place, inner);
                let measurand = Measurand {
                    bench: ids.get(bench).cloned().unwrap_or_default(),
                    metric: Some(format!("{}-{what}", pooled.name)),
                    percentile: Some(*q),
                };
                let unit = Unit::Nanoseconds;
                let key = (*bench, rank, measurand.to_string(), unit.word());
                series.entry(key).or_insert_with(|| Series {
                    measurand,
                    bench: *bench,
                    unit,
                    rows: Vec::new(),
                    is_boot_time: false,
                    percentile: percentile(rank),
                });
            }
        }
        let mut series: Vec<Series> = series.into_values().collect();
        for series in &mut series {
            series.rows.retain(|row| !failed.contains(&(row.boot, series.bench, row.arm)));
            series.rows.sort_by_key(|row| (row.boot, row.round, row.arm));
        }
        for ((bench, _), pooled) in &mut pooled {
            pooled.boots.retain(|(boot, arm), _| !failed.contains(&(*boot, *bench, *arm)));
            pooled.rounds.retain(|(boot, _, arm)| !failed.contains(&(*boot, *bench, *arm)));
            pooled.boots.values_mut().for_each(accumulate);
        }
        series.retain(|series| !series.rows.is_empty() || series.percentile.is_some());
        CollectedSeries { series, pooled }
    }
}

/// Sorts counts, each value once, and makes them cumulative.
pub(super) fn accumulate(counts: &mut Counts) {
    counts.sort_by_key(|(value_ns, _)| *value_ns);
    let mut seen = 0_u64;
    for (_, count) in counts.iter_mut() {
        seen = seen.saturating_add(*count);
        *count = seen;
    }
    // Of equal values the last one has counted all of them.
    counts.reverse();
    counts.dedup_by_key(|(value_ns, _)| *value_ns);
    counts.reverse();
}

fn timed_samples(samples: &RoundSamples) -> Option<&[u64]> {
    match samples {
        RoundSamples::ElapsedNs(samples) => Some(samples),
        RoundSamples::Observations(_) => None,
    }
}

/// The variance of the log ratios of the nth samples of either arm.
fn ratio_variance(treated: &[u64], control: &[u64]) -> Option<(f32, u32)> {
    if treated.len() != control.len() || treated.len() < 2 {
        return None;
    }
    let ratios = treated.iter().zip(control).map(|(t, c)| (*t as f64).ln() - (*c as f64).ln());
    let n = treated.len() as f64;
    let mean = ratios.clone().sum::<f64>() / n;
    let variance = ratios.map(|y| (y - mean).powi(2)).sum::<f64>() / (n - 1.0);
    variance.is_finite().then_some((variance as f32, treated.len() as u32))
}
