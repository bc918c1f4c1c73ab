//! Boot times as benches of their own: of guests that sevbench has booted, each phase of each boot is one value.

use super::metrics::Value;
use super::series::{Row, Series};
use crate::record::{ArmRecord, BootRecord, Phases};
use sevbench_reports::{Measurand, Unit};

/// How long a phase took.
type Phase = fn(&Phases) -> Option<u64>;

/// The phases, in their order, and the whole.
const PHASES: [(&str, Phase); 5] = [
    ("boot/qemu", |phases| phases.qemu_ns),
    ("boot/kernel", |phases| phases.kernel_ns),
    ("boot/ssh", |phases| phases.ssh_ns),
    ("boot/agent", agent_ns),
    ("boot/total", |phases| {
        Some(phases.start_ns.saturating_add(phases.ship_ns).saturating_add(phases.agent_ns))
    }),
];

/// From the first answer of the SSH server: authentication, the executable's way, and the agent's hello.
fn agent_ns(phases: &Phases) -> Option<u64> {
    let kernel_ns = phases.kernel_ns.unwrap_or(0);
    let before = phases.qemu_ns?.saturating_add(kernel_ns).saturating_add(phases.ssh_ns?);
    let start_ns = phases.start_ns.saturating_sub(before);
    Some(start_ns.saturating_add(phases.ship_ns).saturating_add(phases.agent_ns))
}

/// A series for each phase that has a value.
pub(super) fn boot_time_series(boots: &[BootRecord], arms: &[ArmRecord]) -> Vec<Series> {
    let series = PHASES.iter().enumerate().map(|(place, (id, phase))| {
        let rows = boots.iter().filter(|boot| boot.launch.is_some()).filter_map(|boot| {
            let arm = arms.iter().position(|arm| arm.name == boot.arm)?;
            let ns = phase(&boot.phases).filter(|ns| *ns > 0)? as f64;
            let value = Value { cost: ns, shown: ns };
            Some(Row {
                boot: boot.boot,
                round: 1,
                arm: arm as u16,
                excluded: false,
                value,
                samples: None,
            })
        });
        let mut rows: Vec<Row> = rows.collect();
        rows.sort_by_key(|row| (row.boot, row.arm));
        // Behind every bench of the header.
        let bench = usize::MAX - PHASES.len() + place;
        Series {
            measurand: Measurand::of_bench(*id),
            bench,
            unit: Unit::Nanoseconds,
            rows,
            is_boot_time: true,
            percentile: None,
        }
    });
    series.filter(|series| !series.rows.is_empty()).collect()
}
