//! How the course of a run shows in its result: stages, warm-ups, what things took, how it ended.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;

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
    assert!(flags(1_100).contains(&Flag::NoSteadyState));
    assert!(!flags(1_000).contains(&Flag::NoSteadyState));
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
    assert_eq!(comparison.verdict, Verdict::Inconclusive);
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
        summary.comparisons[0].flags.contains(&Flag::CutOff)
    };
    assert!(flags(&[("s/a", 4), ("s/b", 1)]));
    assert!(!flags(&[("s/b", 1)]), "another bench's boots are missing");
    assert!(!flags(&[]));
}

/// What a gate against a baseline may count on: the boots that gave each line its spread.
#[test]
fn a_baseline_of_two_stages_has_the_degrees_of_freedom_of_its_first() {
    let (benches, treatments) = (["s/a".to_owned()], ["aa".to_owned()]);
    let fewest =
        |journal: &Journal| fewest_boots(&whole(journal, 1).unwrap(), &benches, &treatments);
    let mut journal = journal(five_boots(None));
    assert_eq!(fewest(&journal), Some(5));
    journal.events.push(Event::Extended(ExtendedRecord {
        after_boot: 3,
        benches: BTreeMap::from([("s/a".into(), 5)]),
        first_stage_ns: 1,
        max_time_ns: 1,
    }));
    assert_eq!(fewest(&journal), Some(3));
    assert_eq!(fewest_boots(&whole(&journal, 1).unwrap(), &benches, &["snp".to_owned()]), None);
}
