//! The analysis on small journals whose results are known.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::record::{
    ArmRound, BootRecord, EndRecord, Event, ExtendedRecord, FailureRecord, Header, JOURNAL_SCHEMA,
    Journal, MeasuredRecord, Phases, RoundRecord, RoundSamples, Settings, SetupRecord, Tail,
    WarmUpRecord,
};
use serde_json::Value;
use sevbench_guest::Facts;
use sevbench_protocol::{Conditions, Observation, SampleKind, Throughput, Unit};
use sevbench_reports::{
    self as model, Comparison, Estimate, Flag, Measurand, Outcome, Role, Verdict,
};
use sevbench_statistics::Pivot;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

#[path = "observation_tests.rs"]
mod observation;
#[path = "run_course_tests.rs"]
mod run_course;

fn analyze(journal: &Journal) -> Result<Summary, AnalysisError> {
    whole(journal, 1).map(|analysis| analysis.summary)
}

fn whole(journal: &Journal, threads: usize) -> Result<Analysis, AnalysisError> {
    let mut analysis = JournalAnalysis::new(journal.header.clone(), Overrides::default());
    journal.events.iter().for_each(|event| analysis.event(event));
    analysis.finish(&journal.tail, threads)
}

fn golden(name: &str) -> PathBuf {
    sevbench_testing::workspace().join("fixtures/golden").join(name)
}

/// Journals of the first version, and of one with a second stage, warm-ups and interference, give
/// the same summaries to the bit for as long as their form stays.
#[test]
fn golden_journals_give_the_golden_summaries() {
    for number in [1, 2] {
        let summary = golden(&format!("summary-{number}.json"));
        let journal = golden(&format!("journal-{number}.ndjson"));
        let journal = crate::record::read_journal(&journal).unwrap();
        assert_eq!(journal.tail.defects, [""; 0]);
        let found = analyze(&journal).unwrap();
        let expected = std::fs::read_to_string(&summary).unwrap();
        let text = serde_json::to_string_pretty(&found).unwrap() + "\n";
        assert_eq!(text, expected, "{}", summary.display());
        assert_eq!(sevbench_reports::read_summary(&summary).unwrap(), found);
    }
}

/// Fields were added twice since the first summaries. Every value of an old document is, to the bit,
/// the one that the same journal gives today, and old documents stay readable.
#[test]
fn summaries_of_earlier_versions_hold_the_values_of_today() {
    for (earlier, number) in
        [("summary-1-first.json", 1), ("summary-1-second.json", 1), ("summary-2-second.json", 2)]
    {
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

/// Every field of `part` is in `whole` with the same value.
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
        _ => assert_eq!(whole, part, "{path}"),
    }
}

const FIVE: [f64; 5] = [1.063, 1.078, 1.071, 1.098, 1.059];

fn arm(name: &str, role: Role) -> ArmRecord {
    let (name, address) = (name.into(), "loopback".into());
    let (claimed, spin_factor, declares) = (None, None, Vec::new());
    ArmRecord { name, role, address, claimed, spin_factor, rebooted: true, declares }
}

fn journal(events: Vec<Event>) -> Journal {
    let settings = Settings {
        margin_source: None,
        boots: 5,
        precision_percent: None,
        max_time_ns: None,
        rounds: 2,
        samples: 1,
        warm_up_ns: 1,
        measurement_ns: 1,
        observation_ns: 1,
        timeout_ns: 1,
        boot_timeout_ns: None,
        no_pause: false,
        confidence: 0.95,
        margin_percent: 3.0,
        margins: Vec::new(),
    };
    let header = Header {
        schema: JOURNAL_SCHEMA.into(),
        id: "id".into(),
        suite: "s".into(),
        testbed: "loopback".into(),
        started: String::new(),
        seed: 1,
        sevbench_version: String::new(),
        executable_sha256: String::new(),
        host: BTreeMap::new(),
        arms: vec![arm("nosev", Role::Control), arm("aa", Role::Treatment)],
        benches: vec!["s/a".into()],
        settings,
    };
    let end = Some(EndRecord { outcome: Outcome::Complete, lacking: BTreeMap::new() });
    Journal { header, events, tail: Tail { end, defects: Vec::new() } }
}

fn setups(boot: u32, throughput: Option<Throughput>) -> Vec<Event> {
    let setup = |name: &str| {
        let (bench, arm) = ("s/a".into(), name.into());
        Event::Setup(SetupRecord {
            boot,
            bench,
            arm,
            kind: SampleKind::Timed,
            throughput,
            operations: 2,
        })
    };
    vec![setup("nosev"), setup("aa")]
}

fn round(boot: u32, round: u32, control: RoundSamples, treated: RoundSamples) -> Event {
    let arm_round = |arm: &str, samples| ArmRound {
        arm: arm.into(),
        samples,
        measured_ns: None,
        conditions: Conditions::default(),
    };
    let (control, treated) = (arm_round("nosev", control), arm_round("aa", treated));
    let arms = vec![treated, control];
    Event::Round(RoundRecord { boot, bench: "s/a".into(), round, at_ns: 1, iterations: 10, arms })
}

