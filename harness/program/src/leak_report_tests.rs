//! Tests of the conclusion from each verdict, and of its text and JSON.

use super::*;
use sevbench_guest::leak::SearchResult;

fn arm(name: &str, claimed: Option<Protection>, verdict: LeakVerdict) -> ArmLeak {
    let hits = if verdict == LeakVerdict::Plaintext { 1024 } else { 0 };
    let first = (hits > 0).then(|| Hit {
        address: 0x7f00_0000_1020,
        around_address: 0x7f00_0000_1000,
        around: (0..128).collect(),
    });
    let result = SearchResult {
        read_len: 1_200_000_000,
        nonzero_len: 300_000_000,
        hits,
        first,
        ..SearchResult::default()
    };
    let found = Finding {
        verdict,
        reason: "this and that".into(),
        process_id: 77,
        memory_len: 1 << 30,
        dump_len: 1_200_000_000,
        result,
        pages_in_place: Some(if hits > 0 { 16 } else { 0 }),
    };
    let role = if name == "nosev" { Role::Control } else { Role::Treatment };
    ArmLeak { name: name.into(), claimed, role, found: Ok(found) }
}

#[track_caller]
fn check(arms: Vec<ArmLeak>, words: &[&str], is_fine: bool) {
    let conclusion = LeakReport { dump: "mem", arms }.conclusion();
    for word in words {
        assert!(conclusion.text.contains(word), "no `{word}` in `{}`", conclusion.text);
    }
    assert_eq!(conclusion.is_fine, is_fine, "{}", conclusion.text);
}

fn nosev() -> ArmLeak {
    arm("nosev", None, LeakVerdict::Plaintext)
}

#[test]
fn two_readable_arms_are_not_encrypted() {
    check(
        vec![nosev(), arm("bounce", None, LeakVerdict::Plaintext)],
        &["neither arm is encrypted"],
        true,
    );
}

#[test]
fn answers_of_a_protected_arm_are_distinguished() {
    let snp = |answer| vec![nosev(), arm("snp", Some(Protection::SevSnp), answer)];
    check(snp(LeakVerdict::Ciphertext), &["nosev is not encrypted", "snp is encrypted"], true);
    check(snp(LeakVerdict::UnmappedOrZero), &["the host cannot read the memory of snp"], true);
    check(snp(LeakVerdict::NotThisGuest), &["no conclusion about snp: this and that"], false);
    check(snp(LeakVerdict::Plaintext), &["snp claims sev-snp AND IS NOT PROTECTED"], false);
}

#[test]
fn unreadable_control_gives_no_conclusion() {
    for answer in [LeakVerdict::UnmappedOrZero, LeakVerdict::Ciphertext, LeakVerdict::NotThisGuest]
    {
        let arms = vec![
            arm("nosev", None, answer),
            arm("snp", Some(Protection::SevSnp), LeakVerdict::Ciphertext),
        ];
        check(
            arms,
            &["no conclusion: the secret of the unprotected control nosev", "this and that"],
            false,
        );
    }
    let failed = ArmLeak { found: Err("it burnt".into()), ..nosev() };
    check(vec![failed], &["no conclusion: the control nosev could not be searched"], false);
    check(vec![], &["no conclusion"], false);
    let failed =
        ArmLeak { found: Err("it burnt".into()), ..arm("snp", None, LeakVerdict::Ciphertext) };
    check(vec![nosev(), failed], &["snp has no result"], false);
}

#[test]
fn text_is_aligned_and_shows_the_bytes() {
    let arms = vec![nosev(), arm("snp", Some(Protection::SevSnp), LeakVerdict::Ciphertext)];
    let text = LeakReport { dump: "mem", arms }.text();
    let expected = "\
arm    claims   answer                   dump  guest memory  non-zero  hits
nosev  nothing  plaintext            1.200 GB      1.074 GB    25.0 %  1024
snp    sev-snp  absent: ciphertext   1.200 GB      1.074 GB    25.0 %     0

nosev: this and that; found in 16 of the pages that the guest named (process 77)
nosev: the first hit is at 0x7f0000001020. The bytes around it:
  7f0000001000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  |................|
  7f0000001010  10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f  |................|
  7f0000001020  20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f  | !\"#$%&'()*+,-./|
";
    let squeezed = |text: &str| text.replace("  ", " ").replace("  ", " ");
    assert!(squeezed(&text).starts_with(&squeezed(expected)), "{text}");
}

#[test]
fn document_names_each_answer() {
    let arms = vec![nosev(), arm("snp", Some(Protection::SevSnp), LeakVerdict::NotThisGuest)];
    let value = LeakReport { dump: "gcore", arms }.json();
    assert_eq!(value["schema"], "sevbench/leak/1");
    assert_eq!(value["arms"][0]["answer"], "plaintext");
    assert_eq!(value["arms"][0]["first_hit"]["address"], 0x7f00_0000_1020_u64);
    assert_eq!(value["arms"][1]["answer"], "absent: not this guest's memory");
    assert_eq!(value["fine"], false);
}
