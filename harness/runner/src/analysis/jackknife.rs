//! Percentiles of the pooled values of each boot, used when single rounds have too few values.

use super::dataset::ComparisonInput;
use super::metrics::{Counts, Percentile, accumulate, rank_of};
use super::pairs::BootPairs;
use super::series::PooledDistribution;
use sevbench_statistics::{Cost, LogRatio, Pivot};

/// A percentile is in a gap if the values around it differ by more than this factor, and if one
/// step between neighbours is at least this share of that, on the log scale.
const GAP_FACTOR: f64 = 2.0;
const GAP_SHARE: f64 = 0.4;

/// A percentile of the pooled values, compared between both arms.
pub(super) struct PooledPercentile {
    pub pivot: Pivot,
    /// The percentiles of the control and of the treatment, in ns.
    pub means: [f64; 2],
    pub boots: u32,
    pub rounds: u32,
}

/// The delete-one-boot jackknife of the log ratio of a percentile of all values. `None` if every
/// round has a percentile of its own, if the pooled values are too few, or if there is one boot
/// only.
pub(super) fn pooled_percentile(
    input: ComparisonInput<'_>,
    pairs: &[BootPairs],
) -> Option<PooledPercentile> {
    let percentile = input.series.percentile?;
    let pooled = input.data.pooled.get(&(input.series.bench, percentile.observation))?;
    let [control, treatment] = [input.pair.control, input.pair.treatment];
    let has = |(boot, round): (u32, u32), arm: u16| pooled.rounds.contains(&(boot, round, arm));
    let of_control = pooled.rounds.iter().filter(|(.., arm)| *arm == control);
    let rounds = of_control.filter(|(boot, round, _)| has((*boot, *round), treatment)).count();
    let paired: usize = pairs.iter().map(|boot| boot.pairs.len()).sum();
    if paired >= rounds {
        return None;
    }
    let boots = boots_of(pooled, [control, treatment]);
    let all = [0, 1].map(|side| PooledCounts::of(boots.iter().map(|boot| boot[side])));
    let values = |left_out: Option<&[&Counts; 2]>| {
        let value = |side: usize| {
            let value_ns = all[side].percentile(percentile, left_out.map(|boot| boot[side]))?;
            Cost::new(value_ns as f64).ok()
        };
        Some([value(0)?, value(1)?])
    };
    let ratio = |[control, treated]: [Cost; 2]| LogRatio::of_costs(treated, control);
    let without_one: Option<Vec<LogRatio>> =
        boots.iter().map(|boot| values(Some(boot)).map(ratio)).collect();
    let of_all = values(None)?;
    Some(PooledPercentile {
        pivot: Pivot::jackknife(ratio(of_all), &without_one?).ok()?,
        means: of_all.map(Cost::value),
        boots: boots.len() as u32,
        rounds: rounds as u32,
    })
}

/// The cumulative counts of both arms in each boot that has both.
fn boots_of(pooled: &PooledDistribution, [control, treatment]: [u16; 2]) -> Vec<[&Counts; 2]> {
    let of = |boot: u32, arm: u16| pooled.boots.get(&(boot, arm));
    let boots = pooled.boots.keys().filter(|(_, arm)| *arm == control);
    boots.filter_map(|(boot, _)| Some([of(*boot, control)?, of(*boot, treatment)?])).collect()
}

/// Whether a percentile lies in a gap between the modes of an arm's values: a little above, it is
/// several times what it is a little below. It then tells how large the slow share is, and not how
/// slow it is; its interval holds for neither.
pub(super) fn is_in_a_gap(input: ComparisonInput<'_>) -> bool {
    let Some(percentile) = input.series.percentile else { return false };
    let key = (input.series.bench, percentile.observation);
    let Some(pooled) = input.data.pooled.get(&key) else { return false };
    let boots = boots_of(pooled, [input.pair.control, input.pair.treatment]);
    let of_arm = |side: usize| boots.iter().map(|boot| boot[side]).collect::<Vec<&Counts>>();
    [0, 1].into_iter().any(|side| has_gap_at(&of_arm(side), percentile.q))
}

