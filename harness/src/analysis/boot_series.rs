//! Boot times as benches of their own: of guests that sevbench has booted, each phase of each boot is one value.

use super::series::{Series, Value};
use crate::bench::Unit;
use crate::record::{BootRecord, Event, Journal, Phases};
use std::collections::{BTreeMap, HashMap};

/// How long a phase took.
type Phase = fn(&Phases) -> Option<u64>;

/// The phases, in their order, and the whole.
const PHASES: [(&str, Phase); 5] = [
    ("boot/qemu", |phases| phases.qemu_ns),
    ("boot/kernel", |phases| phases.kernel_ns),
    ("boot/ssh", |phases| phases.ssh_ns),
    ("boot/agent", agent_ns),
    ("boot/total", |phases| Some(phases.start_ns + phases.ship_ns + phases.agent_ns)),
];

/// From the first answer of the SSH server: authentication, the executable's way, and the agent's hello.
fn agent_ns(phases: &Phases) -> Option<u64> {
    let before = phases.qemu_ns? + phases.kernel_ns.unwrap_or(0) + phases.ssh_ns?;
    Some(phases.start_ns.saturating_sub(before) + phases.ship_ns + phases.agent_ns)
}

/// A series for each phase that has a value.
pub(super) fn boot_series(journal: &Journal) -> Vec<Series> {
    let boots: Vec<&BootRecord> = journal
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Boot(boot) if boot.launch.is_some() => Some(&**boot),
            _ => None,
        })
        .collect();
    let series = PHASES.iter().map(|(id, phase)| {
        let mut values: BTreeMap<u32, BTreeMap<u32, HashMap<String, Value>>> = BTreeMap::new();
        for boot in &boots {
            if let Some(ns) = phase(&boot.phases).filter(|ns| *ns > 0) {
                let value = Value { cost: ns as f64, shown: ns as f64 };
                let round = values.entry(boot.boot).or_default().entry(1).or_default();
                round.insert(boot.arm.clone(), value);
            }
        }
        Series { id: (*id).into(), unit: Unit::Nanoseconds, boots: values }
    });
    series.filter(|series| !series.boots.is_empty()).collect()
}
