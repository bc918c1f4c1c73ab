//! The warm-up of a bench in one boot. Every arm iterates until its batch times are steady, or a
//! limit is reached. The first warm-up of a run also sets the iterations of a sample.

use super::BenchRun;
use crate::coordinator::early_end::EarlyEnd;
use crate::coordinator::plan::OBSERVATION;
use crate::record::{CalibrationRecord, Event, WarmUpRecord};
use sevbench_protocol::{BenchAnswer, BenchRequest, Measure, Request, SampleKind, WarmUpSeries};
use sevbench_statistics::{Cost, is_steady};
use std::time::Duration;

/// The most warm-ups of an arm, of `--warm-up-time` each.
const WARM_UPS_MAX: u32 = 4;

impl BenchRun<'_, '_> {
    /// Warms up every arm. The first boot also sets the iterations, from the slowest arm.
    pub(super) fn warm_up(&mut self) -> Result<(), EarlyEnd> {
        let mut slowest_ns: f64 = 0.0;
        for &arm in &self.context.order.setup_arms {
            if !self.active[arm] {
                continue;
            }
            let series = self.warm_up_arm(arm)?;
            slowest_ns = slowest_ns.max(late_iteration_ns(&series));
            if self.active[arm] && !series.iterations.is_empty() {
                self.record_warm_up(arm, series)?;
            }
        }
        if self.can_compare() && self.context.measure.is_none() {
            self.calibrate(slowest_ns)?;
        }
        Ok(())
    }

    /// Runs all warm-ups of an arm and returns their batches. An external program has none.
    fn warm_up_arm(&mut self, arm: usize) -> Result<WarmUpSeries, EarlyEnd> {
        let duration_ns = self.context.plan.settings.warm_up_ns(self.id);
        let duration = Duration::from_nanos(duration_ns);
        let request = Request::Drive(BenchRequest::WarmUp { duration_ns });
        let mut all = WarmUpSeries::default();
        let mut elapsed = Duration::ZERO;
        for _ in 0..WARM_UPS_MAX {
            let Some(reply) = self.exchange(arm, &request, duration)? else { break };
            match reply.answer {
                BenchAnswer::Warm(series) if is_usable(&series, self.kind()) => {
                    all.iterations.extend(series.iterations);
                    all.elapsed_ns.extend(series.elapsed_ns);
                }
                other => {
                    self.end_in_arm(arm, Some(other))?;
                    break;
                }
            }
            elapsed += Duration::from_nanos(reply.conditions.host_ns.unwrap_or(0));
            let is_last = elapsed + duration > duration * WARM_UPS_MAX;
            if is_last || self.kind() == Some(SampleKind::Observed) || is_steady(&costs(&all)) {
                break;
            }
        }
        Ok(all)
    }

    fn record_warm_up(&mut self, arm: usize, series: WarmUpSeries) -> Result<(), EarlyEnd> {
        let WarmUpSeries { iterations, elapsed_ns } = series;
        let (boot, bench, arm) = (self.boot(), self.id.to_owned(), self.arm_name(arm));
        let record = WarmUpRecord { boot, bench, arm, iterations, elapsed_ns };
        self.context.log.append(&Event::WarmUp(record))
    }

    /// Sets what every round asks for, in all arms and boots.
    fn calibrate(&mut self, slowest_ns: f64) -> Result<(), EarlyEnd> {
        let measure = match self.kind() {
            Some(SampleKind::Observed) => OBSERVATION,
            _ => self.context.plan.measure(self.id, slowest_ns),
        };
        *self.context.measure = Some(measure);
        let Measure { lead_in, iterations, .. } = measure;
        let record = CalibrationRecord { bench: self.id.to_owned(), lead_in, iterations };
        self.context.log.append(&Event::Calibration(record))
    }
}

/// Whether a guest's series is valid: at least one batch from a timed closure, none from an outside
/// program.
fn is_usable(series: &WarmUpSeries, kind: Option<SampleKind>) -> bool {
    let WarmUpSeries { iterations, elapsed_ns } = series;
    let is_observed = kind == Some(SampleKind::Observed);
    iterations.is_empty() == is_observed
        && iterations.len() == elapsed_ns.len()
        && iterations.len() <= WarmUpSeries::LEN_MAX
        && !iterations.contains(&0)
}

/// The time of an iteration in each batch that took any time.
fn costs(series: &WarmUpSeries) -> Vec<Cost> {
    let batches = series.iterations.iter().zip(&series.elapsed_ns);
    batches.filter_map(|(count, ns)| Cost::new(*ns as f64 / *count as f64).ok()).collect()
}

/// The median time of an iteration in the later half of the batches. A batch during which other
/// processes had the CPU would otherwise set too few iterations for the whole run.
fn late_iteration_ns(series: &WarmUpSeries) -> f64 {
    let late = series.iterations.len() / 2;
    let batches = series.iterations.iter().zip(&series.elapsed_ns).skip(late);
    let mut each: Vec<f64> = batches.map(|(count, ns)| *ns as f64 / *count as f64).collect();
    each.sort_by(f64::total_cmp);
    let middle = each.len() / 2;
    match each.len() {
        0 => 0.0,
        len if len % 2 == 1 => each[middle],
        _ => f64::midpoint(each[middle - 1], each[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(iterations: &[u64], elapsed_ns: &[u64]) -> WarmUpSeries {
        WarmUpSeries { iterations: iterations.into(), elapsed_ns: elapsed_ns.into() }
    }

    #[test]
    fn iteration_time_is_the_median_of_the_later_half() {
        let even = series(&[1, 10, 10, 10], &[1_000, 500, 300, 100]);
        assert!((late_iteration_ns(&even) - 20.0).abs() < 1e-12);
        let disturbed = series(&[1, 10, 10, 10, 10], &[1_000, 500, 300, 40_000, 310]);
        assert!((late_iteration_ns(&disturbed) - 31.0).abs() < 1e-12);
        assert!(late_iteration_ns(&WarmUpSeries::default()).abs() < 1e-12);
    }

    #[test]
    fn invalid_series_are_rejected() {
        let (timed, observed) = (Some(SampleKind::Timed), Some(SampleKind::Observed));
        assert!(is_usable(&series(&[2, 2], &[7, 0]), timed));
        assert!(is_usable(&series(&[], &[]), observed));
        let long = vec![1; WarmUpSeries::LEN_MAX + 1];
        for wrong in [series(&[], &[]), series(&[1], &[]), series(&[0], &[5]), series(&long, &long)]
        {
            assert!(!is_usable(&wrong, timed), "{wrong:?}");
        }
        assert!(!is_usable(&series(&[1], &[1]), observed));
    }
}
