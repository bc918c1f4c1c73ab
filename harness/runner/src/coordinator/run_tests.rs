//! Tests of the run against scripted agents: what is asked, what is recorded, what a failure costs.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::coordinator::scripted::checks::{check, check_plan, failures, plan, rounds};
use crate::coordinator::scripted::{ScriptedReplication, Trouble};
use crate::record::{Event, Journal, RoundSamples};
use sevbench_protocol::{BenchSettings, Conditions};
use sevbench_reports::Outcome;

#[test]
fn every_round_of_every_boot_runs_with_equal_iterations() {
    let (outcome, journal) = check(Trouble::None);
    assert_eq!(outcome, Outcome::Complete);
    assert_eq!(rounds(&journal).len(), 2 * 2 * 3);
    for event in &journal.events {
        if let Event::Round(round) = event {
            // A sample is 6000 ns ÷ (3 rounds × 2 samples), an iteration 100 ns.
            assert_eq!((round.iterations, round.arms.len()), (10, 2));
            for arm in &round.arms {
                let Conditions { guest_ns, host_ns, steal_ns, clock_step_ns, .. } = arm.conditions;
                let transport_retries = arm.conditions.transport_retries;
                assert_eq!((guest_ns, host_ns), (Some(1), Some(2)));
                let interference = (steal_ns, clock_step_ns, transport_retries);
                assert_eq!(interference, (Some(10_000_000), -5, Some(1)));
            }
        }
    }
    assert_eq!(journal.tail.end.unwrap().outcome, Outcome::Complete);
}

#[test]
fn bench_with_settings_of_its_own_is_measured_by_them() {
    let mut plan = plan();
    let own =
        BenchSettings { rounds: Some(5), measurement_ns: Some(20_000), ..BenchSettings::default() };
    plan.settings.of_benches.insert("s/b".into(), own);
    let mut replication = ScriptedReplication { wanted: Ok(Vec::new()), asked: 0 };
    let (outcome, journal) = check_plan(plan, Trouble::None, &mut replication);
    assert_eq!(outcome, Outcome::Complete);
    let of = |id: &str| rounds(&journal).iter().filter(|(_, bench)| *bench == id).count();
    assert_eq!((of("s/a"), of("s/b")), (2 * 3, 2 * 5));
    for event in &journal.events {
        if let Event::Round(round) = event {
            // As above; in the other bench, 20,000 ns ÷ (5 rounds × 2 samples).
            let iterations = if round.bench == "s/a" { 10 } else { 20 };
            assert_eq!(round.iterations, iterations, "{}", round.bench);
        }
    }
}

#[test]
fn boot_in_which_a_guest_fails_to_start_is_made_up_for() {
    let (outcome, journal) = check(Trouble::NoBoot(1, 2));
    assert_eq!(outcome, Outcome::Complete);
    assert_eq!(failures(&journal), [(2, None, "aa")]);
    assert!(rounds(&journal).iter().all(|(boot, _)| [1, 3].contains(boot)));
    assert_eq!(rounds(&journal).len(), 2 * 2 * 3);
}

#[test]
fn guest_that_fails_to_start_in_the_first_boot_stops_the_run() {
    let (outcome, journal) = check(Trouble::NoBoot(0, 1));
    assert_eq!((outcome, failures(&journal)), (Outcome::Stopped, vec![(1, None, "nosev")]));
}

#[test]
fn dead_agent_fails_its_bench_and_the_next_bench_runs() {
    // The requests of a bench are start, warm-up and the rounds. The fourth is round 2.
    let (_, journal) = check(Trouble::Dies(1, "s/a", 4));
    assert_eq!(failures(&journal), [(1, Some("s/a"), "aa"), (2, Some("s/a"), "aa")]);
    let of_a = rounds(&journal).iter().filter(|(_, bench)| *bench == "s/a").count();
    assert_eq!((of_a, rounds(&journal).len() - of_a), (2, 6));
}

#[test]
fn dead_guest_is_not_asked_again_in_that_boot() {
    let (outcome, journal) = check(Trouble::GuestDies(1, "s/a", 4));
    // Every boot loses it, so the run ends after three.
    assert_eq!(outcome, Outcome::BootsLost);
    assert_eq!(journal.tail.end.as_ref().unwrap().lacking["s/a"], 2);
    // If `s/a` runs first, the boot has no `s/b`. If it runs last, the boot has all of `s/b`.
    let lost = failures(&journal).iter().filter(|(_, bench, _)| bench.is_none()).count();
    assert_eq!(lost, 3, "a lost guest is reported once a boot");
    let of_b = rounds(&journal).iter().filter(|(_, bench)| *bench == "s/b").count();
    assert_eq!(of_b % 3, 0);
}

