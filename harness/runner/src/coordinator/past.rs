//! Pure: what a run has done before this process, as its journal tells.

use super::Plan;
use super::bench_run::OBSERVATION;
use crate::record::{Event, ExtendedRecord, Journal};
use sevbench_protocol::{Measure, SampleKind};
use std::collections::{BTreeSet, HashMap, HashSet};

/// What a run has done before; nothing of a new one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Past {
    /// The number of the last boot of which there is anything.
    pub last_boot: u32,
    /// The boots that each bench has had.
    pub done: HashMap<String, u32>,
    /// What was asked for in a round of each bench.
    pub measures: HashMap<String, Measure>,
    /// What the second stage was to be, once that was decided.
    pub extended: Option<ExtendedRecord>,
}

impl Past {
    /// A boot counts for a bench where all of its rounds took place. A bench that never got so far has had the boots in
    /// which it said that it cannot run.
    pub(crate) fn of(journal: &Journal) -> Self {
        let mut past = Self::default();
        let mut measured: HashMap<&str, BTreeSet<u32>> = HashMap::new();
        let mut skipped: HashMap<&str, BTreeSet<u32>> = HashMap::new();
        let mut observed: HashSet<&str> = HashSet::new();
        for event in &journal.events {
            let boot = match event {
                Event::Boot(boot) => boot.boot,
                Event::Setup(setup) => {
                    if setup.kind == SampleKind::Observed {
                        observed.insert(&setup.bench);
                    }
                    setup.boot
                }
                Event::Measured(record) => {
                    measured.entry(&record.bench).or_default().insert(record.boot);
                    record.boot
                }
                Event::Skipped(record) => {
                    skipped.entry(&record.bench).or_default().insert(record.boot);
                    record.boot
                }
                Event::Failed(record) => record.boot,
                Event::Calibration(record) => {
                    let samples = journal.header.settings.samples;
                    let (lead_in, iterations) = (record.lead_in, record.iterations);
                    let measure = match observed.contains(record.bench.as_str()) {
                        true => OBSERVATION,
                        false => Measure { lead_in, iterations, samples },
                    };
                    past.measures.insert(record.bench.clone(), measure);
                    continue;
                }
                Event::Extended(record) => {
                    past.extended = Some(record.clone());
                    continue;
                }
                Event::Header(_)
                | Event::Round(_)
                | Event::WarmUp(_)
                | Event::Resumed(_)
                | Event::End(_) => continue,
            };
            past.last_boot = past.last_boot.max(boot);
        }
        skipped.extend(measured);
        past.done =
            skipped.into_iter().map(|(id, boots)| (id.to_owned(), boots.len() as u32)).collect();
        past
    }

    /// The boots that each bench of the plan has had.
    pub(super) fn done_of(&self, plan: &Plan) -> Vec<u32> {
        plan.benches.iter().map(|id| self.done.get(id).copied().unwrap_or(0)).collect()
    }

    /// What was asked for in a round, by the bench's index in the plan.
    pub(super) fn measures_of(&self, plan: &Plan) -> HashMap<usize, Measure> {
        let measures = plan.benches.iter().enumerate();
        measures.filter_map(|(bench, id)| Some((bench, *self.measures.get(id)?))).collect()
    }
}
