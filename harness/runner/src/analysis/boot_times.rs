//! Boot times as benches: each phase of a boot is a series. Only guests that sevbench booted have
//! them.

use super::metrics::Value;
use super::series::{Row, Series};
use crate::record::{ArmRecord, BootRecord, Phases};
use sevbench_reports::{Measurand, Unit};

/// The duration of a phase, in ns.
type Phase = fn(&Phases) -> Option<u64>;

/// The phases in order, then their total.
const PHASES: [(&str, Phase); 5] = [
    ("boot/qemu", |phases| phases.qemu_ns),
    ("boot/kernel", |phases| phases.kernel_ns),
    ("boot/ssh", |phases| phases.ssh_ns),
    ("boot/agent", agent_ns),
    ("boot/total", |phases| {
        Some(phases.start_ns.saturating_add(phases.ship_ns).saturating_add(phases.agent_ns))
    }),
];

/// From the SSH server's first answer to the agent's hello, without the wait for the guest's own
/// start-up: authentication, upload, start.
fn agent_ns(phases: &Phases) -> Option<u64> {
    let kernel_ns = phases.kernel_ns.unwrap_or(0);
    let before = phases.qemu_ns?.saturating_add(kernel_ns).saturating_add(phases.ssh_ns?);
    let start_ns = phases.start_ns.saturating_sub(before);
    Some(start_ns.saturating_add(phases.ship_ns).saturating_add(phases.agent_ns))
}

/// A series for each phase for which any boot has a value.
pub(super) fn boot_time_series(boots: &[BootRecord], arms: &[ArmRecord]) -> Vec<Series> {
    let series = PHASES.iter().enumerate().map(|(index, (id, phase))| {
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
        // After every bench of the header.
        let bench = usize::MAX - PHASES.len() + index;
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
