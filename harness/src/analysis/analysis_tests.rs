//! The analysis on small journals whose results are known.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::bench::{Observation, SampleKind, Throughput, Unit};
use crate::record::{
    ArmRound, BootRecord, EndRecord, Event, ExtendedRecord, FailureRecord, Header, JOURNAL_SCHEMA,
    Journal, MeasuredRecord, Phases, RoundRecord, RoundSamples, Settings, SetupRecord, Tail,
    WarmUpRecord,
};
use crate::statistics::Pivot;
use sevbench_guest::Facts;
use sevbench_reports::{Comparison, Outcome};
use std::collections::{BTreeMap, HashMap};

fn analyze(journal: &Journal) -> Result<Summary, AnalysisError> {
    whole(journal, 1).map(|analysis| analysis.summary)
}

fn whole(journal: &Journal, threads: usize) -> Result<Analysis, AnalysisError> {
    let mut analysis = JournalAnalysis::new(journal.header.clone(), Overrides::default());
    journal.events.iter().for_each(|event| analysis.event(event));
    analysis.finish(&journal.tail, threads)
}

/// Stored journals give the same summaries, to the bit, for as long as their form stays: one as the first version wrote it, and one
/// with a second stage, warm-ups and what came from outside.
#[test]
fn the_golden_journals_give_the_golden_summaries() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/golden");
    for number in [1, 2] {
        let (journal, summary) =
            (format!("journal-{number}.ndjson"), format!("summary-{number}.json"));
        let journal = crate::record::read_journal(&golden.join(journal)).unwrap();
        assert_eq!(journal.tail.defects, [""; 0]);
        let expected = std::fs::read_to_string(golden.join(&summary)).unwrap();
        let found = analyze(&journal).unwrap();
        assert_eq!(serde_json::to_string_pretty(&found).unwrap() + "\n", expected, "{summary}");
        assert_eq!(sevbench_reports::read_summary(&golden.join(&summary)).unwrap(), found);
    }
}

/// A summary as the first version wrote it, before fields were added: it stays readable, and its numbers are those of today.
#[test]
fn a_summary_of_the_first_version_is_read() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/golden");
    let first = sevbench_reports::read_summary(&golden.join("summary-1-first.json")).unwrap();
    let now = sevbench_reports::read_summary(&golden.join("summary-1.json")).unwrap();
    let slowdowns = |summary: &Summary| -> Vec<sevbench_reports::Estimate> {
        summary.comparisons.iter().map(|comparison| comparison.slowdown.clone()).collect()
    };
    assert_eq!(slowdowns(&first), slowdowns(&now));
    assert_eq!(first.comparisons[0].fieller, None);
}

const FIVE: [f64; 5] = [1.063, 1.078, 1.071, 1.098, 1.059];

fn arm(name: &str, role: &str) -> ArmRecord {
    let (name, role, address) = (name.into(), role.into(), "loopback".into());
    let (claimed, spin_factor, declares) = (None, None, Vec::new());
    ArmRecord { name, role, address, claimed, spin_factor, rebooted: true, declares }
}

