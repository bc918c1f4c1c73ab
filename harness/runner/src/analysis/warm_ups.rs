//! How the warm-up of each guest ended: its class by bench, boot and arm.

use crate::record::WarmUpRecord;
use sevbench_reports::{WarmUpClasses, WarmUps};
use sevbench_statistics::{Cost, SteadyClass, classify};
use std::collections::HashMap;

/// Of a longer series than any that we record, so much is looked at: the search takes a time that grows with its square.
const LEN_MAX: usize = 2_048;

/// Counts of classes by bench and arm.
#[derive(Debug, Default)]
pub(super) struct WarmUpTable(HashMap<(usize, u16), WarmUpClasses>);

impl WarmUpTable {
    pub(super) fn add(&mut self, bench: usize, arm: u16, record: &WarmUpRecord) {
        let costs = record
            .iterations
            .iter()
            .zip(&record.elapsed_ns)
            .take(LEN_MAX)
            .filter_map(|(iterations, ns)| Cost::new(*ns as f64 / *iterations as f64).ok());
        let Some(state) = classify(&costs.collect::<Vec<_>>()) else { return };
        let classes = self.0.entry((bench, arm)).or_default();
        *match state.class {
            SteadyClass::Flat => &mut classes.flat,
            SteadyClass::WarmUp => &mut classes.warm_up,
            SteadyClass::Slowdown => &mut classes.slowdown,
            SteadyClass::NoSteadyState => &mut classes.no_steady_state,
        } += 1;
    }

    /// Of both arms of a comparison; none where the record has no warm-up of either.
    pub(super) fn of(&self, bench: usize, control: u16, treatment: u16) -> Option<WarmUps> {
        let of = |arm: u16| self.0.get(&(bench, arm)).copied();
        let (control, treated) = (of(control), of(treatment));
        (control.is_some() || treated.is_some()).then(|| WarmUps {
            control: control.unwrap_or_default(),
            treated: treated.unwrap_or_default(),
        })
    }
}
