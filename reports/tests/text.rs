//! The text rendering of a stored summary.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sevbench_reports::{
    Against, BootGroup, BootGroups, Change, ChangeRow, Estimand, Estimate, GateDecision, GateLine,
    GateReport, Measurand, NoiseFloor, Overridden, OverriddenFraction, Place, Prospect,
    RecordComparison, RecordDifference, Summary, TextOptions, Undecided, UndecidedReason, Verdict,
    read_summary, render_gate, render_record_comparison, render_text,
};
use std::path::Path;

fn golden() -> Summary {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/golden/summary-1.json");
    read_summary(&path).unwrap()
}

#[test]
fn results_come_first_then_notes_then_the_arms() {
    insta::assert_snapshot!(render_text(&golden(), TextOptions::default()), @r#"
    bench                    nosev           injected  slowdown [95 % interval]  injected/nosev  verdict (margin 3 %, mean)  flags
    trials/spin           1.248 ns           1.376 ns  1.102 [1.030, 1.179]               1.102  regressed                   injected
    trials/rate  2.302 Gelements/s  2.301 Gelements/s  0.995 [0.787, 1.258]               1.000  inconclusive                injected
    geometric mean of 2 benches in injected: 1.047 [0.913, 1.201]
    chance that a new run decides inconclusive benches: trials/rate 17 % with --boots 6, 26 % with --boots 12 (113 boots, about 27 s, narrow it to about ±1.5 %)
    1 outlier round (kept; --verbose lists it)
    skipped: trials/program in injected: a slowdown can be injected into a timed closure only, not into an outside program (hint: measure this bench without `spin=`)
    skipped: trials/skips in injected, nosev: this guest has no flux capacitor (hint: add one)
    failed: trials/panics in injected (boots 1, 2, 3), nosev (boots 1, 2, 3): panicked: one is not above one (harness/examples/trials.rs:21:15)

    control: nosev (loopback): a process on this machine, kernel 6.1.0-42-amd64, AMD EPYC 9654 96-Core Processor, 2 CPUs, 25.28 GB
    treatment: injected (loopback): a process on this machine, slowdown of 1.1 injected, kernel 6.1.0-42-amd64, AMD EPYC 9654 96-Core Processor, 2 CPUs, 25.28 GB
    apart from the injected slowdown, this compares a machine with itself (A/A)
    limit of 3 boots: if 63 % of all boots were slow, one run in twenty would have none of them
    duty: 92.6 % of the measuring phase was timed
    "#);
}

#[test]
fn line_with_a_confidence_level_of_its_own_says_so() {
    let mut summary = golden();
    let third = summary.comparisons[1].clone();
    summary.comparisons.push(third);
    summary.comparisons[0].slowdown.confidence = 0.99;
    let text = render_text(&summary, TextOptions::default());
    assert!(text.contains("slowdown [95 % interval]"), "{text}");
    assert!(text.contains("1.102 [1.030, 1.179] (99 %)"), "{text}");
    assert_eq!(text.matches("(99 %)").count(), 1, "{text}");
    summary.comparisons[1].margin = 0.1;
    let values = OverriddenFraction { run: 0.03, analysis: 0.12, of_benches: 1 };
    let judge = Overridden::Judge { run: Estimand::Both, analysis: Estimand::Mean };
    summary.run.overridden = vec![Overridden::Margin(values), judge];
    let text = render_text(&summary, TextOptions::default());
    assert!(text.contains("verdict (margin 3 %, mean)"), "{text}");
    assert!(text.contains("inconclusive (10 %)"), "{text}");
    let both = "margin: 12 % in this analysis, 3 % (and other values for 1 bench) in the run";
    assert!(text.contains(both), "{text}");
    let judged = "verdicts: about the mean in this analysis, the mean and median in the run";
    assert!(text.contains(judged), "{text}");
}

/// One line tells the groups of a bench's boots.
#[test]
fn groups_of_boots_are_told_with_their_values() {
    let mut summary = golden();
    let group = |boots, slowdown| BootGroup { boots, slowdown };
    summary.comparisons[0].groups = Some(BootGroups {
        lower: group(8, 1.001),
        upper: group(2, 1.104),
        arms: vec!["injected".into()],
    });
    let text = render_text(&summary, TextOptions::default());
    let line = "boots fall into two groups: trials/spin: 8 near 1.001, 2 near 1.104 (so do the times \
                of injected)";
    assert!(text.lines().any(|shown| shown == line), "{text}");
}

/// One line tells what longer runs could decide; another names what none could.
#[test]
fn prospects_of_longer_runs_are_told() {
    let mut summary = golden();
    let prospect = Prospect {
        chance_double: 0.41,
        chance_quadruple: 0.8,
        boots: Some(35),
        seconds: Some(8.0),
    };
    summary.comparisons[1].prospect = Some(prospect);
    let text = render_text(&summary, TextOptions::default());
    let line = "chance that a new run decides inconclusive benches: trials/rate 41 % with --boots 6, \
                80 % with --boots 12 (35 boots, about 8.0 s, narrow it to about ±1.5 %)";
    assert!(text.lines().any(|shown| shown == line), "{text}");
    let hopeless =
        Prospect { chance_double: 0.01, chance_quadruple: 0.02, boots: None, seconds: None };
    summary.comparisons[1].prospect = Some(hopeless);
    let text = render_text(&summary, TextOptions::default());
    assert!(
        text.contains("too noisy on this host to be decided within a day: trials/rate;"),
        "{text}"
    );
    summary.comparisons[1].slowdown.boots = 2;
    let text = render_text(&summary, TextOptions::default());
    assert!(text.contains("too few boots for a verdict: at least 3"), "{text}");
    assert!(!text.contains("too noisy"), "{text}");
}

/// One line names the benches whose mean is not that of a typical boot.
#[test]
fn median_boot_is_shown_where_it_differs_from_the_mean() {
    let mut summary = golden();
    let typical = |estimate: f64, [low, high]: [f64; 2]| {
        Some(Estimate {
            estimate,
            low: Some(low),
            high: Some(high),
            confidence: 0.979,
            ..summary.comparisons[0].slowdown.clone()
        })
    };
    // The mean is 1.102 [1.030, 1.179].
    let near = typical(1.09, [1.05, 1.12]);
    let (beside, narrow) = (typical(1.01, [0.99, 1.2]), typical(1.05, [1.04, 1.06]));
    summary.comparisons[0].typical = near;
    assert!(!render_text(&summary, TextOptions::default()).contains("median boot"));
    for (differs, shown) in [(beside, "1.010 [0.990, 1.200]"), (narrow, "1.050 [1.040, 1.060]")] {
        summary.comparisons[0].typical = differs;
        let text = render_text(&summary, TextOptions::default());
        let line = format!("the median boot differs from the mean: trials/spin {shown}\n");
        assert!(text.contains(&line), "{text}");
    }
}

#[test]
fn verbose_adds_the_other_estimates() {
    let mut summary = golden();
    let factor = summary.comparisons[0].slowdown.clone();
    summary.comparisons[0].change = Some(Change {
        baseline: "main".into(),
        factor,
        p_regressed: Some(0.01),
        p_regressed_holm: Some(0.02),
        verdict: Verdict::Regressed,
        resolution: None,
    });
    let text = render_text(&summary, TextOptions { verbose: true, colour: false });
    for part in [
        "robust",
        "detectable",
        "ratio of means",
        "bootstrap",
        "45/—/55 %",
        "outlier: trials/rate in injected, boot 3, round 3: high mild",
        "change since main",
        "seed: 1; boots: 3",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
}

#[test]
fn noise_floor_counts_the_intervals_that_contain_one() {
    let mut summary = golden();
    let (arm, benches, median, largest) = ("aa".into(), 20, 0.012, 0.034);
    summary.run.noise_floor = Some(NoiseFloor { arm, benches, median, largest, hold_one: 19 });
    let text = render_text(&summary, TextOptions::default());
    let expected = "noise floor (A/A in aa): the median interval is ±1.2 %, the widest ±3.4 %; \
                    19 of 20 contain 1";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn text_from_a_guest_is_escaped() {
    let mut summary = golden();
    summary.failed[0].reason = "\x1b[2Jgone\n".into();
    summary.run.arms[0].description = "\x1b]0;title\x07".into();
    let text = render_text(&summary, TextOptions { verbose: true, colour: false });
    assert!(!text.contains(['\x1b', '\x07']), "{text}");
}

/// It is said once: of the arm beside other treatments, of the whole run otherwise.
#[test]
fn repeated_control_is_named_once() {
    let mut summary = golden();
    let of_arm = "; repeats the control (A/A)";
    let of_run = "this compares a machine with itself (A/A)";
    let said = |summary: &Summary| {
        let text = render_text(summary, TextOptions::default());
        [of_arm, of_run].map(|part| text.matches(part).count())
    };
    let [control, treatment] = &mut summary.run.arms[..] else { panic!("not two arms") };
    (control.place, treatment.place) = (Some(Place::Ssh), Some(Place::Ssh));
    (treatment.injected, treatment.repeats_control) = (None, true);
    let other = treatment.clone();
    assert_eq!(said(&summary), [0, 1]);
    summary.run.arms.push(sevbench_reports::ArmSummary { repeats_control: false, ..other });
    assert_eq!(said(&summary), [1, 0]);
}

/// Replaces every text of a document that a guest or someone else could have written.
fn poison(value: &mut Value, key: &str, poisoned: &mut u32) {
    const WORDS: [&str; 17] = [
        "schema",
        "role",
        "claimed",
        "encryption",
        "place",
        "outcome",
        "unit",
        "verdict",
        "estimand",
        "margin_source",
        "kind",
        "label",
        "class",
        "against",
        "decision",
        "witness",
        "judge",
    ];
    match value {
        // A gate's reason is one of few words.
        Value::String(text) if !WORDS.contains(&key) && text != "inconclusive" => {
            *text = format!("\x1b[2J{text}\u{9b}\u{202e}\r\nforged row");
            *poisoned += 1;
        }
        Value::Array(items) => items.iter_mut().for_each(|item| poison(item, key, poisoned)),
        Value::Object(fields) => {
            fields.iter_mut().for_each(|(key, value)| poison(value, key, poisoned));
        }
        _ => {}
    }
}

/// Whatever a record holds, it neither steers the terminal nor looks like a line of ours.
#[test]
fn no_text_of_a_record_reaches_the_terminal_raw() {
    for number in [1, 2] {
        let path = format!("../fixtures/golden/summary-{number}.json");
        let text =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let mut value: Value = serde_json::from_str(&text).unwrap();
        let mut poisoned = 0;
        poison(&mut value, "", &mut poisoned);
        assert!(poisoned > 40, "{poisoned}");
        let summary: Summary = serde_json::from_value(value).unwrap();
        let text = render_text(&summary, TextOptions { verbose: true, colour: false });
        let title = sevbench_reports::render_title(&summary);
        for line in text.lines().chain(title.lines()) {
            let is_raw = |c: char| c.is_control() || c == '\u{202e}';
            assert!(!line.contains(is_raw), "{line:?}");
            assert!(!line.starts_with("forged"), "{line:?}");
        }
        assert!(text.contains("\\u{1b}[2J"), "{text}");
    }
}

/// The same of a comparison of two records, and of a gate's line.
#[test]
fn no_text_of_two_records_or_a_gate_reaches_the_terminal_raw() {
    let summary = golden();
    let row = &summary.comparisons[0];
    let change = Change {
        baseline: "main".into(),
        factor: row.slowdown.clone(),
        p_regressed: None,
        p_regressed_holm: None,
        verdict: Verdict::Regressed,
        resolution: None,
    };
    let comparison = RecordComparison {
        schema: "s".into(),
        before: "main".into(),
        now: "latest".into(),
        changes: vec![ChangeRow {
            measurand: row.measurand.clone(),
            treatment: row.treatment.clone(),
            before: row.slowdown.clone(),
            now: row.slowdown.clone(),
            change,
            margin: 0.03,
            flags: Vec::new(),
        }],
        only_before: vec!["a/b".into()],
        only_now: vec!["a/c".into()],
        differences: vec![RecordDifference {
            what: "kernel".into(),
            before: "6.1".into(),
            now: "6.2".into(),
        }],
    };
    let line = |arm: &str| GateLine { measurand: Some(row.measurand.clone()), arm: arm.into() };
    let gate = GateReport {
        against: Against::Margin,
        baseline: Some("main".into()),
        alpha: 0.05,
        judge: Estimand::Both,
        decision: GateDecision::Regressed,
        regressed: vec![line("snp")],
        by_mean: vec![line("sev-es")],
        undecided: vec![Undecided {
            line: Some(line("sev")),
            reason: UndecidedReason::Inconclusive,
        }],
        refusal: Some("no reason".into()),
    };
    let decisions = [GateDecision::Regressed, GateDecision::Inconclusive, GateDecision::Refused];
    let gates =
        decisions.map(|decision| render_gate(&poisoned(&GateReport { decision, ..gate.clone() })));
    for text in gates.into_iter().chain([render_record_comparison(&poisoned(&comparison))]) {
        assert!(text.contains("\\u{1b}[2J"), "{text}");
        for line in text.lines() {
            let is_raw = |c: char| c.is_control() || c == '\u{202e}';
            assert!(!line.contains(is_raw) && !line.starts_with("forged"), "{line:?}");
        }
    }
}

fn poisoned<T: Serialize + DeserializeOwned>(document: &T) -> T {
    let (mut value, mut count) = (serde_json::to_value(document).unwrap(), 0);
    poison(&mut value, "", &mut count);
    assert!(count > 3, "{count}");
    serde_json::from_value(value).unwrap()
}

#[test]
fn colour_changes_only_the_verdict() {
    let mut summary = golden();
    summary.comparisons[0].measurand = Measurand::of_bench("trials/regressed");
    let coloured = render_text(&summary, TextOptions { verbose: false, colour: true });
    assert!(coloured.contains("  \x1b[31mregressed\x1b[0m  "), "{coloured}");
    let plain = coloured.replace("\x1b[31m", "").replace("\x1b[33m", "").replace("\x1b[0m", "");
    assert_eq!(plain, render_text(&summary, TextOptions::default()));
}
