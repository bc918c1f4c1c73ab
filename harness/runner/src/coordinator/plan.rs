//! The plan of a run: the selected benches, the arms, the settings and the expected time.

use super::arm::Arm;
use super::selection::OwnList;
use crate::record::{ArmRecord, Settings, standings};
use sevbench_guest::{Address, DataFile};
use sevbench_protocol::Measure;
use sevbench_text::{counted, format_duration};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// An estimate of the set-up and verification of a bench in an arm, before any was timed.
const SETUP_GUESS: Duration = Duration::from_millis(40);
/// An estimate of the boot of an arm, before any was timed.
const BOOT_GUESS: Duration = Duration::from_millis(150);
/// The same under QEMU without hardware support, the slowest case.
const EMULATED_BOOT_GUESS: Duration = Duration::from_secs(25);
/// An estimate of what an external program takes in a round beyond the time that it measures: its
/// start, its ramp and its report.
const AROUND_OBSERVATION_GUESS: Duration = Duration::from_secs(2);
/// The share of a round that an arm first runs untimed. The arms before it have evicted its cache
/// lines, and an idle CPU needs about 0.1 ms to get up to speed. Without the lead-in, the first
/// sample of a 32 MiB fill takes half as long again.
const LEAD_IN_SHARE: f64 = 0.03;
/// An iteration longer than this needs no lead-in, since the effects are negligible by comparison.
const LEAD_IN_NS_MAX: f64 = 10e6;
/// What a round asks of an external program: to run once, however long that takes.
pub(super) const OBSERVATION: Measure = Measure { lead_in: 0, iterations: 1, samples: 1 };
/// Without `--max-time`, no boot block starts after this many times the first stage.
pub(super) const STAGES_MAX: u32 = 3;

/// Everything that a run needs to know in advance.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub suite: String,
    /// The ids of the benches, in the order of the suite.
    pub benches: Vec<String>,
    /// The whole list that they were selected from.
    pub list: OwnList,
    /// Those of them that drive external programs, according to the bench list.
    pub observed: HashSet<String>,
    /// The files that they declare, by the path that the author wrote.
    pub files: BTreeMap<String, DataFile>,
    /// The paths of the files that each of them declares, if it does.
    pub files_of: HashMap<String, Vec<String>>,
    /// The control first.
    pub arms: Vec<Arm>,
    pub testbed: String,
    pub seed: u64,
    /// Whether a guest that we boot is paused while another one measures.
    pub pauses_idle: bool,
    pub settings: Settings,
}

impl Plan {
    /// The treatments that a gate judges. The control against itself counts only if there is no
    /// other.
    pub(crate) fn judged_treatments(&self) -> Vec<String> {
        let records: Vec<ArmRecord> = self.arms.iter().map(Arm::record).collect();
        let judged =
            self.arms.iter().zip(standings(&records, |_| false)).filter(|(_, arm)| arm.judged);
        judged.map(|(arm, _)| arm.name.clone()).collect()
    }

    /// An estimate, before the run, of how long it or its first stage will take.
    pub(crate) fn expected(&self) -> Duration {
        let settings = &self.settings;
        let is_observed = |id: &String| self.observed.contains(id);
        let of_bench = |id: &String| match is_observed(id) {
            true => {
                let round = Duration::from_nanos(settings.observation_ns(id));
                (round + AROUND_OBSERVATION_GUESS) * settings.rounds(id)
            }
            false => Duration::from_nanos(settings.warm_up_ns(id) + settings.measurement_ns(id)),
        };
        let benches: Duration = self.benches.iter().map(|id| of_bench(id) + SETUP_GUESS).sum();
        let boot = |arm: &Arm| match arm.address {
            Address::Qemu(_) => EMULATED_BOOT_GUESS,
            _ => BOOT_GUESS,
        };
        let boots: Duration = self.arms.iter().map(boot).sum();
        (benches * self.arms.len() as u32 + boots) * settings.boots
    }

    /// The plan in one line.
    pub(crate) fn describe(&self) -> String {
        let names: Vec<&str> = self.arms.iter().map(|arm| arm.name.as_str()).collect();
        let settings = &self.settings;
        let plan = format!(
            "plan: {}, {} ({}) on {}, {} × {}, about {}",
            counted(self.benches.len() as u64, "bench"),
            counted(names.len() as u64, "arm"),
            names.join(", "),
            self.testbed,
            counted(settings.boots, "boot"),
            counted(settings.rounds, "round"),
            format_duration(self.expected()),
        );
        let limit = settings.max_time_ns.map(|ns| format_duration(Duration::from_nanos(ns)));
        match (settings.precision_percent, limit) {
            (None, None) => plan,
            (None, Some(limit)) => format!("{plan}; no boot starts after {limit}"),
            (Some(percent), Some(limit)) => format!(
                "{plan}, then more boots for intervals wider than ±{percent} %; no boot starts after \
                 {limit}"
            ),
            (Some(percent), None) => format!(
                "{plan}, then more boots for intervals wider than ±{percent} %, for up to {}",
                format_duration(self.expected() * (STAGES_MAX - 1)),
            ),
        }
    }

    /// What a round of a bench asks of every arm. `iteration_ns` is the time of an iteration in the
    /// slowest arm.
    pub(crate) fn measure(&self, bench: &str, iteration_ns: f64) -> Measure {
        let settings = &self.settings;
        // The clock cannot see the time of an empty closure: 0.1 ns keeps the counts finite.
        let iteration_ns = iteration_ns.max(0.1);
        let round_ns = settings.measurement_ns(bench) as f64 / f64::from(settings.rounds(bench));
        let count = |duration_ns: f64| (duration_ns / iteration_ns).round().max(1.0) as u64;
        let lead_in =
            if iteration_ns > LEAD_IN_NS_MAX { 0 } else { count(round_ns * LEAD_IN_SHARE) };
        let iterations = count(round_ns / f64::from(settings.samples));
        Measure { lead_in, iterations, samples: settings.samples }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn round_is_filled_by_the_slowest_arm() {
        let settings = Settings {
            boots: 10,
            rounds: 5,
            samples: 4,
            measurement_ns: 100_000_000,
            ..Settings::smallest()
        };
        let plan = Plan {
            suite: "s".into(),
            benches: Vec::new(),
            list: OwnList::default(),
            observed: HashSet::new(),
            files: BTreeMap::new(),
            files_of: HashMap::new(),
            arms: Vec::new(),
            testbed: "loopback".into(),
            seed: 1,
            pauses_idle: true,
            settings,
        };
        let counts = |iteration_ns| {
            let Measure { lead_in, iterations, samples } = plan.measure("s/a", iteration_ns);
            (lead_in, iterations, samples)
        };
        assert_eq!(counts(1_000.0), (600, 5_000, 4));
        assert_eq!(counts(3e6), (1, 2, 4));
        assert_eq!(counts(30e6), (0, 1, 4), "a long iteration needs no lead-in");
        assert_eq!(counts(0.0).1, 50_000_000);
    }
}
