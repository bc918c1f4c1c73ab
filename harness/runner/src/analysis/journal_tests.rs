//! Golden journals, and how the end of a run, failures and threads affect its summary.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::super::test_journal::{analyze, analyze_on, five_boots, journal, only, round, setups};
use super::*;
use crate::record::{EndRecord, FailureRecord, MeasuredRecord, RoundSamples};
use serde_json::Value;
use sevbench_protocol::{Observation, Unit};
use sevbench_reports::{Estimate, Flag, Measurand, Verdict};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn golden(name: &str) -> PathBuf {
    sevbench_testing::workspace().join("fixtures/golden").join(name)
}

/// One journal has the first version of the format; the other has a second stage, warm-ups and
/// excluded rounds. Their summaries stay the same, to the bit.
#[test]
fn golden_journals_give_the_golden_summaries() {
    for number in [1, 2] {
        let summary = golden(&format!("summary-{number}.json"));
        let journal = golden(&format!("journal-{number}.ndjson"));
        let journal = crate::record::read_journal(&journal).unwrap();
        assert_eq!(journal.tail.defects, [""; 0]);
        let found = analyze(&journal);
        let expected = std::fs::read_to_string(&summary).unwrap();
        let text = serde_json::to_string_pretty(&found).unwrap() + "\n";
        assert_eq!(text, expected, "{}", summary.display());
        assert_eq!(sevbench_reports::read_summary(&summary).unwrap(), found);
    }
}

/// Fields were added since the first summaries. Old summaries stay readable. Each of their
/// values is the one that the same journal gives today: to the bit, Fieller's to 14 digits. Below
/// five boots there is no trimmed mean any more.
#[test]
fn summaries_of_earlier_versions_have_the_same_values() {
    for (earlier, number) in [
        ("summary-1-first.json", 1),
        ("summary-1-second.json", 1),
        ("summary-2-second.json", 2),
        ("summary-1-third.json", 1),
        ("summary-2-third.json", 2),
        ("summary-1-fourth.json", 1),
        ("summary-2-fourth.json", 2),
    ] {
        let now = golden(&format!("summary-{number}.json"));
        let [before, after] = [golden(earlier), now.clone()].map(|path| {
            serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap()).unwrap()
        });
        assert_contains(&after, &before, earlier);
        let [before, after] =
            [golden(earlier), now].map(|path| sevbench_reports::read_summary(&path).unwrap());
        let lines = |summary: &Summary| -> Vec<(String, Option<String>, Estimate, Verdict)> {
            let lines = summary.comparisons.iter().map(|one| {
                let Measurand { bench, metric, .. } = one.measurand.clone();
                (bench, metric, one.slowdown.clone(), one.verdict)
            });
            lines.collect()
        };
        assert_eq!(lines(&before), lines(&after), "{earlier}");
        let places = |summary: &Summary| {
            summary.run.arms.iter().map(|arm| (arm.place, arm.judged)).collect::<Vec<_>>()
        };
        assert_eq!(places(&before), places(&after), "{earlier}");
    }
}

/// Asserts that every field of `part` is in `whole`, with the same value.
#[track_caller]
fn assert_contains(whole: &Value, part: &Value, path: &str) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (key, value) in part {
                assert_contains(&whole[key], value, &format!("{path}.{key}"));
            }
        }
        (Value::Array(whole), Value::Array(part)) => {
            assert_eq!(whole.len(), part.len(), "{path}");
            for (index, (whole, part)) in whole.iter().zip(part).enumerate() {
                assert_contains(whole, part, &format!("{path}[{index}]"));
            }
        }
        // Of three boots, it trimmed nothing.
        (Value::Null, Value::Object(robust)) if path.ends_with(".robust") => {
            assert_eq!(robust["boots"], 3, "{path}");
        }
        // Its formula has changed since, to one that does not cancel.
        (Value::Number(now), Value::Number(before)) if path.contains(".fieller.") => {
            let (now, before) = (now.as_f64().unwrap(), before.as_f64().unwrap());
            assert!((now / before - 1.0).abs() < 1e-14, "{path}: {now} for {before}");
        }
        _ => assert_eq!(whole, part, "{path}"),
    }
}

#[test]
fn journal_without_an_end_is_truncated() {
    let mut cut = journal(five_boots(None));
    cut.tail.end = None;
    assert_eq!(analyze(&cut).run.outcome, Outcome::Truncated);
}

/// `--max-time` ended the run before a bench had the boots of its second stage.
#[test]
fn benches_without_all_boots_are_flagged_as_cut_off() {
    let flags = |lacking: &[(&str, u32)]| {
        let mut journal = journal(five_boots(None));
        let lacking: BTreeMap<String, u32> =
            lacking.iter().map(|(id, boots)| ((*id).to_owned(), *boots)).collect();
        let is_cut_off = !lacking.is_empty();
        journal.tail.end = Some(EndRecord { outcome: Outcome::Complete, lacking });
        let summary = analyze(&journal);
        assert_eq!(summary.run.cut_off, is_cut_off);
        summary.comparisons[0].flags.contains(&Flag::CutOff)
    };
    assert!(flags(&[("s/a", 4), ("s/b", 1)]));
    assert!(!flags(&[("s/b", 1)]), "the missing boots are of another bench");
    assert!(!flags(&[]));
}

#[test]
fn boots_in_which_the_bench_failed_do_not_count() {
    let mut events = five_boots(None);
    let (bench, arm) = (Some("s/a".into()), "aa".into());
    events.push(Event::Failed(FailureRecord { boot: 3, bench, arm, reason: "wrong byte".into() }));
    let summary = analyze(&journal(events));
    assert_eq!(summary.comparisons[0].slowdown.boots, 4);
    assert_eq!(summary.failed[0].reason, "wrong byte");
}

