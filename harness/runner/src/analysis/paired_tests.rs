//! Comparisons of paired arms, on journals with known results.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::super::test_journal::{
    RATIOS, analyze, boots_of, five_boots, journal, near, only, round, setups,
};
use crate::gate::judge_run;
use crate::record::{
    BootRecord, Event, ExtendedRecord, MeasuredRecord, Phases, RoundSamples, WarmUpRecord,
};
use sevbench_guest::Facts;
use sevbench_protocol::{Observation, Throughput};
use sevbench_reports::{
    self as model, Against, Estimand, Flag, GateDecision, UndecidedReason, Verdict,
};
use sevbench_statistics::{Confidence, LogRatio, Pivot};
use std::collections::BTreeMap;

#[test]
fn reference_ratios_give_the_reference_interval() {
    let comparison = only(five_boots(None));
    near(comparison.slowdown.estimate, 1.073_712_376_8);
    near(comparison.slowdown.low.unwrap(), 1.054_866_944_2);
    near(comparison.slowdown.high.unwrap(), 1.092_894_487_1);
    assert_eq!((comparison.slowdown.boots, comparison.slowdown.rounds), (5, 10));
    let found = (comparison.verdict, comparison.unit);
    assert_eq!(found, (Verdict::Regressed, model::Unit::Nanoseconds));
    // The record does not say what is judged: the mean, as then.
    assert_eq!(comparison.estimand, Estimand::Mean);
    let robust = |ratios: &[f64]| only(boots_of(ratios)).robust;
    assert!(robust(&RATIOS).is_some());
    assert_eq!(robust(&RATIOS[..4]), None, "nothing would be trimmed");
    // 10¹² ns for 10 iterations of 2 operations.
    near(comparison.control.mean, 5e10);
}

/// Two of ten boots are slow. The mean is between the modes; the median boot is in the larger one.
#[test]
fn median_boot_stands_beside_the_mean() {
    assert_eq!(only(five_boots(None)).typical, None, "95 % needs six boots");
    let ratios = [1.001, 1.3, 1.009, 1.003, 1.007, 1.002, 1.31, 1.008, 1.004, 1.006];
    let comparison = only(boots_of(&ratios));
    let typical = comparison.typical.unwrap();
    near(typical.estimate, (1.006_f64 * 1.007).sqrt());
    assert_eq!((typical.boots, typical.rounds), (10, 20));
    near(typical.low.unwrap(), 1.002);
    near(typical.high.unwrap(), 1.3);
    near(typical.confidence, 1.0 - 2.0 * 11.0 / 1024.0);
    assert!(comparison.slowdown.estimate > 1.05);
    let groups = comparison.groups.unwrap();
    assert_eq!((groups.lower.boots, groups.upper.boots), (8, 2));
    near(groups.upper.slowdown, (1.3_f64 * 1.31).sqrt());
    assert_eq!(groups.arms, ["aa"], "the control's times are all alike");
    assert_eq!(comparison.flags, [Flag::TwoGroups]);
    let alike: Vec<f64> = ratios.into_iter().filter(|ratio| *ratio < 1.1).collect();
    assert_eq!(only(boots_of(&alike)).groups, None);
}

#[test]
fn rates_are_shown_as_rates_and_compared_as_costs() {
    let comparison = only(five_boots(Some(Throughput::Bytes(500))));
    near(comparison.slowdown.estimate, 1.073_712_376_8);
    near(comparison.control.mean, 5.0);
    assert_eq!(comparison.unit, model::Unit::BytesPerSecond);
}

#[test]
fn single_boot_uses_its_rounds_and_is_flagged() {
    let events: Vec<Event> = five_boots(None).into_iter().take(4).collect();
    let comparison = only(events);
    assert_eq!((comparison.slowdown.boots, comparison.slowdown.rounds), (1, 2));
    assert!(comparison.flags.contains(&Flag::ConditionalOnThisBoot));
    assert!(comparison.slowdown.low.is_some());
}

#[test]
fn single_round_has_no_interval() {
    let events: Vec<Event> = five_boots(None).into_iter().take(3).collect();
    let comparison = only(events);
    assert_eq!((comparison.slowdown.low, comparison.verdict), (None, Verdict::Inconclusive));
}

