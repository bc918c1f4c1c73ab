//! Geometric means and noise floors, on journals with known results.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::super::test_journal::{analyze, arm, five_boots, journal, near};
use crate::record::{ArmRecord, ArmRound, Event, SetupRecord};
use sevbench_reports::{Flag, Role};

/// The mean of both benches inside each boot, then the t interval over boots.
#[test]
fn geometric_mean_is_taken_inside_boots() {
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
    let summary = analyze(&journal);
    let overall = &summary.overall[0];
    assert_eq!((overall.treatment.as_str(), overall.benches), ("aa", 2));
    near(overall.slowdown.low.unwrap(), 1.054_866_944_2);
    near(overall.slowdown.high.unwrap(), 1.092_894_487_1);
    let floor = summary.run.noise_floor.unwrap();
    assert_eq!((floor.arm.as_str(), floor.benches, floor.hold_one), ("aa", 2, 0));
    assert!(
        summary.comparisons.iter().all(|comparison| comparison.judged),
        "without another treatment, it is judged"
    );
    // Boots without all benches do not count, nor do their rounds.
    journal.events.retain(|event| match event {
        Event::Round(round) => round.bench != "s/b" || round.boot <= 3,
        _ => true,
    });
    let summary = analyze(&journal);
    let slowdown = &summary.overall[0].slowdown;
    assert_eq!((slowdown.boots, slowdown.rounds), (3, 12));
    let text = sevbench_reports::render_text(&summary, sevbench_reports::TextOptions::default());
    let words = "geometric mean of 2 benches in aa (over the 3 boots that have all of them): ";
    assert!(text.contains(words), "{text}");
}

/// No gate judges the repeated control if there is another treatment.
#[test]
fn repeated_control_beside_another_treatment_is_the_noise_floor() {
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
    let summary = analyze(&journal);
    let judged = summary.comparisons.iter().map(|one| (one.treatment.as_str(), one.judged));
    assert_eq!(judged.collect::<Vec<_>>(), [("aa", false), ("other", true)]);
    assert!(summary.comparisons[0].flags.contains(&Flag::ControlRepeated));
    assert_eq!(summary.run.noise_floor.unwrap().arm, "aa");
}