fn journal(events: Vec<Event>) -> Journal {
    let settings = Settings {
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
        arms: vec![arm("nosev", "control"), arm("aa", "treatment")],
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
        steal_ns: None,
        clock_step_ns: 0,
        transport_retries: None,
        guest_ns: None,
        host_ns: None,
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
    assert_eq!((comparison.verdict.as_str(), comparison.unit.as_str()), ("regressed", "ns"));
    // 10¹² ns for 10 iterations of 2 operations.
    near(comparison.control.mean, 5e10);
}

#[test]
fn a_rate_is_shown_as_one_and_compared_as_a_cost() {
    let comparison = only(five_boots(Some(Throughput::Bytes(500))));
    near(comparison.slowdown.estimate, 1.073_712_376_8);
    near(comparison.control.mean, 5.0);
    assert_eq!(comparison.unit, "B/s");
}

#[test]
fn a_single_boot_is_conditional_and_uses_its_rounds() {
    let events: Vec<Event> = five_boots(None).into_iter().take(4).collect();
    let comparison = only(events);
    assert_eq!((comparison.slowdown.boots, comparison.slowdown.rounds), (1, 2));
    assert!(comparison.flags.contains(&"conditional on this boot".into()));
    assert!(comparison.slowdown.low.is_some());
}

#[test]
fn a_single_round_has_no_interval() {
    let events: Vec<Event> = five_boots(None).into_iter().take(3).collect();
    let comparison = only(events);
    assert_eq!((comparison.slowdown.low, comparison.verdict.as_str()), (None, "inconclusive"));
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
fn observations_become_metrics_of_their_own() {
    let mut histogram = hdrhistogram::Histogram::<u64>::new(3).unwrap();
    (1..=2_000).for_each(|ns| histogram.record(ns * 100).unwrap());
    let sample = |rate| {
        vec![
            Observation::rate("bandwidth", rate, Unit::BytesPerSecond),
            Observation::histogram("latency", &histogram),
        ]
    };
    let mut events = Vec::new();
    for boot in 1..=3 {
        events.extend(setups(boot, None));
        let (control, treated) = (vec![sample(2e9)], vec![sample(1e9)]);
        events.push(round(
            boot,
            1,
            RoundSamples::Observations(control),
            RoundSamples::Observations(treated),
        ));
    }
    let comparisons = analyze(&journal(events)).unwrap().comparisons;
    let ids: Vec<&str> = comparisons.iter().map(|comparison| comparison.bench.as_str()).collect();
    assert_eq!(ids, ["s/a/bandwidth", "s/a/latency-mean", "s/a/latency-p50", "s/a/latency-p99"]);
    near(comparisons[0].slowdown.estimate, 2.0);
    near(comparisons[0].treated.mean, 1e9);
    near(comparisons[1].slowdown.estimate, 1.0);
    assert!((comparisons[3].control.mean / 198_000.0 - 1.0).abs() < 2e-3);
}

/// Both medians fell into the same two bins in every boot: no spread, and still no more than the bins show.
#[test]
fn percentiles_of_bins_are_judged_by_what_the_bins_hide() {
    let judged = |treated_ns: u64, bin_width: Option<f64>| {
        let mut events = Vec::new();
        for boot in 1..=5 {
            let sample = |ns: u64| {
                let mut histogram = hdrhistogram::Histogram::<u64>::new(3).unwrap();
                histogram.record_n(ns, 2_000).unwrap();
                let latency = match bin_width {
                    Some(width) => Observation::binned_histogram("latency", &histogram, width),
                    None => Observation::histogram("latency", &histogram),
                };
                RoundSamples::Observations(vec![vec![latency]])
            };
            events.extend(setups(boot, None));
            events.push(round(boot, 1, sample(100_000), sample(treated_ns)));
        }
        let all = analyze(&journal(events)).unwrap().comparisons;
        let median = all.into_iter().find(|one| one.bench == "s/a/latency-p50").unwrap();
        (median.verdict, median.resolution.unwrap(), median.p_value.unwrap())
    };
    let [fine, binned] = [None, Some(1.0 / 64.0)].map(|width| judged(103_300, width));
    assert_eq!((fine.0.as_str(), fine.1), ("regressed", 1e-3));
    assert_eq!((binned.0.as_str(), binned.1), ("inconclusive", 1.0 / 64.0));
    assert_eq!(judged(101_000, Some(1.0 / 64.0)).2, 1.0, "one bin apart is no difference");
    assert_eq!(judged(105_000, Some(1.0 / 64.0)).0, "regressed");
}

#[test]
fn a_metric_behind_a_percentile_that_some_rounds_lack_is_one_series() {
    let sample = |count: u64| {
        let mut histogram = hdrhistogram::Histogram::<u64>::new(3).unwrap();
        histogram.record_n(100, count).unwrap();
        let latency = Observation::histogram("latency", &histogram);
        vec![vec![latency, Observation::rate("bandwidth", 1e9, Unit::BytesPerSecond)]]
    };
    let mut events = Vec::new();
    for (boot, count) in [(1, 999), (2, 1_000), (3, 10_000)] {
        events.extend(setups(boot, None));
        let samples = || RoundSamples::Observations(sample(count));
        events.push(round(boot, 1, samples(), samples()));
    }
    let comparisons = analyze(&journal(events)).unwrap().comparisons;
    let found: Vec<(&str, u32)> =
        comparisons.iter().map(|c| (c.bench.as_str(), c.slowdown.boots)).collect();
    let expected = [
        ("s/a/latency-mean", 3),
        ("s/a/latency-p50", 3),
        // 999 values of one boot are too few for a percentile of its own, all of them are not.
        ("s/a/latency-p99", 3),
        ("s/a/latency-p99.9", 1),
        ("s/a/bandwidth", 3),
    ];
    assert_eq!(found, expected);
    let methods = |id: &str| {
        let of_id = comparisons.iter().find(|comparison| comparison.bench == id);
        of_id.unwrap().slowdown.method.clone()
    };
    assert_eq!(methods("s/a/latency-p99"), "delete-one-boot jackknife");
    assert_eq!(methods("s/a/latency-p50"), "t on log ratios");
}

#[test]
fn what_outside_programs_measured_counts_as_duty() {
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
    let duty = analyze(&journal(events)).unwrap().run.duty.unwrap();
    assert_eq!((duty.timed_ns, duty.wall_ns), (700, 1_000));
}

#[test]
fn a_journal_without_an_end_is_truncated() {
    let mut cut = journal(five_boots(None));
    cut.tail.end = None;
    assert_eq!(analyze(&cut).unwrap().run.outcome, Outcome::Truncated);
}

/// The reference values of Stein's rule for these ratios.
#[test]
fn the_boots_wanted_follow_the_spread_of_those_there_are() {
    let wanted = |percent: Option<f64>, events: Vec<Event>| {
        let mut journal = journal(events);
        journal.header.settings.precision_percent = percent;
        boots_wanted(&whole(&journal, 1).unwrap())
    };
    let of_a = |boots: u32| HashMap::from([("s/a".to_owned(), boots)]);
    assert_eq!(wanted(Some(1.0), five_boots(None)), of_a(16));
    assert_eq!(wanted(Some(2.0), five_boots(None)), of_a(5));
    assert_eq!(wanted(None, five_boots(None)), HashMap::new());
    let mut events = five_boots(None);
    events.extend(setups(6, None));
    assert_eq!(wanted(Some(1.0), events), of_a(17), "a boot without a value is one more");
}

/// With a first stage of three boots, the interval of five is Stein's.
#[test]
fn a_second_stage_keeps_the_spread_of_the_first() {
    let mut journal = journal(five_boots(None));
    journal.header.settings.precision_percent = Some(1.0);
    journal.header.settings.boots = 3;
    journal.events.push(Event::Extended(ExtendedRecord {
        after_boot: 3,
        benches: BTreeMap::from([("s/a".into(), 5)]),
        first_stage_ns: 1,
        max_time_ns: 1,
    }));
    let slowdown = analyze(&journal).unwrap().comparisons[0].slowdown.clone();
    assert_eq!(slowdown.method, "t on log ratios, Stein's two stages");
    let logs = FIVE.map(|ratio| LogRatio::new(ratio.ln()));
    let expected = Pivot::two_stage(&logs, 3).unwrap().interval(Confidence::P95);
    near(slowdown.low.unwrap(), expected.low.exp().factor());
    near(slowdown.high.unwrap(), expected.high.exp().factor());
    // A boot that was begun twice is no second stage.
    journal.events.retain(|event| !matches!(event, Event::Extended(_)));
    let slowdown = analyze(&journal).unwrap().comparisons[0].slowdown.clone();
    assert_eq!(slowdown.method, "t on log ratios");
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
    assert_eq!(comparison.flags, ["tail effect", "1 round unpaired", "unequal rounds"]);
}

#[test]
fn what_the_ledger_leaves_out_is_shown_with_its_effect() {
    let mut events = five_boots(None);
    let last = events.iter_mut().rfind(|event| matches!(event, Event::Round(_)));
    let Some(Event::Round(round)) = last else { panic!("no round") };
    // The guest's clock says twice what the host's does.
    round.arms[0].guest_ns = Some(2_000_000_000);
    round.arms[0].host_ns = Some(1_000_000_000);
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
}

/// Beside another treatment the control against itself shows the noise, and no gate judges it.
#[test]
fn the_control_against_itself_is_the_noise_floor_of_other_treatments() {
    let mut journal = journal(five_boots(None));
    let other = ArmRecord { address: "ssh://root@h".into(), ..arm("other", "treatment") };
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
    assert!(summary.comparisons[0].flags.contains(&"A/A".into()));
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
            (round.arms[0].guest_ns, round.arms[0].host_ns) =
                (Some(2_000_000_000), Some(1_000_000_000));
        }
    }
    let comparison = only(events);
    assert_eq!((comparison.slowdown.boots, comparison.slowdown.low), (0, None));
    assert!(comparison.flags.contains(&"all rounds excluded".into()));
    near(comparison.unexcluded.unwrap().low.unwrap(), 1.054_866_944_2);
    near(comparison.control.mean, 5e10);
}

