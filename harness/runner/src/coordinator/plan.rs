//! The plan of a run: the selected benches, the arms, the settings and the expected time.

use super::arm::Arm;
use crate::record::{ArmRecord, Settings, standings};
use regex_lite::Regex;
use sevbench_guest::Address;
use sevbench_protocol::{Case, Measure, Suite};
use sevbench_text::{counted, format_duration};
use std::time::Duration;
use thiserror::Error;

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
/// How many similar ids are listed if none matches.
const NEAR_IDS_MAX: usize = 5;

/// Which benches the user selects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub filter: Option<String>,
    pub exact: bool,
    pub sweep: bool,
}

/// Why a selection selects nothing.
#[derive(Debug, Error)]
pub(crate) enum SelectionError {
    #[error(
        "`{filter}` is not a regular expression ({reason}): escape its special characters, or add \
         --exact"
    )]
    Regex { filter: String, reason: String },
    #[error("no bench matches `{filter}`; similar ids: {near}; `--list` shows all")]
    NoMatch { filter: String, near: String },
    #[error("`{filter}` matches only benches that are not measured by default: add --sweep")]
    OnlySweep { filter: String },
}

/// Everything that a run needs to know in advance.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub suite: &'static str,
    /// The ids of the benches, in the order of the suite.
    pub benches: Vec<String>,
    /// How many of them drive external programs, according to the bench list.
    pub observed: usize,
    /// The control first.
    pub arms: Vec<Arm>,
    pub testbed: String,
    pub seed: u64,
    /// Whether a guest that we boot is paused while another one measures.
    pub pauses_idle: bool,
    pub settings: Settings,
}

/// The selected cases, in the order of the suite.
pub(crate) fn select<'s>(
    suite: &'s Suite,
    selection: &Selection,
) -> Result<Vec<&'s Case>, SelectionError> {
    let Some(filter) = &selection.filter else {
        let chosen = suite.cases().iter().filter(|case| selection.sweep || !case.is_sweep());
        return Ok(chosen.collect());
    };
    let regex = Regex::new(filter).map_err(|error| SelectionError::Regex {
        filter: filter.clone(),
        reason: error.to_string(),
    });
    let matches: Box<dyn Fn(&str) -> bool> = match selection.exact {
        true => Box::new(|id| id == filter),
        false => {
            let regex = regex?;
            Box::new(move |id| regex.is_match(id))
        }
    };
    let matching: Vec<_> = suite.cases().iter().filter(|case| matches(case.id())).collect();
    if matching.is_empty() {
        let filter = filter.clone();
        return Err(SelectionError::NoMatch { near: near_ids(suite, &filter).join(", "), filter });
    }
    let chosen: Vec<&Case> = matching
        .into_iter()
        .filter(|case| selection.sweep || selection.exact || !case.is_sweep())
        .collect();
    if chosen.is_empty() {
        Err(SelectionError::OnlySweep { filter: filter.clone() })
    } else {
        Ok(chosen)
    }
}

/// The ids most similar to the filter, as a whole or in one of their parts.
fn near_ids<'a>(suite: &'a Suite, filter: &str) -> Vec<&'a str> {
    let similarity = |id: &str| {
        let parts = id.split('/').map(|part| strsim::jaro_winkler(part, filter));
        parts.chain([strsim::jaro_winkler(id, filter)]).fold(0.0, f64::max)
    };
    let mut ids: Vec<(f64, &str)> =
        suite.cases().iter().map(|case| (similarity(case.id()), case.id())).collect();
    ids.sort_by(|a, b| b.0.total_cmp(&a.0));
    ids.into_iter().take(NEAR_IDS_MAX).map(|(_, id)| id).collect()
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
        let measuring = Duration::from_nanos(settings.warm_up_ns + settings.measurement_ns);
        let timed = measuring * (self.benches.len() - self.observed) as u32;
        let round = Duration::from_nanos(settings.observation_ns) + AROUND_OBSERVATION_GUESS;
        let observed = round * settings.rounds * self.observed as u32;
        let benches = timed + observed + SETUP_GUESS * self.benches.len() as u32;
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
                "{plan}, then more boots where ±{percent} % needs them; no boot starts after {limit}"
            ),
            (Some(percent), None) => format!(
                "{plan}, then more boots where ±{percent} % needs them, for up to {}",
                format_duration(self.expected() * (STAGES_MAX - 1)),
            ),
        }
    }

    /// What a round asks of every arm. `iteration_ns` is the time of an iteration in the slowest
    /// arm.
    pub(crate) fn measure(&self, iteration_ns: f64) -> Measure {
        let settings = &self.settings;
        // The clock cannot see the time of an empty closure: 0.1 ns keeps the counts finite.
        let iteration_ns = iteration_ns.max(0.1);
        let round_ns = settings.measurement_ns as f64 / f64::from(settings.rounds);
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
    use sevbench_protocol::{Bench, Bencher, ByteSize};

    fn body(b: &mut Bencher<'_>, _: &ByteSize) {
        b.iter(|| ());
    }

    const SIZES: [ByteSize; 2] = [ByteSize::kib(256), ByteSize::mib(32)];
    const LARGE: [ByteSize; 1] = [ByteSize::gib(1)];

    fn selected(filter: Option<&str>, exact: bool, sweep: bool) -> Result<Vec<String>, String> {
        let memcpy = Bench::with("memcpy", body).over(&SIZES).sweep(&LARGE);
        let memset = Bench::with("memset", body).over(&SIZES);
        let suite = Suite::new("memory", &[&memcpy, &memset]).unwrap();
        let selection = Selection { filter: filter.map(str::to_owned), exact, sweep };
        let ids = |cases: Vec<&Case>| cases.iter().map(|case| case.id().to_owned()).collect();
        select(&suite, &selection).map(ids).map_err(|error| error.to_string())
    }

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
            suite: "s",
            benches: Vec::new(),
            observed: 0,
            arms: Vec::new(),
            testbed: "loopback".into(),
            seed: 1,
            pauses_idle: true,
            settings,
        };
        let counts = |iteration_ns| {
            let Measure { lead_in, iterations, samples } = plan.measure(iteration_ns);
            (lead_in, iterations, samples)
        };
        assert_eq!(counts(1_000.0), (600, 5_000, 4));
        assert_eq!(counts(3e6), (1, 2, 4));
        assert_eq!(counts(30e6), (0, 1, 4), "a long iteration needs no lead-in");
        assert_eq!(counts(0.0).1, 50_000_000);
    }

    #[test]
    fn filter_is_a_regular_expression_over_ids() {
        assert_eq!(selected(None, false, false).unwrap().len(), 4);
        assert_eq!(selected(None, false, true).unwrap().len(), 5);
        assert_eq!(selected(Some("memcpy"), false, false).unwrap().len(), 2);
        assert_eq!(selected(Some("mem(cpy|set)/32"), false, false).unwrap().len(), 2);
        assert_eq!(
            selected(Some("memory/memcpy/1GiB"), true, false).unwrap(),
            ["memory/memcpy/1GiB"]
        );
    }

    #[test]
    fn unmatched_filter_lists_similar_ids() {
        let error = selected(Some("memcopy"), false, false).unwrap_err();
        assert!(error.contains("memory/memcpy/256KiB") && error.contains("--list"), "{error}");
        assert!(selected(Some("memcpy"), true, false).is_err());
        assert!(selected(Some("1GiB"), false, false).unwrap_err().contains("--sweep"));
        assert!(selected(Some("("), false, false).unwrap_err().contains("--exact"));
    }
}
