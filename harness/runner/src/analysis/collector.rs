//! Collects series from the events of a journal. It keeps values, not text, so a long journal takes
//! only the memory of its values.

use super::metrics::{
    Distribution, Metric, MetricRank, PERCENTILES, Percentile, accumulate, name_of, observed,
    percentile, pool, timed,
};
use super::series::{PooledDistribution, PooledTable, Row, Series};
use crate::record::{ArmRound, FailureRecord, Header, RoundRecord, RoundSamples, SetupRecord};
use sevbench_reports::{Measurand, Role, Unit};
use sevbench_text::counted;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Collects series from the events of a journal.
#[derive(Debug, Default)]
pub(super) struct SeriesCollector {
    arms: Vec<String>,
    benches: HashMap<String, usize>,
    control: u16,
    /// The last set-up of each bench in each arm, by the indices of both.
    setups: Vec<Vec<Option<SetupRecord>>>,
    /// The (boot, bench, arm) that failed.
    failed: HashSet<(u32, usize, u16)>,
    /// Indices into `series`.
    series_by_key: BTreeMap<SeriesKey, usize>,
    series: Vec<Series>,
    /// The bench of the last event, and its index. The events of a bench follow each other.
    last_bench: Option<(String, usize)>,
    /// The last series of timed samples, by what identifies it.
    last_timed: Option<(usize, Unit, usize)>,
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
        let arms = header.arms.iter().map(|arm| arm.name.clone()).collect();
        let benches =
            header.benches.iter().cloned().enumerate().map(|(i, bench)| (bench, i)).collect();
        Self { arms, benches, control: control as u16, ..Self::default() }
    }

    pub(super) fn setup(&mut self, setup: SetupRecord) {
        let bench = self.bench(&setup.bench);
        if let Some(arm) = self.arm(&setup.arm) {
            let is_idle = setup.operations == 0
                || setup.throughput.is_some_and(|throughput| throughput.amount() == 0);
            if is_idle {
                self.idle.insert((bench, arm));
            }
            let len = self.setups.len().max(bench + 1);
            self.setups.resize_with(len, || vec![None; self.arms.len()]);
            self.setups[bench][usize::from(arm)] = Some(setup);
        }
    }

    /// The indices of a bench and an arm; `None` if there is no such arm.
    pub(super) fn indices(&mut self, bench: &str, arm: &str) -> Option<(usize, u16)> {
        let arm = self.arm(arm)?;
        Some((self.bench(bench), arm))
    }

    /// Discards all values of a bench, in the boot and arm in which it failed.
    pub(super) fn failed(&mut self, failure: &FailureRecord) {
        if let (Some(bench), Some(arm)) = (&failure.bench, self.arm(&failure.arm)) {
            let bench = self.bench(bench);
            self.failed.insert((failure.boot, bench, arm));
        }
    }

    pub(super) fn round(&mut self, round: &RoundRecord, excluded: bool) {
        let bench = self.bench(&round.bench);
        let arms: Vec<(u16, &ArmRound)> =
            round.arms.iter().filter_map(|arm| Some((self.arm(&arm.arm)?, arm))).collect();
        let control = arms.iter().find(|(arm, _)| *arm == self.control);
        let control_samples = control.and_then(|(_, arm)| timed_samples(&arm.samples));
        for (arm, arm_round) in arms {
            let setups = self.setups.get(bench).map(|arms| &arms[usize::from(arm)]);
            let setup = setups.and_then(Option::as_ref).filter(|setup| setup.boot == round.boot);
            let Some(setup) = setup else {
                *self.unprepared.entry(bench).or_default() += 1;
                continue;
            };
            let key = RoundKey { bench, boot: round.boot, round: round.round, arm };
            let row = |value, samples| {
                let RoundKey { boot, round, arm, .. } = key;
                Row { boot, round, arm, excluded, value, samples }
            };
            match &arm_round.samples {
                RoundSamples::ElapsedNs(samples) => {
                    let (unit, value) = timed(round.iterations, samples, setup);
                    let variance = control_samples
                        .filter(|_| arm != self.control)
                        .and_then(|control| ratio_variance(samples, control));
                    self.timed_series(bench, &round.bench, unit).rows.push(row(value, variance));
                }
                RoundSamples::Observations(lists) => {
                    let (metrics, distributions) = observed(lists);
                    for metric in metrics {
                        let row = row(metric.value, None);
                        self.series_of(bench, &round.bench, metric).rows.push(row);
                    }
                    if !excluded {
                        self.pool(key, distributions);
                    }
                }
            }
        }
    }

    pub(super) fn finish(mut self) -> CollectedSeries {
        let defects = self.defects();
        self.add_series_of_percentiles();
        let Self { series_by_key, series, mut pooled, failed, .. } = self;
        let mut unsorted: Vec<Option<Series>> = series.into_iter().map(Some).collect();
        let mut series: Vec<Series> =
            series_by_key.into_values().filter_map(|index| unsorted[index].take()).collect();
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
        let unprepared = self.unprepared.iter().map(|(bench, rounds)| {
            let rounds = counted(*rounds, "round");
            format!("{}: {rounds} ignored, since an arm was not set up in that boot", names[bench])
        });
        let idle = self.idle.iter().map(|(bench, arm)| {
            let arm = &self.arms[usize::from(*arm)];
            format!("{}: in {arm} it declares no work", names[bench])
        });
        let series: Vec<(&SeriesKey, &Series)> =
            self.series_by_key.iter().map(|(key, index)| (key, &self.series[*index])).collect();
        let same_metric = |a: &(&SeriesKey, &Series), b: &(&SeriesKey, &Series)| {
            (a.0.bench, a.0.rank, &a.0.metric) == (b.0.bench, b.0.rank, &b.0.metric)
        };
        let groups = series.chunk_by(same_metric).filter(|group| group.len() > 1);
        let units = groups.map(|group| {
            let units: Vec<&str> = group.iter().map(|(key, _)| key.unit.word()).collect();
            format!("{}: its arms report {}", group[0].1.measurand, units.join(" and "))
        });
        let misnamed = self.misnamed.iter().map(|(bench, [first, second])| {
            format!(
                "{}: its arms report different figures in the same place: {first} and {second}",
                names[bench]
            )
        });
        unprepared.chain(idle).chain(units).chain(misnamed).collect()
    }

    /// The series of a bench's timed samples.
    fn timed_series(&mut self, bench: usize, id: &str, unit: Unit) -> &mut Series {
        let index = match self.last_timed {
            Some((last, of_unit, index)) if (last, of_unit) == (bench, unit) => index,
            _ => self.series_index(bench, id, MetricRank::default(), None, None, unit),
        };
        self.last_timed = Some((bench, unit, index));
        &mut self.series[index]
    }

    fn series_of(&mut self, bench: usize, id: &str, metric: Metric) -> &mut Series {
        let Metric { rank, name, percentile, unit, .. } = metric;
        let index = self.series_index(bench, id, rank, Some(name), percentile, unit);
        &mut self.series[index]
    }

    fn series_index(
        &mut self,
        bench: usize,
        id: &str,
        rank: MetricRank,
        metric: Option<String>,
        percentile: Option<Percentile>,
        unit: Unit,
    ) -> usize {
        let vacant = match self.series_by_key.entry(SeriesKey { bench, rank, metric, unit }) {
            Entry::Occupied(index) => return *index.get(),
            Entry::Vacant(vacant) => vacant,
        };
        let measurand = Measurand {
            bench: id.to_owned(),
            metric: vacant.key().metric.clone(),
            percentile: percentile.map(|percentile| percentile.q),
        };
        let (rows, is_boot_time) = (Vec::new(), false);
        self.series.push(Series { measurand, bench, unit, rows, is_boot_time, percentile });
        *vacant.insert(self.series.len() - 1)
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
        let pooled = self.pooled.iter();
        let names: Vec<(usize, usize, String)> = pooled
            .map(|((bench, observation), pooled)| (*bench, *observation, pooled.name.clone()))
            .collect();
        for (bench, observation, name) in names {
            let id = ids.get(&bench).map_or("", String::as_str);
            for (within, (what, _, _)) in (1..).zip(&PERCENTILES) {
                let rank = MetricRank { observation, within };
                let metric = Some(name_of(&name, what));
                let unit = Unit::Nanoseconds;
                self.series_index(bench, id, rank, metric, percentile(rank), unit);
            }
        }
    }

    /// A run has few arms, so looking through them takes less time than a hash.
    fn arm(&self, name: &str) -> Option<u16> {
        self.arms.iter().position(|arm| arm == name).map(|index| index as u16)
    }

    fn bench(&mut self, id: &str) -> usize {
        if let Some((last, index)) = &self.last_bench
            && last == id
        {
            return *index;
        }
        let index = self.benches.get(id).copied().unwrap_or_else(|| {
            let next = self.benches.len();
            self.benches.insert(id.to_owned(), next);
            next
        });
        self.last_bench = Some((id.to_owned(), index));
        index
    }
}