#[test]
fn result_is_the_same_to_the_bit_on_1_2_and_8_threads() {
    let mut many = journal(Vec::new());
    many.header.benches = (0..40).map(|bench| format!("s/{bench}")).collect();
    many.header.settings.boots = 12;
    for boot in 1..=12 {
        for (index, bench) in many.header.benches.iter().enumerate() {
            for mut event in setups(boot, None) {
                if let Event::Setup(setup) = &mut event {
                    setup.bench.clone_from(bench);
                }
                many.events.push(event);
            }
            let samples = |ns: u64| RoundSamples::ElapsedNs(vec![ns, ns + 3, ns + 1]);
            let spread = 1_000 + 37 * u64::from(boot) % 11 + index as u64;
            let mut event = round(boot, 1, samples(1_000), samples(spread));
            if let Event::Round(round) = &mut event {
                round.bench.clone_from(bench);
            }
            many.events.push(event);
        }
    }
    let on = |threads: usize| serde_json::to_string(&analyze_on(&many, threads).summary).unwrap();
    let one = on(1);
    assert!(
        one.contains("percentile bootstrap over boots"),
        "it resamples, so the order could matter"
    );
    assert_eq!(one, on(2));
    assert_eq!(one, on(8));
}

/// No clock gives such numbers, but a guest can send them.
#[test]
fn largest_numbers_do_not_panic() {
    let mut events = five_boots(None);
    let samples = || RoundSamples::ElapsedNs(vec![u64::MAX; 3]);
    events.push(round(5, 3, samples(), samples()));
    events.push(Event::Measured(MeasuredRecord {
        boot: 5,
        bench: "s/a".into(),
        wall_ns: u64::MAX,
    }));
    events.push(Event::Measured(MeasuredRecord {
        boot: 5,
        bench: "s/a".into(),
        wall_ns: u64::MAX,
    }));
    assert_eq!(only(events).slowdown.rounds, 11);
}

#[test]
fn time_measured_by_outside_programs_counts_as_duty() {
    let samples = || {
        let rate = Observation::rate("rate", 1.0, Unit::Iops);
        RoundSamples::Observations(vec![vec![rate]])
    };
    let mut observed = round(1, 1, samples(), samples());
    if let Event::Round(round) = &mut observed {
        round.arms[0].measured_ns = Some(300);
        round.arms[1].measured_ns = Some(400);
    }
    let mut events = setups(1, None);
    let measured = MeasuredRecord { boot: 1, bench: "s/a".into(), wall_ns: 1_000 };
    events.extend([observed, Event::Measured(measured)]);
    let duty = analyze(&journal(events)).run.duty.unwrap();
    assert_eq!((duty.timed_ns, duty.wall_ns), (700, 1_000));
}

/// "No bench has a result" never stands alone.
#[test]
fn rounds_that_cannot_be_used_say_why() {
    let defects = |change: fn(&mut Vec<Event>)| {
        let mut events = five_boots(None);
        change(&mut events);
        let summary = analyze(&journal(events));
        assert!(summary.comparisons.is_empty(), "{:?}", summary.comparisons);
        summary.run.defects
    };
    let unprepared = defects(|events| events.retain(|event| !matches!(event, Event::Setup(_))));
    assert_eq!(unprepared, ["s/a: 20 rounds ignored, since an arm was not set up in that boot"]);
    let idle = defects(|events| {
        for event in events {
            if let Event::Setup(setup) = event {
                setup.operations = 0;
            }
        }
    });
    assert_eq!(idle[0], "s/a: in nosev it declares no work");
    let other_units = defects(|events| {
        for event in events {
            if let Event::Setup(setup) = event
                && setup.arm == "aa"
            {
                setup.throughput = Some(sevbench_protocol::Throughput::Bytes(64));
            }
        }
    });
    assert_eq!(other_units, ["s/a: its arms report ns and B/s"]);
}

/// Two addresses of one machine make an A/A comparison.
#[test]
fn arms_in_one_boot_of_a_machine_repeat_the_control() {
    let boots = |ids: [&str; 2]| {
        let mut journal = journal(five_boots(None));
        journal.header.arms[1].address = "ssh://root@elsewhere:22".into();
        for (arm, id) in ["nosev", "aa"].into_iter().zip(ids) {
            let facts = sevbench_guest::Facts { boot_id: id.into(), ..Default::default() };
            journal.events.push(Event::Boot(Box::new(crate::record::BootRecord {
                boot: 1,
                arm: arm.into(),
                phases: crate::record::Phases::default(),
                uploaded: false,
                host_key: String::new(),
                agent_resident_bytes: 0,
                launch: None,
                facts,
            })));
        }
        analyze(&journal).run.arms[1].repeats_control
    };
    assert!(boots(["one", "one"]));
    assert!(!boots(["one", "other"]));
    assert!(!boots(["unknown", "unknown"]) && !boots(["", ""]));
}

/// Both lack boots, but only one of them for want of time.
#[test]
fn run_that_lost_its_guests_was_not_cut_off_by_the_time_limit() {
    for (outcome, is_cut_off) in [(Outcome::Complete, true), (Outcome::BootsLost, false)] {
        let mut journal = journal(five_boots(None));
        let lacking = BTreeMap::from([("s/a".to_owned(), 2)]);
        journal.tail.end = Some(EndRecord { outcome, lacking });
        let summary = analyze(&journal);
        assert_eq!(summary.run.cut_off, is_cut_off, "{outcome}");
        assert_eq!(summary.comparisons[0].flags.contains(&Flag::CutOff), is_cut_off, "{outcome}");
    }
}
