//! The arms of a run: how each was made, what proves its protection, and how the machines differ.

use super::arm_pair::ArmPair;
use crate::record::{ArmRecord, ArmStanding, BootRecord, Header, standings};
use sevbench_guest::{
    EncryptionState, Evidence, Facts, MachineFacts, Proof, Protection, differences, prove,
};
use sevbench_reports::{
    ArmMachine, ArmSummary, Build, DifferenceRow, Encryption, MachineRole, Place, Role, Testimony,
    Witness, format_bytes,
};
use sevbench_text::counted;
use std::collections::HashSet;

/// The arms of a run, as their boots showed them.
pub(super) struct ArmTable<'a> {
    arms: &'a [ArmRecord],
    standings: Vec<ArmStanding>,
    control: usize,
    pub summaries: Vec<ArmSummary>,
    pub differences: Vec<DifferenceRow>,
}

impl<'a> ArmTable<'a> {
    /// `None` if the header has no control arm.
    pub(super) fn new(header: &'a Header, boots: &[BootRecord]) -> Option<Self> {
        let arms = &header.arms;
        let control = arms.iter().position(|arm| arm.role == Role::Control)?;
        let standings = standings(arms, |arm| is_same_machine(&arms[control], arm, boots));
        let build = Build { executable_sha256: header.executable_sha256.clone() };
        let summarize = |(arm, standing): (&ArmRecord, &ArmStanding)| {
            let boots = boots_of(boots, arm);
            ArmSummary { build: Some(build.clone()), ..summarize(arm, *standing, &boots) }
        };
        let summaries = arms.iter().zip(&standings).map(summarize).collect();
        let differences = differences_from(&arms[control], arms, boots);
        Some(Self { arms, standings, control, summaries, differences })
    }

    /// Every treatment with the control.
    pub(super) fn pairs(&self) -> Vec<ArmPair> {
        let treatments = (0..self.arms.len()).filter(|arm| self.arms[*arm].role == Role::Treatment);
        treatments.map(|treatment| self.pair(treatment)).collect()
    }

    fn pair(&self, treatment: usize) -> ArmPair {
        let both = [self.control, treatment];
        let name = &self.arms[treatment].name;
        let is_verified = |arm: &usize| self.summaries[*arm].verified != Some(false);
        let mut undeclared = self.differences.iter().filter(|row| !row.declared);
        let control = &self.summaries[self.control];
        let is_encrypted = control.encryption.is_some_and(Encryption::is_active);
        ArmPair {
            control: self.control as u16,
            treatment: treatment as u16,
            injected: both.iter().any(|arm| self.arms[*arm].spin_factor.is_some()),
            rebooted: both.iter().all(|arm| self.arms[*arm].rebooted),
            are_verified: both.iter().all(is_verified),
            control_is_encrypted: control.claimed.is_none() && is_encrypted,
            differ_undeclared: undeclared.any(|row| row.arm == *name),
            repeats_control: self.standings[treatment].repeats_control,
            judged: self.standings[treatment].judged,
        }
    }
}

/// Whether two arms ran in one and the same boot of a machine: the kernel's boot id is unique.
fn is_same_machine(one: &ArmRecord, other: &ArmRecord, boots: &[BootRecord]) -> bool {
    let others = boots_of(boots, other);
    let is_shared = |here: &&BootRecord| {
        let there = others.iter().filter(|there| there.boot == here.boot);
        let id = here.facts.known_boot_id();
        id.is_some() && there.into_iter().any(|there| there.facts.known_boot_id() == id)
    };
    boots_of(boots, one).iter().any(is_shared)
}

/// The boots of an arm, in order.
fn boots_of<'a>(boots: &'a [BootRecord], arm: &ArmRecord) -> Vec<&'a BootRecord> {
    boots.iter().filter(|boot| boot.arm == arm.name).collect()
}

fn summarize(arm: &ArmRecord, standing: ArmStanding, boots: &[&BootRecord]) -> ArmSummary {
    // A process on this machine has no protection of its own to prove.
    let guests = boots.iter().filter(|_| arm.place() != Some(Place::Loopback));
    let proofs: Vec<Proof> = guests.map(|boot| proof(arm, boot)).collect();
    // Every boot must prove the claim. The evidence shown is that of the first boot that does not.
    let weakest = proofs.iter().find(|proof| proof.verified != Some(true)).or(proofs.first());
    let is_proved = !proofs.is_empty() && proofs.iter().all(|proof| proof.verified == Some(true));
    let evidence = weakest.map(|proof| proof.evidence.as_slice()).unwrap_or_default();
    ArmSummary {
        name: arm.name.clone(),
        role: arm.role,
        repeats_control: standing.repeats_control,
        judged: standing.judged,
        claimed: arm.claimed.map(protection),
        verified: arm.claimed.is_some().then_some(is_proved),
        encryption: weakest.map(|proof| encryption(proof.encryption)),
        evidence: evidence.iter().map(|one| one.text.clone()).collect(),
        testimony: evidence.iter().map(testimony).collect(),
        place: arm.place(),
        address: arm.address.clone(),
        machines: vec![ArmMachine { role: MachineRole::Measured, address: arm.address.clone() }],
        build: None,
        description: description(arm, boots.first().copied()),
        injected: arm.spin_factor,
        agent_resident_bytes: boots.first().map(|boot| boot.agent_resident_bytes),
    }
}

const fn encryption(state: EncryptionState) -> Encryption {
    match state {
        EncryptionState::Off => Encryption::None,
        EncryptionState::Active(Protection::Sev) => Encryption::Sev,
        EncryptionState::Active(Protection::SevEs) => Encryption::SevEs,
        EncryptionState::Active(Protection::SevSnp) => Encryption::SevSnp,
        EncryptionState::Unknown => Encryption::Unknown,
    }
}

const fn protection(claimed: Protection) -> sevbench_reports::Protection {
    match claimed {
        Protection::Sev => sevbench_reports::Protection::Sev,
        Protection::SevEs => sevbench_reports::Protection::SevEs,
        Protection::SevSnp => sevbench_reports::Protection::SevSnp,
    }
}

fn testimony(evidence: &Evidence) -> Testimony {
    let witness = match evidence.witness {
        sevbench_guest::Witness::Host => Witness::Host,
        sevbench_guest::Witness::Guest => Witness::Guest,
    };
    Testimony { witness, text: evidence.text.clone() }
}

fn proof(arm: &ArmRecord, boot: &BootRecord) -> Proof {
    prove(arm.claimed, boot.launch.as_ref(), &boot.facts.encryption)
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

/// The differences between the control and the other arms in any boot, each once.
fn differences_from(
    control: &ArmRecord,
    arms: &[ArmRecord],
    boots: &[BootRecord],
) -> Vec<DifferenceRow> {
    let (mut rows, mut seen) = (Vec::new(), HashSet::new());
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
                let key = (row.fact.clone(), row.control.clone(), row.treatment.clone());
                if seen.insert((arm.name.as_str(), key)) {
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
