//! Warm-ups: the course of each, and the number of each class, per bench and arm.

use super::arm_pair::ArmPair;
use crate::record::WarmUpRecord;
use sevbench_reports::{WarmUpClass, WarmUpClasses, WarmUpCourse, WarmUps};
use sevbench_statistics::{Cost, SteadyClass, classify};
use std::collections::HashMap;

/// Only this many batches are classified: the cost is quadratic.
const LEN_MAX: usize = 2_048;

/// The most values of a course. Longer ones are thinned.
const COURSE_LEN_MAX: usize = 64;

/// All warm-ups of a run.
#[derive(Debug, Default)]
pub(super) struct WarmUpTable {
    /// By (bench, arm).
    classes: HashMap<(usize, u16), WarmUpClasses>,
    pub courses: Vec<WarmUpCourse>,
}

impl WarmUpTable {
    pub(super) fn add(&mut self, bench: usize, arm: u16, record: &WarmUpRecord) {
        let batches = record.iterations.iter().zip(&record.elapsed_ns);
        let costs: Vec<Cost> = batches
            .take(LEN_MAX)
            .filter_map(|(iterations, ns)| Cost::new(*ns as f64 / *iterations as f64).ok())
            .collect();
        let state = classify(&costs);
        let class = state.map(|state| match state.class {
            SteadyClass::Flat => WarmUpClass::Flat,
            SteadyClass::WarmUp => WarmUpClass::WarmUp,
            SteadyClass::Slowdown => WarmUpClass::Slowdown,
            SteadyClass::NoSteadyState => WarmUpClass::NoSteadyState,
        });
        self.courses.push(WarmUpCourse {
            bench: record.bench.clone(),
            arm: record.arm.clone(),
            boot: record.boot,
            class,
            batches: costs.len() as u32,
            steady_from: state.and_then(|state| state.steady_from).map(|index| index as u32),
            iteration_ns: thinned(&costs),
        });
        let Some(class) = class else { return };
        let classes = self.classes.entry((bench, arm)).or_default();
        *match class {
            WarmUpClass::Flat => &mut classes.flat,
            WarmUpClass::WarmUp => &mut classes.warm_up,
            WarmUpClass::Slowdown => &mut classes.slowdown,
            WarmUpClass::NoSteadyState => &mut classes.no_steady_state,
        } += 1;
    }

    /// The warm-ups of both arms; `None` if the record has none of either.
    pub(super) fn of(&self, bench: usize, pair: ArmPair) -> Option<WarmUps> {
        let of = |arm: u16| self.classes.get(&(bench, arm)).copied();
        let (control, treated) = (of(pair.control), of(pair.treatment));
        (control.is_some() || treated.is_some()).then(|| WarmUps {
            control: control.unwrap_or_default(),
            treated: treated.unwrap_or_default(),
        })
    }
}

/// At most [`COURSE_LEN_MAX`] values. Each is the mean of equally many consecutive batches, but the
/// last may have fewer.
fn thinned(costs: &[Cost]) -> Vec<f32> {
    let width = costs.len().div_ceil(COURSE_LEN_MAX).max(1);
    let mean = |batches: &[Cost]| {
        batches.iter().map(|cost| cost.value()).sum::<f64>() / batches.len() as f64
    };
    costs.chunks(width).map(|batches| mean(batches) as f32).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn long_courses_are_thinned_to_means() {
        let costs = |count: u32| -> Vec<Cost> {
            (1..=count).map(|ns| Cost::new(f64::from(ns)).unwrap()).collect()
        };
        assert_eq!(thinned(&costs(3)), [1.0, 2.0, 3.0]);
        let long = thinned(&costs(130));
        assert_eq!((long.len(), long[0], long[43]), (44, 2.0, 130.0));
        assert!(thinned(&[]).is_empty());
    }
}
