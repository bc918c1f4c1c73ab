//! Small journals for the tests of the analysis.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::journal::{JournalAnalysis, Overrides};
use super::result::Analysis;
use crate::record::{
    ArmRecord, ArmRound, EndRecord, Event, Header, Journal, RoundRecord, RoundSamples, Settings,
    SetupRecord, Tail,
};
use sevbench_protocol::{Conditions, Observation, SampleKind, Throughput};
use sevbench_reports::{Comparison, Outcome, Place, Role, Summary};
use std::collections::BTreeMap;

pub(super) fn analyze(journal: &Journal) -> Summary {
    analyze_on(journal, 1).summary
}

pub(super) fn analyze_on(journal: &Journal, threads: usize) -> Analysis {
    let mut analysis = JournalAnalysis::new(journal.header.clone(), &Overrides::default());
    journal.events.iter().for_each(|event| analysis.event(event));
    analysis.finish(&journal.tail, threads).unwrap()
}

/// The reference slowdowns of five boots.
pub(super) const RATIOS: [f64; 5] = [1.063, 1.078, 1.071, 1.098, 1.059];

pub(super) fn arm(name: &str, role: Role) -> ArmRecord {
    let (name, address, place) = (name.into(), "loopback".into(), Some(Place::Loopback));
    let (rebooted, declares) = (true, Vec::new());
    let (claimed, spin_factor, machine) = (None, None, None);
    ArmRecord { name, role, address, place, claimed, spin_factor, rebooted, declares, machine }
}

pub(super) fn journal(events: Vec<Event>) -> Journal {
    let settings = Settings { boots: 5, rounds: 2, ..Settings::smallest() };
    let header = Header {
        arms: vec![arm("nosev", Role::Control), arm("aa", Role::Treatment)],
        settings,
        ..Header::smallest()
    };
    let end = Some(EndRecord { outcome: Outcome::Complete, lacking: BTreeMap::new() });
    Journal { header, events, tail: Tail { end, defects: Vec::new() } }
}

pub(super) fn setups(boot: u32, throughput: Option<Throughput>) -> Vec<Event> {
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

pub(super) fn round(boot: u32, round: u32, control: RoundSamples, treated: RoundSamples) -> Event {
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

/// Five boots of two rounds. The mean log ratios of the boots are those of [`RATIOS`].
pub(super) fn five_boots(throughput: Option<Throughput>) -> Vec<Event> {
    boots_with(&RATIOS, throughput)
}

/// Boots of two rounds with these mean log ratios.
pub(super) fn boots_of(ratios: &[f64]) -> Vec<Event> {
    boots_with(ratios, None)
}

fn boots_with(ratios: &[f64], throughput: Option<Throughput>) -> Vec<Event> {
    let mut events = Vec::new();
    for (boot, ratio) in (1..).zip(ratios) {
        events.extend(setups(boot, throughput));
        for (number, spread) in [(1, 1.5), (2, 1.0 / 1.5)] {
            let treated = (1e12 * ratio * spread).round() as u64;
            let samples = |ns| RoundSamples::ElapsedNs(vec![ns]);
            events.push(round(boot, number, samples(1_000_000_000_000), samples(treated)));
        }
    }
    events
}

/// The only comparison in the analysis of these events.
pub(super) fn only(events: Vec<Event>) -> Comparison {
    let mut comparisons = analyze(&journal(events)).comparisons;
    assert_eq!(comparisons.len(), 1);
    comparisons.remove(0)
}

#[track_caller]
pub(super) fn near(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 1e-9, "{found} for {expected}");
}

/// The largest bin width of fio's histograms.
pub(super) const BIN_WIDTH: f64 = 1.0 / 64.0;

/// Five boots in which all latencies of an arm are equal, in bins of this relative width.
pub(super) fn binned_analysis(treated_ns: u64, bin_width: Option<f64>) -> Analysis {
    let sample = |ns: u64| {
        let mut histogram = hdrhistogram::Histogram::<u64>::new(3).unwrap();
        histogram.record_n(ns, 2_000).unwrap();
        let latency = match bin_width {
            Some(width) => Observation::binned_histogram("latency", &histogram, width),
            None => Observation::histogram("latency", &histogram),
        };
        RoundSamples::Observations(vec![vec![latency]])
    };
    let mut events = Vec::new();
    for boot in 1..=5 {
        events.extend(setups(boot, None));
        events.push(round(boot, 1, sample(100_000), sample(treated_ns)));
    }
    analyze_on(&journal(events), 1)
}
