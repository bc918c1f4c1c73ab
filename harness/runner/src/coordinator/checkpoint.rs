//! Pure: where a resumed run continues, read from its journal.

use super::plan::{OBSERVATION, Plan};
use crate::record::{Event, ExtendedRecord, Journal};
use sevbench_protocol::{Measure, SampleKind};
use std::collections::{BTreeSet, HashMap, HashSet};

/// What a run has done already. The default is that of a new run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Checkpoint {
    /// The number of the last boot that left any event.
    pub last_boot: u32,
    /// The boots done, by bench.
    pub done: HashMap<String, u32>,
    /// What a round asks for, by bench.
    pub measures: HashMap<String, Measure>,
    /// The second stage, once it was planned.
    pub extended: Option<ExtendedRecord>,
}

impl Checkpoint {
    /// A boot is done for a bench once all of its rounds took place, in all arms. For a bench that
    /// never ran, the boots in which it was skipped count.
    pub(crate) fn of(journal: &Journal) -> Self {
        let mut checkpoint = Self::default();
        let mut measured: HashMap<&str, BTreeSet<u32>> = HashMap::new();
        let mut skipped: HashMap<&str, BTreeSet<u32>> = HashMap::new();
        let mut observed: HashSet<&str> = HashSet::new();
        // The boots that have lost a guest so far.
        let mut lossy: HashSet<u32> = HashSet::new();
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
                    if !lossy.contains(&record.boot) {
                        measured.entry(&record.bench).or_default().insert(record.boot);
                    }
                    record.boot
                }
                Event::Skipped(record) => {
                    skipped.entry(&record.bench).or_default().insert(record.boot);
                    record.boot
                }
                Event::Failed(record) => {
                    if record.bench.is_none() {
                        lossy.insert(record.boot);
                    }
                    record.boot
                }
                Event::Calibration(record) => {
                    let samples = journal.header.settings.samples;
                    let (lead_in, iterations) = (record.lead_in, record.iterations);
                    let measure = match observed.contains(record.bench.as_str()) {
                        true => OBSERVATION,
                        false => Measure { lead_in, iterations, samples },
                    };
                    checkpoint.measures.insert(record.bench.clone(), measure);
                    continue;
                }
                Event::Extended(record) => {
                    checkpoint.extended = Some(record.clone());
                    continue;
                }
                Event::Header(_)
                | Event::Round(_)
                | Event::WarmUp(_)
                | Event::Resumed(_)
                | Event::End(_) => continue,
            };
            checkpoint.last_boot = checkpoint.last_boot.max(boot);
        }
        skipped.extend(measured);
        checkpoint.done =
            skipped.into_iter().map(|(id, boots)| (id.to_owned(), boots.len() as u32)).collect();
        checkpoint
    }

    /// The boots done, by the bench's index in the plan.
    pub(super) fn done_of(&self, plan: &Plan) -> Vec<u32> {
        plan.benches.iter().map(|id| self.done.get(id).copied().unwrap_or(0)).collect()
    }

    /// What a round asks for, by the bench's index in the plan.
    pub(super) fn measures_of(&self, plan: &Plan) -> Vec<Option<Measure>> {
        plan.benches.iter().map(|id| self.measures.get(id).copied()).collect()
    }
}