/// Five boots of two rounds whose log ratios have the reference ratios as their boot means.
fn five_boots(throughput: Option<Throughput>) -> Vec<Event> {
    let mut events = Vec::new();
    for (boot, ratio) in (1..).zip(FIVE) {
        events.extend(setups(boot, throughput));
        for (number, spread) in [(1, 1.5), (2, 1.0 / 1.5)] {
            let treated = (1e12 * ratio * spread).round() as u64;
            let samples = |ns| RoundSamples::ElapsedNs(vec![ns]);
            events.push(round(boot, number, samples(1_000_000_000_000), samples(treated)));
        }
    }
    events
}

fn only(events: Vec<Event>) -> Comparison {
    let mut comparisons = analyze(&journal(events)).unwrap().comparisons;
    assert_eq!(comparisons.len(), 1);
    comparisons.remove(0)
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 1e-9, "{found} for {expected}");
}

#[test]
fn the_reference_ratios_give_the_reference_interval() {
    let comparison = only(five_boots(None));
    near(comparison.slowdown.estimate, 1.073_712_376_8);
    near(comparison.slowdown.low.unwrap(), 1.054_866_944_2);
    near(comparison.slowdown.high.unwrap(), 1.092_894_487_1);
    assert_eq!((comparison.slowdown.boots, comparison.slowdown.rounds), (5, 10));
    let found = (comparison.verdict, comparison.unit);
    assert_eq!(found, (Verdict::Regressed, model::Unit::Nanoseconds));
    // 10¹² ns for 10 iterations of 2 operations.
    near(comparison.control.mean, 5e10);
}

#[test]
fn a_rate_is_shown_as_one_and_compared_as_a_cost() {
    let comparison = only(five_boots(Some(Throughput::Bytes(500))));
    near(comparison.slowdown.estimate, 1.073_712_376_8);
    near(comparison.control.mean, 5.0);
    assert_eq!(comparison.unit, model::Unit::BytesPerSecond);
}

#[test]
fn a_single_boot_is_conditional_and_uses_its_rounds() {
    let events: Vec<Event> = five_boots(None).into_iter().take(4).collect();
    let comparison = only(events);
    assert_eq!((comparison.slowdown.boots, comparison.slowdown.rounds), (1, 2));
    assert!(comparison.flags.contains(&Flag::ConditionalOnThisBoot));
    assert!(comparison.slowdown.low.is_some());
}

#[test]
fn a_single_round_has_no_interval() {
    let events: Vec<Event> = five_boots(None).into_iter().take(3).collect();
    let comparison = only(events);
    assert_eq!((comparison.slowdown.low, comparison.verdict), (None, Verdict::Inconclusive));
}

#[test]
fn a_boot_in_which_the_bench_failed_does_not_count() {
    let mut events = five_boots(None);
    let (bench, arm) = (Some("s/a".into()), "aa".into());
    events.push(Event::Failed(FailureRecord { boot: 3, bench, arm, reason: "wrong byte".into() }));
    let summary = analyze(&journal(events)).unwrap();
    assert_eq!(summary.comparisons[0].slowdown.boots, 4);
    assert_eq!(summary.failed[0].reason, "wrong byte");
}

#[test]
fn the_result_is_the_same_to_the_bit_on_1_2_and_8_threads() {
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
    let on =
        |threads: usize| serde_json::to_string(&whole(&many, threads).unwrap().summary).unwrap();
    let one = on(1);
    assert!(
        one.contains("percentile bootstrap over boots"),
        "resampled, so that order could matter"
    );
    assert_eq!(one, on(2));
    assert_eq!(one, on(8));
}

#[test]
fn a_round_that_one_arm_lacks_is_left_out_and_counted() {
    let mut events = five_boots(None);
    let Some(Event::Round(round)) =
        events.iter_mut().find(|event| matches!(event, Event::Round(_)))
    else {
        panic!("no round");
    };
    round.arms.retain(|arm| arm.arm == "nosev");
    let comparison = only(events);
    assert_eq!((comparison.unpaired_rounds, comparison.slowdown.rounds), (1, 9));
    let expected = [Flag::TailEffect, Flag::RoundsUnpaired(1), Flag::UnequalRounds];
    assert_eq!(comparison.flags, expected);
}

#[test]
fn what_the_ledger_leaves_out_is_shown_with_its_effect() {
    let mut events = five_boots(None);
    let last = events.iter_mut().rfind(|event| matches!(event, Event::Round(_)));
    let Some(Event::Round(round)) = last else { panic!("no round") };
    // The guest's clock says twice what the host's does.
    round.arms[0].conditions.guest_ns = Some(2_000_000_000);
    round.arms[0].conditions.host_ns = Some(1_000_000_000);
    let summary = analyze(&journal(events)).unwrap();
    let comparison = &summary.comparisons[0];
    assert_eq!((summary.exclusions.len(), comparison.slowdown.rounds), (1, 9));
    near(comparison.unexcluded.as_ref().unwrap().estimate, 1.073_712_376_8);
    assert!((comparison.slowdown.estimate - 1.073_712_376_8).abs() > 1e-3);
}

