//! Rounds excluded for an external cause. Each cause was declared before the data were seen. The
//! values of samples play no part, but for samples that are longer than the host waited.

use crate::record::{ArmRound, BootRecord, RoundRecord};
use sevbench_guest::AcceleratorKind;
use sevbench_reports::{Exclusion, ExclusionKind};
use sevbench_text::counted;

/// For one request, the guest's clock may show this much more than the host's: drift, and the
/// resolution of the clocks.
const FAST_SHARE: f64 = 0.005;
const FAST_NS: f64 = 1e6;
/// It may show this much less: drift, and the round trip, which is long to an emulated guest or to
/// another machine.
const SLOW_SHARE: f64 = 0.02;
const SLOW_NS: f64 = 50e6;
const SLOW_FAR_NS: f64 = 250e6;

/// During one request, the hypervisor may take this much CPU time from the guest: a share of the
/// request, and two ticks of the counter.
const STEAL_SHARE: f64 = 0.05;
const STEAL_NS: f64 = 20e6;
/// During one request, the wall clock may move this much against the monotonic clock: a time server
/// slews it, and reading both clocks takes time.
const STEP_SHARE: f64 = 0.001;
const STEP_NS: f64 = 2e6;

/// The excluded rounds, each with its cause.
#[derive(Debug, Default)]
pub(super) struct Exclusions {
    pub rows: Vec<Exclusion>,
    /// Whether any guest is not a KVM guest of this host.
    is_far: bool,
}

impl Exclusions {
    pub(super) fn boot(&mut self, boot: &BootRecord) {
        let accelerator = boot.launch.as_ref().and_then(|launch| launch.accelerator);
        let is_near = accelerator == Some(AcceleratorKind::Kvm);
        self.is_far |= !is_near;
    }

    /// Records the round if it is excluded. Returns whether it is.
    pub(super) fn round(&mut self, round: &RoundRecord) -> bool {
        let slow_ns = if self.is_far { SLOW_FAR_NS } else { SLOW_NS };
        let exclusion = exclusion(round, slow_ns);
        let excluded = exclusion.is_some();
        self.rows.extend(exclusion);
        excluded
    }
}

/// A cause that applies: its kind, and the figures behind it.
type Cause = (ExclusionKind, String);

fn exclusion(round: &RoundRecord, slow_ns: f64) -> Option<Exclusion> {
    let of_arm = |arm: &ArmRound| {
        let of_clocks = guest_stopped(arm)
            .or_else(|| clock_disagreement(arm, slow_ns))
            .or_else(|| impossible_samples(arm))
            .or_else(|| clock_step(arm));
        let cause = of_clocks.or_else(|| steal(arm)).or_else(|| transport_retry(arm))?;
        Some((arm.arm.clone(), cause))
    };
    let (arm, (kind, figures)) = round.arms.iter().find_map(of_arm)?;
    Some(Exclusion {
        bench: round.bench.clone(),
        boot: round.boot,
        round: round.round,
        cause: format!("{kind}: {figures}"),
        kind: Some(kind),
        arm: Some(arm),
    })
}

/// The guest's clock and the host's measured different durations for one request.
fn clock_disagreement(arm: &ArmRound, slow_ns: f64) -> Option<Cause> {
    let (guest, host) = (arm.conditions.guest_ns? as f64, arm.conditions.host_ns? as f64);
    let is_fast = guest > host * (1.0 + FAST_SHARE) + FAST_NS;
    let is_slow = guest < host * (1.0 - SLOW_SHARE) - slow_ns;
    (is_fast || is_slow).then(|| {
        let (guest_ms, host_ms) = (guest / 1e6, host / 1e6);
        let figures =
            format!("{guest_ms:.1} ms by the clock of {}, {host_ms:.1} ms by the host's", arm.arm);
        (ExclusionKind::ClockDisagreement, figures)
    })
}

/// The guest reports more time in samples than the host waited for them.
fn impossible_samples(arm: &ArmRound) -> Option<Cause> {
    let host = arm.conditions.host_ns? as f64;
    let timed = arm.timed_ns()?;
    (timed > host * (1.0 + FAST_SHARE) + FAST_NS).then(|| {
        let (timed_ms, host_ms) = (timed / 1e6, host / 1e6);
        let figures = format!("{} reports {timed_ms:.1} ms of samples in {host_ms:.1} ms", arm.arm);
        (ExclusionKind::ClockDisagreement, figures)
    })
}

/// The process that runs the guest did not run for a while.
fn guest_stopped(arm: &ArmRound) -> Option<Cause> {
    arm.conditions.stopped.then(|| (ExclusionKind::GuestStopped, format!("QEMU of {}", arm.arm)))
}

/// The hypervisor gave the guest's CPU time to others.
fn steal(arm: &ArmRound) -> Option<Cause> {
    let (steal, guest) = (arm.conditions.steal_ns? as f64, arm.conditions.guest_ns? as f64);
    (steal > guest * STEAL_SHARE + STEAL_NS).then(|| {
        let (steal_ms, guest_ms) = (steal / 1e6, guest / 1e6);
        (ExclusionKind::Steal, format!("{steal_ms:.0} ms of {guest_ms:.0} ms in {}", arm.arm))
    })
}