#[test]
fn rounds_missing_in_one_arm_are_counted_as_unpaired() {
    let mut events = five_boots(None);
    let Some(Event::Round(round)) =
        events.iter_mut().find(|event| matches!(event, Event::Round(_)))
    else {
        panic!("no round");
    };
    round.arms.retain(|arm| arm.arm == "nosev");
    let comparison = only(events);
    assert_eq!((comparison.unpaired_rounds, comparison.slowdown.rounds), (1, 9));
    let expected = [Flag::RoundsUnpaired(1), Flag::UnequalRounds];
    assert_eq!(comparison.flags, expected);
}

#[test]
fn excluded_rounds_are_listed_with_their_effect() {
    let mut events = five_boots(None);
    let last = events.iter_mut().rfind(|event| matches!(event, Event::Round(_)));
    let Some(Event::Round(round)) = last else { panic!("no round") };
    // The guest's clock shows twice the host's time.
    round.arms[0].conditions.guest_ns = Some(2_000_000_000);
    round.arms[0].conditions.host_ns = Some(1_000_000_000);
    let summary = analyze(&journal(events));
    let comparison = &summary.comparisons[0];
    assert_eq!((summary.exclusions.len(), comparison.slowdown.rounds), (1, 9));
    near(comparison.unexcluded.as_ref().unwrap().estimate, 1.073_712_376_8);
    assert!((comparison.slowdown.estimate - 1.073_712_376_8).abs() > 1e-3);
}

/// Ten boots of four rounds. In the last `stolen` rounds of each boot, the hypervisor takes a fifth
/// of the treatment's time, and the treatment is that much slower.
fn boots_with_steal(stolen: u32) -> Vec<Event> {
    let mut events = Vec::new();
    for boot in 1..=10 {
        events.extend(setups(boot, None));
        for number in 1..=4 {
            let is_stolen = number > 4 - stolen;
            let noise = 1.0 + f64::from((boot * 37 + number * 101) % 97) / 1e4;
            let factor = if is_stolen { 1.2 * noise } else { noise };
            let samples = |ns: f64| RoundSamples::ElapsedNs(vec![ns as u64]);
            let mut event = round(boot, number, samples(1e9), samples(1e9 * factor));
            if let Event::Round(round) = &mut event {
                round.arms[0].conditions.guest_ns = Some(1_000_000_000);
                round.arms[0].conditions.steal_ns = is_stolen.then_some(200_000_000);
            }
            events.push(event);
        }
    }
    events
}

/// Leaving these rounds out turns a regression into `no change`.
#[test]
fn exclusions_in_one_arm_are_flagged_on_the_line_and_not_decided() {
    let summary = analyze(&journal(boots_with_steal(3)));
    let comparison = &summary.comparisons[0];
    assert_eq!(comparison.verdict, Verdict::NoChange);
    assert!(comparison.unexcluded.as_ref().unwrap().estimate > 1.12);
    let expected = [Flag::ExcludedInOneArm, Flag::ManyExcluded, Flag::ExclusionsDecide];
    assert_eq!(comparison.flags, expected);
    let gate = judge_run(&summary, Against::Margin, None);
    assert_eq!(gate.undecided[0].reason, UndecidedReason::Exclusions, "{gate:?}");
    let clean = analyze(&journal(boots_with_steal(0)));
    assert_eq!(clean.comparisons[0].flags, []);
    assert_eq!(judge_run(&clean, Against::Margin, None).decision, GateDecision::Passed);
}

/// 1 ns steps at 10 ns.
#[test]
fn values_that_repeat_have_no_spread() {
    let flags = |step: f64| {
        let mut events = Vec::new();
        for boot in 1..=5 {
            events.extend(setups(boot, None));
            for number in 1..=4 {
                let ns = |seed: u32| {
                    let noise = f64::from(boot * seed % 13 + number * seed % 7) / 20.0;
                    ((10.0 + noise) / step).round() * step * 20.0 * 1e6
                };
                let samples = |ns: f64| RoundSamples::ElapsedNs(vec![ns as u64]);
                events.push(round(boot, number, samples(ns(3)), samples(ns(5))));
            }
        }
        only(events).flags
    };
    assert!(flags(1.0).contains(&Flag::NoSpread));
    assert!(!flags(1e-6).contains(&Flag::NoSpread));
}

