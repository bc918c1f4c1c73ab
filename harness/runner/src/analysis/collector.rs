//! Collects series from the events of a journal. It keeps values, not text, so a long journal takes
//! only the memory of its values.

use super::metrics::{
    Distribution, Metric, MetricRank, PERCENTILES, accumulate, metrics, name_of, percentile, pool,
};
use super::series::{PooledDistribution, PooledTable, Row, Series};
use crate::record::{FailureRecord, Header, RoundRecord, RoundSamples, SetupRecord};
use sevbench_protocol::Throughput;
use sevbench_reports::{Measurand, Role, Unit};
use sevbench_text::counted;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Collects series from the events of a journal.
#[derive(Debug, Default)]
pub(super) struct SeriesCollector {
    arms: HashMap<String, u16>,
    benches: HashMap<String, usize>,
    control: u16,
    setups: HashMap<(usize, u16), SetupRecord>,
    /// The (boot, bench, arm) that failed.
    failed: HashSet<(u32, usize, u16)>,
    series: BTreeMap<SeriesKey, Series>,
    pooled: PooledTable,
    /// The rounds of each bench in arms that had no set-up before.
    unprepared: BTreeMap<usize, u32>,
    /// The benches and arms whose set-up declares no work.
    idle: BTreeSet<(usize, u16)>,
    /// The benches whose distributions have different names in the same place, and two of the
    /// names.
    misnamed: BTreeMap<usize, [String; 2]>,
}

/// Identifies a series. Arms that report a metric in different units get different series, and are
/// not compared.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SeriesKey {
    bench: usize,
    rank: MetricRank,
    metric: Option<String>,
    unit: Unit,
}

/// The series of a journal.
pub(super) struct CollectedSeries {
    /// In the order of the header's benches.
    pub series: Vec<Series>,
    pub pooled: PooledTable,
    /// What cannot be used, and why.
    pub defects: Vec<String>,
}

