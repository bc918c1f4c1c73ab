//! What the arms were: how each was made, what proves its protection, and in what the machines differ.

use crate::record::{ArmRecord, ArmStanding, BootRecord};
use sevbench_guest::{Facts, MachineFacts, Proof, Protection, differences, prove};
use sevbench_reports::{
    ArmMachine, ArmSummary, Build, DifferenceRow, MachineRole, Place, format_bytes,
};
use sevbench_text::counted;

/// The boots of an arm, in order.
fn boots_of<'a>(boots: &'a [BootRecord], arm: &ArmRecord) -> Vec<&'a BootRecord> {
    boots.iter().filter(|boot| boot.arm == arm.name).collect()
}

/// An arm as its boots showed it.
pub(super) fn describe(
    arm: &ArmRecord,
    standing: ArmStanding,
    boots: &[BootRecord],
    executable_sha256: &str,
) -> ArmSummary {
    let boots = boots_of(boots, arm);
    // A process on this machine is protected by nothing, and is called nothing.
    let guests = boots.iter().filter(|_| arm.place() != Some(Place::Loopback));
    let proofs: Vec<Proof> = guests.map(|boot| proof(arm, boot)).collect();
    // Every boot must prove it; the evidence that is shown is that of the first boot that does not.
    let weakest = proofs.iter().find(|proof| proof.verified != Some(true)).or(proofs.first());
    let claimed = arm.claimed.is_some();
    ArmSummary {
        name: arm.name.clone(),
        role: arm.role,
        repeats_control: standing.repeats_control,
        judged: standing.judged,
        claimed: arm.claimed.clone(),
        verified: claimed
            .then(|| !proofs.is_empty() && proofs.iter().all(|proof| proof.verified == Some(true))),
        encryption: weakest.map(|proof| proof.encryption.clone()),
        evidence: weakest.map(|proof| proof.evidence.clone()).unwrap_or_default(),
        testimony: Vec::new(),
        place: arm.place(),
        address: arm.address.clone(),
        machines: vec![ArmMachine { role: MachineRole::Measured, address: arm.address.clone() }],
        build: Some(Build { executable_sha256: executable_sha256.into() }),
        description: description(arm, boots.first().copied()),
        injected: arm.spin_factor,
        agent_resident_bytes: boots.first().map(|boot| boot.agent_resident_bytes),
    }
}

fn proof(arm: &ArmRecord, boot: &BootRecord) -> Proof {
    let claimed = arm.claimed.as_deref().and_then(|claimed| {
        Protection::ALL.into_iter().find(|protection| protection.name() == claimed)
    });
    prove(claimed, boot.launch.as_ref(), &boot.facts.encryption)
}

fn description(arm: &ArmRecord, boot: Option<&BootRecord>) -> String {
    let mut parts = Vec::new();
    if arm.place() == Some(Place::Loopback) {
        parts.push("a process on this machine".to_owned());
    }
    let launch = boot.and_then(|boot| boot.launch.as_ref());
    parts.extend(launch.map(|launch| launch.description.clone()));
    if let Some(factor) = arm.spin_factor {
        parts.push(format!("slowdown of {factor} injected"));
    }
    if let Some(BootRecord { facts, .. }) = boot {
        let Facts { kernel, cpu_model, cpus, memory_bytes, encryption, .. } = facts;
        if encryption.is_none() && arm.claimed.is_none() {
            parts.push("no memory encryption".into());
        }
        let memory = format_bytes(*memory_bytes as f64);
        let cpus = counted(*cpus, "CPU");
        parts.push(format!("kernel {kernel}, {cpu_model}, {cpus}, {memory}"));
        let used = facts.swiotlb_used_bytes.filter(|used| *used > 0);
        parts.extend(
            used.map(|used| format!("{} of bounce buffers in use", format_bytes(used as f64))),
        );
    }
    parts.join(", ")
}

/// Differences between the arms in any boot, each once.
pub(super) fn all_differences(
    arms: &[ArmRecord],
    boots: &[BootRecord],
    control: &ArmRecord,
) -> Vec<DifferenceRow> {
    let mut rows = Vec::new();
    let controls = boots_of(boots, control);
    for arm in arms.iter().filter(|arm| arm.name != control.name) {
        for there in boots_of(boots, arm) {
            let Some(here) = controls.iter().find(|boot| boot.boot == there.boot) else { continue };
            for difference in differences(machine(here), machine(there), &arm.declares) {
                let row = DifferenceRow {
                    fact: difference.fact,
                    control: difference.control,
                    arm: arm.name.clone(),
                    treatment: difference.treatment,
                    declared: difference.declared,
                };
                if !rows.contains(&row) {
                    rows.push(row);
                }
            }
        }
    }
    rows
}

const fn machine(boot: &BootRecord) -> MachineFacts<'_> {
    MachineFacts { facts: &boot.facts, launch: boot.launch.as_ref() }
}