/// About one latency in a hundred is a hundred times as long.
#[test]
fn percentile_between_modes_is_flagged() {
    let sample = |slow: u64| {
        let mut histogram = hdrhistogram::Histogram::<u64>::new(3).unwrap();
        histogram.record_n(100_000, 2_000 - slow).unwrap();
        histogram.record_n(10_000_000, slow).unwrap();
        RoundSamples::Observations(vec![vec![Observation::histogram("latency", &histogram)]])
    };
    let mut events = Vec::new();
    for (boot, slow) in (1..).zip([16, 25, 19, 21, 15, 24]) {
        events.extend(setups(boot, None));
        events.push(round(boot, 1, sample(slow), sample(40 - slow)));
    }
    let in_gap: Vec<Option<f64>> = analyze(&journal(events))
        .comparisons
        .into_iter()
        .filter(|line| line.flags.contains(&Flag::PercentileInGap))
        .map(|line| line.measurand.percentile)
        .collect();
    assert_eq!(in_gap, [Some(0.99)]);
}

#[test]
fn boots_that_drift_are_flagged() {
    let flags = |ratios: [f64; 12]| only(boots_of(&ratios)).flags;
    let mut ratios: [f64; 12] = std::array::from_fn(|boot| 1.0 + boot as f64 / 100.0);
    assert!(flags(ratios).contains(&Flag::SerialDependence));
    ratios.sort_by_key(|ratio| (ratio * 100.0).round() as u64 * 7 % 13);
    assert!(!flags(ratios).contains(&Flag::SerialDependence));
}

#[test]
fn bench_with_all_rounds_excluded_has_no_interval() {
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

/// After a first stage of three boots, five boots give Stein's interval.
#[test]
fn second_stage_keeps_the_spread_of_the_first() {
    let mut journal = journal(five_boots(None));
    journal.header.settings.precision_percent = Some(1.0);
    journal.header.settings.boots = 3;
    journal.events.push(Event::Extended(ExtendedRecord {
        after_boot: 3,
        benches: BTreeMap::from([("s/a".into(), 5)]),
        first_stage_ns: 1,
        max_time_ns: 1,
    }));
    let slowdown = analyze(&journal).comparisons[0].slowdown.clone();
    assert_eq!(slowdown.method, "t on log ratios, Stein's two stages");
    let logs = RATIOS.map(|ratio| LogRatio::new(ratio.ln()));
    let expected = Pivot::two_stage(&logs, 3).unwrap().interval(Confidence::P95);
    near(slowdown.low.unwrap(), expected.low.exp().factor());
    near(slowdown.high.unwrap(), expected.high.exp().factor());
    // If time ended before the eighth boot, the clock has set the number of boots.
    let mut cut_off = journal.clone();
    cut_off.tail.end.as_mut().unwrap().lacking = BTreeMap::from([("s/a".into(), 8)]);
    let slowdown = analyze(&cut_off).comparisons[0].slowdown.clone();
    assert_eq!(slowdown.method, "t on log ratios");
    near(slowdown.low.unwrap(), 1.054_866_944_2);
    // Without the event there is no second stage, even if a boot was started twice.
    journal.events.retain(|event| !matches!(event, Event::Extended(_)));
    let slowdown = analyze(&journal).comparisons[0].slowdown.clone();
    assert_eq!(slowdown.method, "t on log ratios");
}

/// One guest without a steady state is enough.
#[test]
fn warm_up_without_a_steady_state_is_flagged() {
    let flags = |late_ns: u64| {
        let mut events = five_boots(None);
        for (boot, arm) in (1..=5).flat_map(|boot| [(boot, "nosev"), (boot, "aa")]) {
            let late = if (boot, arm) == (3, "aa") { late_ns } else { 1_000 };
            // Without this 1 % of noise, the smallest change would be a changepoint.
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
    assert!(flags(1_100).contains(&Flag::NoSteadyState));
    assert!(!flags(1_000).contains(&Flag::NoSteadyState));
}

/// Each boot starts every guest and measures this bench alone.
#[test]
fn settling_time_is_computed_from_the_times_of_the_run() {
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
    let comparison = analyze(&journal).comparisons.remove(0);
    assert_eq!(comparison.verdict, Verdict::Inconclusive);
    let settle = comparison.settle.unwrap();
    assert!(settle.boots > 0);
    // Two guests take 7 s each, the rounds 3 s.
    near(settle.seconds.unwrap(), 17.0 * f64::from(settle.boots));
}