/// An arm in one round of a bench.
#[derive(Clone, Copy)]
struct RoundKey {
    bench: usize,
    boot: u32,
    round: u32,
    arm: u16,
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
        if let Some(arm) = self.arms.get(&setup.arm).copied() {
            let is_idle = setup.operations == 0
                || matches!(setup.throughput, Some(Throughput::Bytes(0) | Throughput::Elements(0)));
            if is_idle {
                self.idle.insert((bench, arm));
            }
            self.setups.insert((bench, arm), setup);
        }
    }

    /// The indices of a bench and an arm; `None` if there is no such arm.
    pub(super) fn indices(&mut self, bench: &str, arm: &str) -> Option<(usize, u16)> {
        let arm = *self.arms.get(arm)?;
        Some((self.bench(bench), arm))
    }

    /// Discards all values of a bench, in the boot and arm in which it failed.
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
                *self.unprepared.entry(bench).or_default() += 1;
                continue;
            };
            let (metrics, distributions) = metrics(round.iterations, &arm_round.samples, setup);
            let samples = timed_samples(&arm_round.samples)
                .filter(|_| arm != self.control)
                .and_then(|samples| ratio_variance(samples, control_samples?));
            let key = RoundKey { bench, boot: round.boot, round: round.round, arm };
            for metric in metrics {
                let RoundKey { boot, round: number, .. } = key;
                let value = metric.value;
                let row = Row { boot, round: number, arm, excluded, value, samples };
                self.series_of(bench, &round.bench, metric).rows.push(row);
            }
            if !excluded {
                self.pool(key, distributions);
            }
        }
    }

    pub(super) fn finish(mut self) -> CollectedSeries {
        let defects = self.defects();
        self.add_series_of_percentiles();
        let Self { series, mut pooled, failed, .. } = self;
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
        CollectedSeries { series, pooled, defects }
    }

    /// Why benches have no result, as far as the journal itself is the reason.
    fn defects(&self) -> Vec<String> {
        let names: BTreeMap<usize, &str> =
            self.benches.iter().map(|(id, bench)| (*bench, id.as_str())).collect();
        let arms: BTreeMap<u16, &str> =
            self.arms.iter().map(|(name, arm)| (*arm, name.as_str())).collect();
        let unprepared = self.unprepared.iter().map(|(bench, rounds)| {
            let rounds = counted(*rounds, "round");
            format!("{}: {rounds} of arms that had no set-up in that boot", names[bench])
        });
        let idle = self.idle.iter().map(|(bench, arm)| {
            format!("{}: its set-up in {} declares no work", names[bench], arms[arm])
        });
        let series: Vec<(&SeriesKey, &Series)> = self.series.iter().collect();
        let same_metric = |a: &(&SeriesKey, &Series), b: &(&SeriesKey, &Series)| {
            (a.0.bench, a.0.rank, &a.0.metric) == (b.0.bench, b.0.rank, &b.0.metric)
        };
        let groups = series.chunk_by(same_metric).filter(|group| group.len() > 1);
        let units = groups.map(|group| {
            let units: Vec<&str> = group.iter().map(|(key, _)| key.unit.word()).collect();
            format!("{}: its arms report {}", group[0].1.measurand, units.join(" and "))
        });
        let misnamed = self.misnamed.iter().map(|(bench, [first, second])| {
            format!("{}: its arms report {first} and {second} in the same place", names[bench])
        });
        unprepared.chain(idle).chain(units).chain(misnamed).collect()
    }

    fn series_of(&mut self, bench: usize, id: &str, metric: Metric) -> &mut Series {
        let Metric { rank, name, percentile, unit, .. } = metric;
        let vacant = match self.series.entry(SeriesKey { bench, rank, metric: name, unit }) {
            Entry::Occupied(series) => return series.into_mut(),
            Entry::Vacant(vacant) => vacant,
        };
        let measurand = Measurand {
            bench: id.to_owned(),
            metric: vacant.key().metric.clone(),
            percentile: percentile.map(|percentile| percentile.q),
        };
        let (rows, is_boot_time) = (Vec::new(), false);
        vacant.insert(Series { measurand, bench, unit, rows, is_boot_time, percentile })
    }

    fn pool(&mut self, key: RoundKey, distributions: Vec<Distribution>) {
        let RoundKey { bench, boot, round, arm } = key;
        for Distribution { observation, name, resolution, counts } in distributions {
            let pooled = match self.pooled.entry((bench, observation)) {
                Entry::Vacant(vacant) => vacant.insert(PooledDistribution::named(name)),
                Entry::Occupied(pooled) if pooled.get().name == name => pooled.into_mut(),
                Entry::Occupied(pooled) => {
                    let names = || [pooled.get().name.clone(), name];
                    self.misnamed.entry(bench).or_insert_with(names);
                    continue;
                }
            };
            pooled.resolution = pooled.resolution.max(resolution);
            pooled.rounds.insert((boot, round, arm));
            pool(pooled.boots.entry((boot, arm)).or_default(), &counts);
        }
    }

    /// Adds an empty series for each percentile that no single round has enough values for. The
    /// pooled values may suffice.
    fn add_series_of_percentiles(&mut self) {
        let ids: HashMap<usize, String> =
            self.benches.drain().map(|(id, bench)| (bench, id)).collect();
        for ((bench, observation), pooled) in &self.pooled {
            for (within, (what, q, _)) in (1..).zip(&PERCENTILES) {
                let rank = MetricRank { observation: *observation, within };
                let (bench, unit) = (*bench, Unit::Nanoseconds);
                let metric = Some(name_of(&pooled.name, what));
                let measurand = Measurand {
                    bench: ids.get(&bench).cloned().unwrap_or_default(),
                    metric: metric.clone(),
                    percentile: Some(*q),
                };
                self.series.entry(SeriesKey { bench, rank, metric, unit }).or_insert_with(|| {
                    let (rows, is_boot_time) = (Vec::new(), false);
                    let percentile = percentile(rank);
                    Series { measurand, bench, unit, rows, is_boot_time, percentile }
                });
            }
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
}

fn timed_samples(samples: &RoundSamples) -> Option<&[u64]> {
    match samples {
        RoundSamples::ElapsedNs(samples) => Some(samples),
        RoundSamples::Observations(_) => None,
    }
}

/// The variance of the log ratios of the arms' nth samples, and the number of samples. It is
/// computed from each sample once, since a long record has many, by differences from the first log
/// ratio.
fn ratio_variance(treated: &[u64], control: &[u64]) -> Option<(f32, u32)> {
    if treated.len() != control.len() || treated.len() < 2 {
        return None;
    }
    let mut ratios = treated.iter().zip(control).map(|(t, c)| *t as f64 / *c as f64);
    let first = ratios.next()?;
    let (mut sum, mut of_squares) = (0.0, 0.0);
    for ratio in ratios {
        let difference = (ratio / first).ln();
        sum += difference;
        of_squares += difference * difference;
    }
    let n = treated.len() as f64;
    let variance: f64 = (of_squares - sum * sum / n) / (n - 1.0);
    variance.is_finite().then(|| (variance.max(0.0) as f32, treated.len() as u32))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn variance_is_that_of_the_log_ratios(
            pairs in proptest::collection::vec((1_000_u64..2_000_000, 1_000_u64..2_000_000), 2..50),
        ) {
            let (treated, control): (Vec<u64>, Vec<u64>) = pairs.iter().copied().unzip();
            let ratios: Vec<f64> =
                pairs.iter().map(|(t, c)| (*t as f64).ln() - (*c as f64).ln()).collect();
            let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
            let squares = ratios.iter().map(|ratio| (ratio - mean).powi(2)).sum::<f64>();
            let expected = squares / (ratios.len() - 1) as f64;
            let (variance, len) = ratio_variance(&treated, &control).unwrap();
            prop_assert_eq!(len as usize, pairs.len());
            prop_assert!((f64::from(variance) - expected).abs() <= 1e-6 * expected + 1e-14);
        }
    }

    #[test]
    fn unusable_samples_have_no_variance() {
        assert_eq!(ratio_variance(&[1, 2], &[1]), None);
        assert_eq!(ratio_variance(&[1], &[1]), None);
        for zero in [([0, 1], [1, 1]), ([1, 1], [1, 0]), ([0, 1], [0, 1])] {
            assert_eq!(ratio_variance(&zero.0, &zero.1), None, "{zero:?}");
        }
        assert_eq!(ratio_variance(&[5, 5, 5], &[5, 5, 5]), Some((0.0, 3)));
    }
}
