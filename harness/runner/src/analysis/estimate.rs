//! Estimates as the summary shows them: a factor, its bounds, its method, and the data behind it.

use super::pairs::BootPairs;
use sevbench_reports::Estimate;
use sevbench_statistics::{
    BootstrapMethod, Confidence, Cost, LogRatio, Pivot, StatisticsError, bootstrap_interval,
    fieller_interval, median_interval,
};

/// An estimate with an interval, or the reason why there is none.
pub(super) type PivotResult = Result<Pivot, StatisticsError>;

/// The amount of data behind an estimate, and the level of its interval.
#[derive(Clone, Copy)]
pub(super) struct Basis {
    pub boots: u32,
    pub rounds: u32,
    pub confidence: Confidence,
}

impl Basis {
    pub(super) fn of_boots(boots: &[BootPairs], confidence: Confidence) -> Self {
        let rounds = boots.iter().map(|boot| boot.pairs.len()).sum::<usize>() as u32;
        Self { boots: boots.len() as u32, rounds, confidence }
    }

    /// The estimate of a pivot. Without a pivot it is `point`, and has no bounds.
    pub(super) fn estimate(self, point: LogRatio, pivot: &PivotResult, method: &str) -> Estimate {
        let interval = pivot.as_ref().ok().map(|pivot| pivot.interval(self.confidence));
        self.of(
            interval.map_or(point, |interval| interval.estimate).exp().factor(),
            interval.map(|interval| (interval.low.exp().factor(), interval.high.exp().factor())),
            method,
        )
    }

    /// The trimmed mean, if there is one over boots.
    pub(super) fn robust(self, trimmed: &PivotResult, method: &str) -> Option<Estimate> {
        let pivot = trimmed.as_ref().ok().filter(|_| self.boots > 1)?;
        Some(self.estimate(pivot.estimate, trimmed, method))
    }

    /// The median boot, at the level of its own interval.
    pub(super) fn typical(self, boots: &[LogRatio]) -> Option<Estimate> {
        let interval = median_interval(boots, self.confidence).ok()?;
        let basis = Self { confidence: interval.confidence, ..self };
        let [estimate, low, high] = [interval.estimate, interval.low, interval.high]
            .map(|log_ratio| log_ratio.exp().factor());
        Some(basis.of(estimate, Some((low, high)), "median boot, order statistics"))
    }

    /// The ratio of arithmetic means, from the mean costs of both arms in each boot.
    pub(super) fn fieller(self, costs: &[(Cost, Cost)]) -> Option<Estimate> {
        let interval = fieller_interval(costs, self.confidence).ok()?;
        let method = match interval.bounds {
            Some(_) => "Fieller, paired",
            None => "Fieller, paired: unbounded",
        };
        Some(self.of(interval.estimate.factor(), interval.bounds, method))
    }

    /// The percentile bootstrap over replicates.
    pub(super) fn bootstrap(self, replicates: &[LogRatio], seed: u64) -> Option<Estimate> {
        let bootstrap = bootstrap_interval(replicates, self.confidence, seed).ok()?;
        let interval = bootstrap.interval;
        let [low, high] = [interval.low, interval.high].map(|bound| bound.exp().factor());
        let how = match bootstrap.method {
            BootstrapMethod::Exact { .. } => "exact".into(),
            BootstrapMethod::MonteCarlo { resamples } => format!("{resamples} resamples"),
        };
        let what = if self.boots == 1 { "rounds" } else { "boots" };
        let method = format!("percentile bootstrap over {what}, {how}");
        Some(self.of(interval.estimate.exp().factor(), Some((low, high)), &method))
    }

    fn of(self, estimate: f64, bounds: Option<(f64, f64)>, method: &str) -> Estimate {
        Estimate {
            estimate,
            low: bounds.map(|bounds| bounds.0),
            high: bounds.map(|bounds| bounds.1),
            confidence: self.confidence.level(),
            method: method.into(),
            boots: self.boots,
            rounds: self.rounds,
        }
    }
}

/// The estimate over boots, and the name of its method. `first_stage` is the last boot of the first
/// stage; `None` without a second stage.
pub(super) fn boot_pivot(
    boots: &[BootPairs],
    replicates: &[LogRatio],
    first_stage: Option<u32>,
) -> (PivotResult, &'static str) {
    let first =
        boots.iter().filter(|boot| first_stage.is_none_or(|last| boot.boot <= last)).count();
    match boots.len() {
        1 => (Pivot::mean(replicates), "t on log ratios of rounds"),
        all if first < all => {
            (Pivot::two_stage(replicates, first), "t on log ratios, Stein's two stages")
        }
        _ => (Pivot::mean(replicates), "t on log ratios"),
    }
}