fn timed_samples(samples: &RoundSamples) -> Option<&[u64]> {
    match samples {
        RoundSamples::ElapsedNs(samples) => Some(samples),
        RoundSamples::Observations(_) => None,
    }
}

/// The variance of the log ratios of the arms' nth samples, and the number of samples. A long
/// record has many samples, so each is looked at once: the log ratios are taken relative to the
/// first one.
fn ratio_variance(treated: &[u64], control: &[u64]) -> Option<(f32, u32)> {
    if treated.len() != control.len() || treated.len() < 2 {
        return None;
    }
    let mut pairs = treated.iter().zip(control).map(|(t, c)| (*t as f64, *c as f64));
    let (t, c) = pairs.next()?;
    let first = t / c;
    let (mut sum, mut of_squares) = (0.0, 0.0);
    for (t, c) in pairs {
        let difference = log_ratio(t, c * first);
        sum += difference;
        of_squares += difference * difference;
    }
    let n = treated.len() as f64;
    let variance: f64 = (of_squares - sum * sum / n) / (n - 1.0);
    variance.is_finite().then(|| (variance.max(0.0) as f32, treated.len() as u32))
}

/// ln(a ÷ b), to 10⁻¹² of its value. For ratios near 1 it adds up the first terms of a series,
/// which takes a fifth of the time of `ln`.
fn log_ratio(a: f64, b: f64) -> f64 {
    let z = (a - b) / (a + b);
    if z.abs() > 0.125 {
        return (a / b).ln();
    }
    let s = z * z;
    let series = s * (1.0 / 5.0 + s * (1.0 / 7.0 + s * (1.0 / 9.0 + s * (1.0 / 11.0))));
    2.0 * z * (1.0 + s * (1.0 / 3.0 + series))
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
    fn log_ratios_are_accurate_on_both_sides_of_the_switch() {
        for ratio in [1.0, 1.000_001, 0.98, 1.1, 1.285, 1.286, 0.778, 0.777, 7.0] {
            let (found, expected) = (log_ratio(3.0 * ratio, 3.0), f64::ln(ratio));
            let error = (found - expected).abs();
            assert!(error < 2e-12 * expected.abs() + 3e-16, "{ratio}: {error}");
        }
        assert_eq!(log_ratio(3.0, 3.0), 0.0);
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