#[test]
fn skip_is_recorded_and_the_other_arm_is_dismissed() {
    let (_, journal) = check(Trouble::Skips(0, "s/b"));
    let skips = journal.events.iter().filter(|event| matches!(event, Event::Skipped(_))).count();
    assert_eq!((skips, failures(&journal).len(), rounds(&journal).len()), (2, 0, 6));
}

/// A list that is made at run time may differ from the coordinator's.
#[test]
fn bench_of_one_arms_list_alone_is_skipped_there() {
    let (outcome, journal) = check(Trouble::ListsMore(1, "s/c"));
    assert_eq!((outcome, rounds(&journal).len()), (Outcome::Complete, 2 * 2 * 3));
    let skips = journal.events.iter().filter_map(|event| match event {
        Event::Skipped(skip) => Some((skip.bench.as_str(), skip.arm.as_str(), skip.boot)),
        _ => None,
    });
    assert_eq!(skips.collect::<Vec<_>>(), [("s/c", "aa", 1)], "once");
}

#[test]
fn failed_verification_is_a_failure() {
    let (_, journal) = check(Trouble::Wrong(0, "s/a"));
    assert_eq!(failures(&journal), [(1, Some("s/a"), "nosev"), (2, Some("s/a"), "nosev")]);
}

/// The lengths of all warm-up series.
fn warm_ups(journal: &Journal) -> Vec<usize> {
    let series = journal.events.iter().filter_map(|event| match event {
        Event::WarmUp(series) => Some(series),
        _ => None,
    });
    series
        .map(|series| {
            assert_eq!(series.iterations.len(), series.elapsed_ns.len());
            series.iterations.len()
        })
        .collect()
}

#[test]
fn warm_up_ends_when_steady_or_after_four_times() {
    assert_eq!(warm_ups(&check(Trouble::None).1), [20; 2 * 2 * 2]);
    assert_eq!(warm_ups(&check(Trouble::Jumps).1), [80; 2 * 2 * 2]);
    assert_eq!(
        warm_ups(&check(Trouble::Observes(2, "s/b")).1),
        [20; 2 * 2],
        "external programs have no warm-up"
    );
}

#[test]
fn outside_program_runs_once_a_round_for_the_requested_time() {
    let (_, journal) = check(Trouble::Observes(2, "s/b"));
    assert_eq!(failures(&journal), []);
    let rounds = journal.events.iter().filter_map(|event| match event {
        Event::Round(round) if round.bench == "s/b" => Some(round),
        _ => None,
    });
    for arm in rounds.clone().flat_map(|round| &round.arms) {
        assert!(matches!(&arm.samples, RoundSamples::Observations(lists) if lists.len() == 1));
        assert_eq!(arm.measured_ns, Some(1_000));
    }
    assert_eq!(rounds.map(|round| round.iterations).collect::<Vec<_>>(), [1; 6]);
}

#[test]
fn arms_with_different_sample_kinds_are_not_compared() {
    let (_, journal) = check(Trouble::Observes(1, "s/b"));
    assert_eq!(failures(&journal).len(), 2);
    assert!(rounds(&journal).iter().all(|(_, bench)| *bench == "s/a"));
}

#[test]
fn round_that_is_too_long_for_the_record_ends_its_bench_alone() {
    let (outcome, journal) = check(Trouble::Overflows("s/b"));
    assert_eq!(outcome, Outcome::Complete);
    assert_eq!(failures(&journal).len(), 4, "once for each boot and arm");
    assert!(rounds(&journal).iter().all(|(_, bench)| *bench == "s/a"));
    assert_eq!(rounds(&journal).len(), 2 * 3);
}

#[test]
fn interrupt_keeps_the_recorded_rounds() {
    let (outcome, journal) = check(Trouble::Interrupts(8));
    assert_eq!(outcome, Outcome::Interrupted);
    assert_eq!(journal.tail.end.as_ref().unwrap().outcome, Outcome::Interrupted);
    assert!(!rounds(&journal).is_empty() && failures(&journal).is_empty());
}