/// Whether the values around the quantile at the level `q` lie apart. Around it is within two
/// standard errors of the level, which is that of the mean over boots of the share of values up to
/// the quantile. Boots that differ make these values differ, too; in a gap, one step makes up most
/// of their difference. Never with fewer than two boots.
fn has_gap_at(boots: &[&Counts], q: f64) -> bool {
    let all = PooledCounts::of(boots.iter().copied()).0;
    let Some((_, total)) = all.last().copied() else { return false };
    let index_of = |level: f64| {
        let rank = rank_of(level.clamp(0.0, 1.0), total).clamp(1, total);
        all.partition_point(|(_, seen)| *seen < rank)
    };
    let quantile = all[index_of(q)].0;
    let share = |boot: &&Counts| {
        let total = boot.last().map_or(0, |(_, seen)| *seen);
        let below = boot.partition_point(|(value, _)| *value <= quantile);
        let seen = below.checked_sub(1).map_or(0, |last| boot[last].1);
        LogRatio::new(seen as f64 / total as f64)
    };
    let shares: Vec<LogRatio> = boots.iter().map(share).collect();
    let Ok(mean) = Pivot::mean(&shares) else { return false };
    let [below, above] = [-2.0, 2.0].map(|errors| index_of(q + errors * mean.standard_error));
    let around = all[below..=above].iter().map(|(value_ns, _)| (*value_ns).max(1) as f64);
    let logs: Vec<f64> = around.map(f64::ln).collect();
    let difference = logs[logs.len() - 1] - logs[0];
    let largest = logs.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    difference > GAP_FACTOR.ln() && largest >= GAP_SHARE * difference
}

/// The cumulative counts of all boots of an arm.
struct PooledCounts(Counts);

impl PooledCounts {
    /// From the cumulative counts of each boot.
    fn of<'c>(boots: impl Iterator<Item = &'c Counts>) -> Self {
        let mut all = Counts::new();
        for boot in boots {
            let mut before = 0;
            all.extend(
                boot.iter().map(|(value_ns, seen)| {
                    (*value_ns, seen - std::mem::replace(&mut before, *seen))
                }),
            );
        }
        accumulate(&mut all);
        Self(all)
    }

    /// The percentile of the values without those of one boot. `None` if too few values remain.
    fn percentile(&self, percentile: Percentile, without: Option<&Counts>) -> Option<u64> {
        let empty = Counts::new();
        let without = without.unwrap_or(&empty);
        let total = self.0.last()?.1 - without.last().map_or(0, |(_, seen)| *seen);
        if total < percentile.needed {
            return None;
        }
        let target = rank_of(percentile.q, total);
        let index = self.0.partition_point(|(value_ns, seen)| {
            let below = without.partition_point(|(value, _)| value <= value_ns);
            let left_out = below.checked_sub(1).map_or(0, |last| without[last].1);
            seen - left_out < target
        });
        self.0.get(index).map(|(value_ns, _)| *value_ns)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    fn cumulative(values: &[u64]) -> Counts {
        let mut counts: Counts = values.iter().map(|value| (*value, 1)).collect();
        accumulate(&mut counts);
        counts
    }

    /// About one value in a hundred is a hundred times as slow.
    #[test]
    fn percentile_between_modes_is_in_a_gap() {
        let boot = |slow: u64| vec![(100, 1_000 - slow), (10_000, 1_000)];
        let boots: Vec<Counts> = [8, 12, 9, 11, 7, 13, 10, 10].into_iter().map(boot).collect();
        let boots: Vec<&Counts> = boots.iter().collect();
        assert!(has_gap_at(&boots, 0.99));
        assert!(!has_gap_at(&boots, 0.5) && !has_gap_at(&boots[..1], 0.99));
    }

    /// Some boots are three times as slow as others, without a gap.
    #[test]
    fn percentile_of_boots_that_differ_is_in_no_gap() {
        let boot = |factor: u64| (1..=1_000).map(|value| (value * factor + 100, value)).collect();
        let boots: Vec<Counts> = [4, 5, 6, 8, 10, 12].into_iter().map(boot).collect();
        let boots: Vec<&Counts> = boots.iter().collect();
        for q in [0.5, 0.9, 0.99] {
            assert!(!has_gap_at(&boots, q), "{q}");
        }
    }

    proptest! {
        /// The reference sorts the remaining values.
        #[test]
        fn percentile_without_a_boot_equals_that_of_the_other_boots(
            boots in proptest::collection::vec(proptest::collection::vec(1_u64..40, 1..30), 2..6),
            q in 0.01_f64..1.0,
        ) {
            let counts: Vec<Counts> = boots.iter().map(|boot| cumulative(boot)).collect();
            let all = PooledCounts::of(counts.iter());
            let percentile = Percentile { observation: 0, q, needed: 1 };
            for (left_out, counts) in counts.iter().enumerate() {
                let others = boots.iter().enumerate().filter(|(boot, _)| *boot != left_out);
                let mut rest: Vec<u64> = others.flat_map(|(_, values)| values.clone()).collect();
                rest.sort_unstable();
                let expected = rest[rank_of(q, rest.len() as u64) as usize - 1];
                prop_assert_eq!(all.percentile(percentile, Some(counts)), Some(expected));
            }
        }
    }
}