/// One guest whose times never settled is said beside the result, and not averaged away.
#[test]
fn a_warm_up_without_a_steady_state_flags_its_line() {
    let flags = |late_ns: u64| {
        let mut events = five_boots(None);
        for (boot, arm) in (1..=5).flat_map(|boot| [(boot, "nosev"), (boot, "aa")]) {
            let late = if (boot, arm) == (3, "aa") { late_ns } else { 1_000 };
            // A hundredth of noise, without which any change at all would be one.
            let elapsed_ns = (0..200_u64).map(|i| if i < 165 { 1_000 } else { late } + i * 7 % 11);
            events.push(Event::WarmUp(WarmUpRecord {
                boot,
                bench: "s/a".into(),
                arm: arm.into(),
                iterations: vec![1; 200],
                elapsed_ns: elapsed_ns.collect(),
            }));
        }
        let comparison = only(events);
        let warm_up = comparison.warm_up.unwrap();
        assert_eq!(
            (warm_up.control.flat, warm_up.treated.flat),
            (5, 5 - u32::from(late_ns > 1_000))
        );
        comparison.flags
    };
    assert!(flags(1_100).contains(&"no steady state".into()));
    assert!(!flags(1_000).contains(&"no steady state".into()));
}

/// Boots for one bench alone, each with the start of every guest and this bench's rounds.
#[test]
fn more_boots_are_reckoned_in_the_time_that_they_took() {
    let mut events = five_boots(None);
    for boot in 1..=5 {
        for arm in ["nosev", "aa"] {
            let phases =
                Phases { start_ns: 6_000_000_000, agent_ns: 1_000_000_000, ..Phases::default() };
            events.push(Event::Boot(Box::new(BootRecord {
                boot,
                arm: arm.into(),
                phases,
                uploaded: false,
                host_key: String::new(),
                agent_resident_bytes: 0,
                launch: None,
                facts: Facts::default(),
            })));
        }
        let (bench, wall_ns) = ("s/a".into(), 3_000_000_000);
        events.push(Event::Measured(MeasuredRecord { boot, bench, wall_ns }));
    }
    let mut journal = journal(events);
    journal.header.settings.margin_percent = 6.5;
    let comparison = analyze(&journal).unwrap().comparisons.remove(0);
    assert_eq!(comparison.verdict, "inconclusive");
    let settle = comparison.settle.unwrap();
    assert!(settle.boots > 0);
    // Two guests of 7 s, and rounds of 3 s.
    near(settle.seconds.unwrap(), 17.0 * f64::from(settle.boots));
}

/// The time was over before a bench had the boots of its second stage.
#[test]
fn lines_that_lack_boots_of_a_run_that_was_cut_off_say_so() {
    let flags = |lacking: &[(&str, u32)]| {
        let mut journal = journal(five_boots(None));
        let lacking: BTreeMap<String, u32> =
            lacking.iter().map(|(id, boots)| ((*id).to_owned(), *boots)).collect();
        let is_cut_off = !lacking.is_empty();
        journal.tail.end = Some(EndRecord { outcome: Outcome::Complete, lacking });
        let summary = analyze(&journal).unwrap();
        assert_eq!(summary.run.cut_off, is_cut_off);
        summary.comparisons[0].flags.contains(&"cut off".into())
    };
    assert!(flags(&[("s/a", 4), ("s/b", 1)]));
    assert!(!flags(&[("s/b", 1)]), "another bench's boots are missing");
    assert!(!flags(&[]));
}
