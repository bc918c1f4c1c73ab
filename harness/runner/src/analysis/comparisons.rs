//! All comparisons of a dataset, and the results over all of them.

use super::arm_pair::ArmPair;
use super::dataset::{ComparisonInput, Dataset, Design};
use super::outliers::{paired_outliers, unpaired_outliers};
use super::overall::{adjust_p_values, geometric_means, noise_floor};
use super::paired::compare_paired;
use super::parallel::map_in_parallel;
use super::result::BootEstimate;
use super::series::Series;
use super::series_comparison::SeriesComparison;
use super::unpaired::compare_unpaired;
use sevbench_reports::{Comparison, NoiseFloor, OutlierRow, Overall, WarmUpCourse};
use std::collections::HashSet;

/// The comparisons of a dataset.
pub(super) struct Comparisons {
    pub comparisons: Vec<Comparison>,
    pub estimates: Vec<BootEstimate>,
    pub outliers: Vec<OutlierRow>,
    pub overall: Vec<Overall>,
    pub noise_floor: Option<NoiseFloor>,
    pub warm_ups: Vec<WarmUpCourse>,
}

/// Compares the arms of every pair in every series.
pub(super) fn compare_all(mut data: Dataset<'_>, threads: usize) -> Comparisons {
    let warm_ups = std::mem::take(&mut data.warm_ups.courses);
    let jobs: Vec<(ArmPair, &Series)> = data
        .pairs
        .iter()
        .flat_map(|pair| data.series.iter().map(move |series| (*pair, series)))
        .collect();
    let results = map_in_parallel(jobs.len(), threads, |index| {
        let (pair, series) = jobs[index];
        let input = ComparisonInput { series, pair, data: &data };
        compare_one(input, seed_of(input))
    });
    let (mut compared, outliers): (Vec<SeriesComparison>, Vec<Vec<OutlierRow>>) =
        results.into_iter().flatten().unzip();
    adjust_p_values(&mut compared);
    Comparisons {
        overall: geometric_means(&compared, &data),
        noise_floor: noise_floor(&compared, &data),
        estimates: compared.iter().map(SeriesComparison::estimate).collect(),
        comparisons: compared.into_iter().map(|one| one.comparison).collect(),
        outliers: distinct(outliers.concat(), data.design),
        warm_ups,
    }
}

/// Each comparison has its own random stream. It follows from what is compared, so that neither
/// other benches nor the order of rows change it.
fn seed_of(input: ComparisonInput<'_>) -> u64 {
    let line = format!("{}\n{}", input.series.measurand, input.treatment());
    input.data.seed ^ u64::from(crc32fast::hash(line.as_bytes())) << 32
}

fn compare_one(
    input: ComparisonInput<'_>,
    seed: u64,
) -> Option<(SeriesComparison, Vec<OutlierRow>)> {
    match input.data.design {
        Design::Paired => Some((compare_paired(input, seed)?, paired_outliers(input))),
        Design::Unpaired => Some((compare_unpaired(input)?, unpaired_outliers(input))),
    }
}

/// In an unpaired design, the control's outliers come once for each treatment; one copy is kept.
fn distinct(mut outliers: Vec<OutlierRow>, design: Design) -> Vec<OutlierRow> {
    if design == Design::Unpaired {
        let mut seen = HashSet::new();
        outliers.retain(|row| {
            let place = (row.arm.clone(), row.boot, row.round);
            let measurand = (row.measurand.bench.clone(), row.measurand.metric.clone());
            seen.insert((measurand, place, row.label, row.first))
        });
    }
    outliers
}
