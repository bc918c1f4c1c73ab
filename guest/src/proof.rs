//! Pure: whether a machine has the protection that its arm claims. The claim is verified only if
//! the MSR, CPUID, the kernel and the launch all agree.

use crate::qemu::LaunchRecord;
use serde_json::Value;
use sevbench_facts::{EncryptionFacts, EncryptionState, Protection};

/// What is known about a machine's protection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Whether the claim is verified; `None` without a claim.
    pub verified: Option<bool>,
    /// The encryption of the machine's memory, as the machine reports it.
    pub encryption: EncryptionState,
    /// All evidence, for and against.
    pub evidence: Vec<Evidence>,
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Who vouches for it.
    pub witness: Witness,
    /// What it says.
    pub text: String,
}

/// Who vouches for a piece of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    /// This host: how it launched the machine, and what QEMU reports.
    Host,
    /// The machine itself: its MSR, CPUID and kernel.
    Guest,
}

/// Weighs the evidence on a machine.
pub fn prove(
    claimed: Option<Protection>,
    launch: Option<&LaunchRecord>,
    guest: &EncryptionFacts,
) -> Proof {
    let evidence = [
        (Witness::Host, launch_evidence(launch)),
        (Witness::Guest, msr_evidence(guest)),
        (Witness::Guest, cpuid_evidence(guest)),
        (Witness::Guest, kernel_evidence(guest)),
    ];
    let evidence = evidence.map(|(witness, text)| Evidence { witness, text }).into();
    let verified = claimed.map(|claimed| {
        was_launched_with(launch, claimed)
            && guest.active() == Some(claimed)
            && offers(guest, claimed)
            && kernel_protections(guest).contains(&claimed)
    });
    Proof { verified, encryption: guest.state(), evidence }
}

fn was_launched_with(launch: Option<&LaunchRecord>, claimed: Protection) -> bool {
    let Some(launch) = launch else { return false };
    launch.protection == Some(claimed)
        && launch.query_sev.as_deref().is_some_and(|text| says_protected(text, claimed))
}

/// What `query-sev` must report: that encryption is enabled, and its type (QEMU's
/// qapi/misc-i386.json).
fn says_protected(query_sev: &str, claimed: Protection) -> bool {
    let Ok(answer) = serde_json::from_str::<Value>(query_sev) else { return false };
    let kind = answer["sev-type"].as_str();
    // SEV-ES has the type `sev` and bit 2 of the policy.
    let is_es = answer["policy"].as_u64().is_some_and(|policy| policy & 1 << 2 != 0);
    let fits = match claimed {
        Protection::SevSnp => kind == Some("sev-snp"),
        Protection::SevEs => kind.is_none_or(|kind| kind == "sev") && is_es,
        Protection::Sev => kind.is_none_or(|kind| kind == "sev") && !is_es,
    };
    answer["enabled"].as_bool() == Some(true) && answer["state"] == "running" && fits
}

fn offers(guest: &EncryptionFacts, claimed: Protection) -> bool {
    guest.cpuid.is_some_and(|cpuid| cpuid.offers(claimed))
}

/// The protections in the kernel's line.
fn kernel_protections(guest: &EncryptionFacts) -> Vec<Protection> {
    let line = guest.kernel_line.as_deref().unwrap_or_default();
    let named: Vec<_> = line.split_whitespace().filter_map(Protection::from_kernel_word).collect();
    Protection::ALL.into_iter().filter(|protection| named.contains(protection)).collect()
}

fn launch_evidence(launch: Option<&LaunchRecord>) -> String {
    match launch {
        None => "launch: not by sevbench, so unknown".into(),
        Some(LaunchRecord { protection: None, accelerator: Some(kind), .. }) => {
            format!("launch: {kind}, no protection")
        }
        Some(LaunchRecord { protection: None, accelerator: None, .. }) => {
            "launch: no protection".into()
        }
        Some(LaunchRecord { protection: Some(protection), query_sev, .. }) => {
            let answer = query_sev.as_deref().unwrap_or("nothing");
            format!("launch: {}; QEMU says {answer}", protection.name())
        }
    }
}

fn msr_evidence(guest: &EncryptionFacts) -> String {
    match guest.status_msr {
        None => "MSR 0xC0010131: not readable (needs root, and `modprobe msr` in the guest)".into(),
        Some(status) => {
            let bits = Protection::ALL.into_iter().filter(|p| status & p.status_bit() != 0);
            let names: Vec<String> = bits.map(|protection| protection.to_string()).collect();
            let names =
                if names.is_empty() { "nothing is active".into() } else { names.join(", ") };
            format!("MSR 0xC0010131: {status:#x} ({names})")
        }
    }
}

fn cpuid_evidence(guest: &EncryptionFacts) -> String {
    let Some(cpuid) = guest.cpuid else { return "CPUID 0x8000001F: absent".into() };
    let offered = Protection::ALL.into_iter().filter(|protection| cpuid.offers(*protection));
    let names: Vec<String> = offered.map(|protection| protection.to_string()).collect();
    if names.is_empty() {
        return "CPUID 0x8000001F: no SEV".into();
    }
    format!("CPUID 0x8000001F: {}, C-bit {}", names.join(", "), cpuid.c_bit())
}

fn kernel_evidence(guest: &EncryptionFacts) -> String {
    match (&guest.kernel_line, guest.log_is_readable) {
        (Some(line), _) => format!("kernel: {line}"),
        (None, true) => "kernel: names no memory encryption".into(),
        (None, false) => "kernel: its log is not readable".into(),
    }
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
