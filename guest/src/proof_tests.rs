//! Proofs from the output of real hosts and guests: QEMU without SEV, and the EPYC 7713P of
//! "Performance Evaluation of AMD Secure Encrypted Virtualization" (Castellotti, TU Munich).

use super::*;
use crate::qemu::AcceleratorKind;
use sevbench_facts::SevCpuid;

/// CPUID of Castellotti's host: SME, SEV, SEV-ES, SEV-SNP, C-bit 51.
const MILAN: SevCpuid = SevCpuid { eax: 0x0101_fd3f, ebx: 0x0000_4173, ecx: 509, edx: 128 };

fn launch(protection: Protection, query_sev: &str) -> LaunchRecord {
    LaunchRecord {
        accelerator: Some(AcceleratorKind::Kvm),
        protection: Some(protection),
        query_sev: Some(query_sev.into()),
        ..LaunchRecord::default()
    }
}

fn snp_launch() -> LaunchRecord {
    let answer = r#"{"enabled":true,"api-major":1,"api-minor":55,"build-id":21,"state":"running","sev-type":"sev-snp","snp-policy":196608}"#;
    launch(Protection::SevSnp, answer)
}

fn snp_guest() -> EncryptionFacts {
    EncryptionFacts {
        status_msr: Some(7),
        cpuid: Some(MILAN),
        log_is_readable: true,
        kernel_line: Some("Memory Encryption Features active: AMD SEV SEV-ES SEV-SNP".into()),
    }
}

fn is_verified(
    claimed: Protection,
    launch: Option<&LaunchRecord>,
    guest: &EncryptionFacts,
) -> bool {
    prove(Some(claimed), launch, guest).verified == Some(true)
}

#[test]
fn claim_is_verified_if_all_evidence_agrees() {
    let proof = prove(Some(Protection::SevSnp), Some(&snp_launch()), &snp_guest());
    assert_eq!((proof.verified, proof.encryption.to_string()), (Some(true), "SEV-SNP".into()));
    assert_eq!(proof.evidence.len(), 4);
    let msr = &proof.evidence[1];
    assert!(msr.text.ends_with("0x7 (SEV, SEV-ES, SEV-SNP)"), "{}", msr.text);
    let witnesses: Vec<Witness> = proof.evidence.iter().map(|one| one.witness).collect();
    assert_eq!(witnesses, [Witness::Host, Witness::Guest, Witness::Guest, Witness::Guest]);
}

#[test]
fn claim_is_not_verified_if_any_evidence_is_missing() {
    let (launch, guest) = (snp_launch(), snp_guest());
    let snp = Protection::SevSnp;
    assert!(!is_verified(snp, None, &guest), "a machine that others have launched");
    let unmade = LaunchRecord { protection: None, ..launch.clone() };
    assert!(!is_verified(snp, Some(&unmade), &guest));
    let disabled =
        LaunchRecord { query_sev: Some(r#"{"enabled":false}"#.into()), ..launch.clone() };
    assert!(!is_verified(snp, Some(&disabled), &guest));
    let unfinished = snp_launch().query_sev.unwrap_or_default().replace("running", "launch-update");
    let unfinished = LaunchRecord { query_sev: Some(unfinished), ..launch.clone() };
    assert!(!is_verified(snp, Some(&unfinished), &guest));
    let garbage = LaunchRecord { query_sev: Some("no".into()), ..launch.clone() };
    assert!(!is_verified(snp, Some(&garbage), &guest));
    for weaker in [
        EncryptionFacts { status_msr: None, ..guest.clone() },
        EncryptionFacts { status_msr: Some(3), ..guest.clone() },
        EncryptionFacts { cpuid: None, ..guest.clone() },
        EncryptionFacts { cpuid: Some(SevCpuid { eax: 0b1010, ..MILAN }), ..guest.clone() },
        EncryptionFacts { kernel_line: None, ..guest.clone() },
        EncryptionFacts {
            kernel_line: Some("AMD Memory Encryption Features active: SEV SEV-ES".into()),
            ..guest.clone()
        },
    ] {
        assert!(!is_verified(snp, Some(&launch), &weaker), "{weaker:?}");
    }
    assert!(!is_verified(Protection::Sev, Some(&launch), &guest), "more than what is claimed");
}

#[test]
fn policy_tells_sev_and_sev_es_apart() {
    let guest = |status_msr, line: &str| EncryptionFacts {
        status_msr: Some(status_msr),
        kernel_line: Some(format!("AMD Memory Encryption Features active: {line}")),
        ..snp_guest()
    };
    let es = r#"{"enabled":true,"state":"running","sev-type":"sev","policy":5}"#;
    let es = launch(Protection::SevEs, es);
    assert!(is_verified(Protection::SevEs, Some(&es), &guest(3, "SEV SEV-ES")));
    let sev = launch(Protection::Sev, r#"{"enabled":true,"state":"running","policy":1}"#);
    assert!(is_verified(Protection::Sev, Some(&sev), &guest(1, "SEV")));
    assert!(!is_verified(Protection::SevEs, Some(&sev), &guest(3, "SEV SEV-ES")));
}

#[test]
fn machine_without_protection_claims_nothing() {
    let guest = EncryptionFacts {
        status_msr: Some(0),
        cpuid: None,
        log_is_readable: true,
        kernel_line: None,
    };
    let accelerator = Some(AcceleratorKind::Tcg);
    let launch = LaunchRecord { accelerator, ..LaunchRecord::default() };
    let proof = prove(None, Some(&launch), &guest);
    assert_eq!((proof.verified, proof.encryption), (None, EncryptionState::Off));
    let texts: Vec<String> = proof.evidence.into_iter().map(|one| one.text).collect();
    assert_eq!(
        texts,
        [
            "launch: TCG, no protection",
            "MSR 0xC0010131: 0x0 (nothing is active)",
            "CPUID 0x8000001F: absent",
            "kernel: names no memory encryption",
        ]
    );
    let blind = prove(None, None, &EncryptionFacts::default());
    assert_eq!(blind.encryption, EncryptionState::Unknown);
}