/// The guest's wall clock was set.
fn clock_step(arm: &ArmRound) -> Option<Cause> {
    let (step, guest) = (arm.conditions.clock_step_ns as f64, arm.conditions.guest_ns? as f64);
    (step.abs() > guest * STEP_SHARE + STEP_NS)
        .then(|| (ExclusionKind::ClockStep, format!("{:+.1} ms in {}", step / 1e6, arm.arm)))
}

/// A TCP segment to the guest was sent again. The cause may have disturbed the guest too.
fn transport_retry(arm: &ArmRound) -> Option<Cause> {
    let retries = arm.conditions.transport_retries.filter(|retries| *retries > 0)?;
    let segments = counted(retries, "segment");
    Some((ExclusionKind::TransportRetry, format!("{segments} sent again to {}", arm.arm)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use crate::record::RoundSamples;
    use sevbench_protocol::Conditions;

    fn round(guest_ns: Option<u64>, host_ns: Option<u64>) -> RoundRecord {
        let arm = |arm: &str, guest_ns, host_ns| ArmRound {
            arm: arm.into(),
            conditions: Conditions { guest_ns, host_ns, ..Conditions::default() },
            measured_ns: None,
            samples: RoundSamples::ElapsedNs(vec![1]),
        };
        let arms = vec![arm("nosev", Some(1), Some(2)), arm("bounce", guest_ns, host_ns)];
        RoundRecord { boot: 1, bench: "s/a".into(), round: 2, at_ns: 0, iterations: 1, arms }
    }

    #[test]
    fn clocks_that_agree_up_to_the_round_trip_exclude_nothing() {
        for (guest_ms, host_ms) in [(100, 100), (100, 340), (1_000, 1_260), (30_000, 30_800)] {
            let round = round(Some(guest_ms * 1_000_000), Some(host_ms * 1_000_000));
            assert_eq!(exclusion(&round, SLOW_FAR_NS), None, "{guest_ms} {host_ms}");
        }
        assert_eq!(exclusion(&round(None, Some(5)), SLOW_NS), None, "an older record");
    }

    #[test]
    fn fast_or_stopped_clock_excludes_the_round() {
        for (guest_ms, host_ms) in [(103, 100), (100, 400), (30_000, 31_000), (31_000, 30_000)] {
            let round = round(Some(guest_ms * 1_000_000), Some(host_ms * 1_000_000));
            let excluded = exclusion(&round, SLOW_FAR_NS).into_iter().collect::<Vec<_>>();
            assert!(excluded[0].cause.contains("the clock of bounce"), "{guest_ms} {host_ms}");
        }
    }

    #[test]
    fn samples_longer_than_the_host_waited_exclude_the_round() {
        let mut round = round(Some(100_000_000), Some(100_000_000));
        round.arms[1].samples = RoundSamples::ElapsedNs(vec![50_000_000, 51_000_000]);
        assert_eq!(exclusion(&round, SLOW_NS), None, "within the tolerance");
        round.arms[1].samples = RoundSamples::ElapsedNs(vec![50_000_000, 53_000_000]);
        let cause = exclusion(&round, SLOW_NS).unwrap().cause;
        assert_eq!(cause, "clock disagreement: bounce reports 103.0 ms of samples in 100.0 ms");
        round.arms[1].samples = RoundSamples::Observations(Vec::new());
        round.arms[1].measured_ns = Some(3_000_000_000);
        assert!(exclusion(&round, SLOW_NS).is_some());
    }

    #[test]
    fn steal_clock_steps_and_retries_exclude_the_round() {
        let second = Some(1_000_000_000);
        let set = |change: fn(&mut ArmRound)| {
            let mut round = round(second, second);
            change(&mut round.arms[1]);
            exclusion(&round, SLOW_NS).map(|exclusion| exclusion.cause)
        };
        let cause = |change| set(change).unwrap();
        assert_eq!(
            cause(|arm| arm.conditions.steal_ns = Some(90_000_000)),
            "CPU steal: 90 ms of 1000 ms in bounce"
        );
        assert_eq!(
            cause(|arm| arm.conditions.clock_step_ns = -4_000_000),
            "clock step: -4.0 ms in bounce"
        );
        assert_eq!(
            cause(|arm| arm.conditions.transport_retries = Some(2)),
            "transport retry: 2 segments sent again to bounce"
        );
        assert_eq!(cause(|arm| arm.conditions.stopped = true), "guest stopped: QEMU of bounce");
        for below_limit in [
            set(|arm| arm.conditions.steal_ns = Some(70_000_000)),
            set(|arm| arm.conditions.clock_step_ns = 2_900_000),
            set(|arm| arm.conditions.transport_retries = Some(0)),
        ] {
            assert_eq!(below_limit, None);
        }
    }
}
