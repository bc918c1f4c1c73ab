//! What is concluded from which answers, and how it is shown.

use super::*;
use sevbench_guest::leak::SearchResult;

fn arm(name: &str, claimed: Option<&'static str>, answer: LeakVerdict) -> ArmLeak {
    let hits = if answer == LeakVerdict::Plaintext { 1024 } else { 0 };
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
        verdict: answer,
        reason: "this and that".into(),
        process_id: 77,
        memory_len: 1 << 30,
        dump_len: 1_200_000_000,
        result,
        pages_in_place: Some(if hits > 0 { 16 } else { 0 }),
    };
    ArmLeak { name: name.into(), claimed, is_control: name == "nosev", found: Ok(found) }
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
fn two_readable_arms_are_both_not_encrypted() {
    check(
        vec![nosev(), arm("bounce", None, LeakVerdict::Plaintext)],
        &["neither arm is encrypted"],
        true,
    );
}

#[test]
fn the_answers_of_a_protected_arm_are_told_apart() {
    let snp = |answer| vec![nosev(), arm("snp", Some("sev-snp"), answer)];
    check(snp(LeakVerdict::Ciphertext), &["nosev is not encrypted", "snp is encrypted"], true);
    check(snp(LeakVerdict::UnmappedOrZero), &["snp is out of the host's reach"], true);
    check(snp(LeakVerdict::NotThisGuest), &["no conclusion on snp: this and that"], false);
    check(snp(LeakVerdict::Plaintext), &["snp claims sev-snp AND IS NOT PROTECTED"], false);
}

#[test]
fn without_a_readable_control_there_is_no_conclusion() {
    for answer in [LeakVerdict::UnmappedOrZero, LeakVerdict::Ciphertext, LeakVerdict::NotThisGuest]
    {
        let arms =
            vec![arm("nosev", None, answer), arm("snp", Some("sev-snp"), LeakVerdict::Ciphertext)];
        check(arms, &["no conclusion: the secret of the control nosev", "this and that"], false);
    }
    let failed = ArmLeak { found: Err("it burnt".into()), ..nosev() };
    check(vec![failed], &["no conclusion: the control nosev could not be searched"], false);
    check(vec![], &["no conclusion"], false);
    let failed =
        ArmLeak { found: Err("it burnt".into()), ..arm("snp", None, LeakVerdict::Ciphertext) };
    check(vec![nosev(), failed], &["nothing is known of snp"], false);
}

#[test]
fn the_text_is_aligned_and_shows_the_bytes() {
    let arms = vec![nosev(), arm("snp", Some("sev-snp"), LeakVerdict::Ciphertext)];
    let text = LeakReport { dump: "mem", arms }.text();
    let expected = "\
arm    claims   answer                   dump  guest memory  non-zero  hits
nosev  nothing  plaintext            1.200 GB      1.074 GB    25.0 %  1024
snp    sev-snp  absent: ciphertext   1.200 GB      1.074 GB    25.0 %     0

nosev: this and that; 16 pages that the guest names hold it (process 77)
nosev: the first hit is at 0x7f0000001020, and this is around it:
  7f0000001000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  |................|
  7f0000001010  10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f  |................|
  7f0000001020  20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f  | !\"#$%&'()*+,-./|
";
    let squeezed = |text: &str| text.replace("  ", " ").replace("  ", " ");
    assert!(squeezed(&text).starts_with(&squeezed(expected)), "{text}");
}

#[test]
fn the_document_holds_the_four_answers_by_name() {
    let arms = vec![nosev(), arm("snp", Some("sev-snp"), LeakVerdict::NotThisGuest)];
    let value = LeakReport { dump: "gcore", arms }.json();
    assert_eq!(value["schema"], "sevbench/leak/1");
    assert_eq!(value["arms"][0]["answer"], "plaintext");
    assert_eq!(value["arms"][0]["first_hit"]["address"], 0x7f00_0000_1020_u64);
    assert_eq!(value["arms"][1]["answer"], "absent: not this guest's memory");
    assert_eq!(value["fine"], false);
}