/// Two benches: the mean of both inside each boot, then the t over boots.
#[test]
fn the_geometric_mean_is_taken_inside_boots() {
    let mut events = five_boots(None);
    let mut second = five_boots(None);
    for event in &mut second {
        match event {
            Event::Setup(setup) => setup.bench = "s/b".into(),
            Event::Round(round) => round.bench = "s/b".into(),
            _ => {}
        }
    }
    events.extend(second);
    let mut journal = journal(events);
    journal.header.benches.push("s/b".into());
    let summary = analyze(&journal).unwrap();
    let overall = &summary.overall[0];
    assert_eq!((overall.treatment.as_str(), overall.benches), ("aa", 2));
    near(overall.slowdown.low.unwrap(), 1.054_866_944_2);
    near(overall.slowdown.high.unwrap(), 1.092_894_487_1);
    let floor = summary.run.noise_floor.unwrap();
    assert_eq!((floor.arm.as_str(), floor.benches, floor.hold_one), ("aa", 2, 0));
    assert!(summary.comparisons.iter().all(|comparison| comparison.judged), "it is all there is");
    // Boots that lack a bench are not in it, nor are their rounds.
    journal.events.retain(|event| match event {
        Event::Round(round) => round.bench != "s/b" || round.boot <= 3,
        _ => true,
    });
    let summary = analyze(&journal).unwrap();
    let slowdown = &summary.overall[0].slowdown;
    assert_eq!((slowdown.boots, slowdown.rounds), (3, 12));
    let text = sevbench_reports::render_text(&summary, sevbench_reports::TextOptions::default());
    let words = "geometric mean of 2 benches in aa (over the 3 boots that have all of them): ";
    assert!(text.contains(words), "{text}");
}

/// Beside another treatment the control against itself shows the noise, and no gate judges it.
#[test]
fn the_control_against_itself_is_the_noise_floor_of_other_treatments() {
    let mut journal = journal(five_boots(None));
    let other = ArmRecord { address: "ssh://root@h".into(), ..arm("other", Role::Treatment) };
    journal.header.arms.push(other);
    for event in &mut journal.events {
        if let Event::Round(round) = event {
            let copy = ArmRound { arm: "other".into(), ..round.arms[0].clone() };
            round.arms.push(copy);
        }
    }
    let setups: Vec<Event> = journal
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Setup(setup) => {
                Some(Event::Setup(SetupRecord { arm: "other".into(), ..setup.clone() }))
            }
            _ => None,
        })
        .collect();
    let rounds = std::mem::take(&mut journal.events);
    let by_boot = |boot: u32| {
        let of_boot = move |event: &&Event| match event {
            Event::Setup(setup) => setup.boot == boot,
            Event::Round(round) => round.boot == boot,
            _ => false,
        };
        setups
            .iter()
            .filter(of_boot)
            .chain(rounds.iter().filter(of_boot))
            .cloned()
            .collect::<Vec<_>>()
    };
    journal.events = (1..=5).flat_map(by_boot).collect();
    let summary = analyze(&journal).unwrap();
    let judged = summary.comparisons.iter().map(|one| (one.treatment.as_str(), one.judged));
    assert_eq!(judged.collect::<Vec<_>>(), [("aa", false), ("other", true)]);
    assert!(summary.comparisons[0].flags.contains(&Flag::ControlRepeated));
    assert_eq!(summary.run.noise_floor.unwrap().arm, "aa");
}

#[test]
fn arms_that_report_in_different_units_are_not_compared() {
    let mut events = setups(1, None);
    let sample = |unit| RoundSamples::Observations(vec![vec![Observation::rate("x", 2.0, unit)]]);
    events.push(round(1, 1, sample(Unit::Iops), sample(Unit::BytesPerSecond)));
    assert_eq!(analyze(&journal(events)).unwrap().comparisons, []);
}

/// Numbers that no clock gives, but a guest can send.
#[test]
fn numbers_at_the_end_of_their_range_are_no_panic() {
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
fn a_bench_whose_rounds_are_all_excluded_is_shown_without_an_interval() {
    let mut events = five_boots(None);
    for event in &mut events {
        if let Event::Round(round) = event {
            (round.arms[0].conditions.guest_ns, round.arms[0].conditions.host_ns) =
                (Some(2_000_000_000), Some(1_000_000_000));
        }
    }
    let comparison = only(events);
    assert_eq!((comparison.slowdown.boots, comparison.slowdown.low), (0, None));
    assert!(comparison.flags.contains(&Flag::AllRoundsExcluded));
    near(comparison.unexcluded.unwrap().low.unwrap(), 1.054_866_944_2);
    near(comparison.control.mean, 5e10);
}
