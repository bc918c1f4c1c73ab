//! Which rounds are left out, for causes from outside that were declared before the data were seen. No value of a sample
//! is looked at.

use crate::record::{ArmRound, Event, Journal, RoundRecord};
use sevbench_reports::Exclusion;

/// By how much the guest's clock may show more time than the host's for one request: drift, and the clocks' grain.
const FAST_SHARE: f64 = 0.005;
const FAST_NS: f64 = 1e6;
/// By how much it may show less: drift, and the way there and back, which is long to an emulated guest or to another machine.
const SLOW_SHARE: f64 = 0.02;
const SLOW_NS: f64 = 50e6;
const SLOW_FAR_NS: f64 = 250e6;

/// The rounds that are left out, with their causes.
pub(super) fn exclusions(journal: &Journal) -> Vec<Exclusion> {
    let rounds = journal.events.iter().filter_map(|event| match event {
        Event::Round(round) => Some(round),
        _ => None,
    });
    let is_near = journal.events.iter().all(|event| match event {
        Event::Boot(boot) => boot.launch.as_ref().is_some_and(|launch| launch.accelerator == "KVM"),
        _ => true,
    });
    let slow_ns = if is_near { SLOW_NS } else { SLOW_FAR_NS };
    rounds.filter_map(|round| exclusion(round, slow_ns)).collect()
}

/// Whether a round is among those that are left out.
pub(super) fn is_excluded(exclusions: &[Exclusion], round: &RoundRecord) -> bool {
    let key = (round.bench.as_str(), round.boot, round.round);
    exclusions
        .iter()
        .any(|excluded| (excluded.bench.as_str(), excluded.boot, excluded.round) == key)
}

fn exclusion(round: &RoundRecord, slow_ns: f64) -> Option<Exclusion> {
    let cause = round.arms.iter().find_map(|arm| clock_disagreement(arm, slow_ns))?;
    Some(Exclusion { bench: round.bench.clone(), boot: round.boot, round: round.round, cause })
}

/// The guest's clock against the host's over one request.
fn clock_disagreement(arm: &ArmRound, slow_ns: f64) -> Option<String> {
    let (guest, host) = (arm.guest_ns? as f64, arm.host_ns? as f64);
    let is_fast = guest > host * (1.0 + FAST_SHARE) + FAST_NS;
    let is_slow = guest < host * (1.0 - SLOW_SHARE) - slow_ns;
    (is_fast || is_slow).then(|| {
        let (guest_ms, host_ms) = (guest / 1e6, host / 1e6);
        format!(
            "clock disagreement: {guest_ms:.1} ms by the clock of {}, {host_ms:.1} ms by the host's",
            arm.arm
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RoundSamples;

    fn round(guest_ns: Option<u64>, host_ns: Option<u64>) -> RoundRecord {
        let arm = |arm: &str, guest_ns, host_ns| ArmRound {
            arm: arm.into(),
            guest_ns,
            host_ns,
            measured_ns: None,
            samples: RoundSamples::ElapsedNs(vec![1]),
        };
        let arms = vec![arm("nosev", Some(1), Some(2)), arm("bounce", guest_ns, host_ns)];
        RoundRecord { boot: 1, bench: "s/a".into(), round: 2, at_ns: 0, iterations: 1, arms }
    }

    #[test]
    fn clocks_that_agree_within_the_way_to_the_guest_exclude_nothing() {
        for (guest_ms, host_ms) in [(100, 100), (100, 340), (1_000, 1_260), (30_000, 30_800)] {
            let round = round(Some(guest_ms * 1_000_000), Some(host_ms * 1_000_000));
            assert_eq!(exclusion(&round, SLOW_FAR_NS), None, "{guest_ms} {host_ms}");
        }
        assert_eq!(exclusion(&round(None, Some(5)), SLOW_NS), None, "an older record");
    }

    #[test]
    fn a_clock_that_runs_fast_or_stood_still_excludes_its_round_by_name() {
        for (guest_ms, host_ms) in [(103, 100), (100, 400), (30_000, 31_000), (31_000, 30_000)] {
            let round = round(Some(guest_ms * 1_000_000), Some(host_ms * 1_000_000));
            let excluded = exclusion(&round, SLOW_FAR_NS).into_iter().collect::<Vec<_>>();
            assert!(excluded[0].cause.contains("the clock of bounce"), "{guest_ms} {host_ms}");
            assert!(is_excluded(&excluded, &round));
            assert!(!is_excluded(&excluded, &RoundRecord { round: 3, ..round }));
        }
    }
}
