//! From the flags and `sevbench.toml` to a plan: the defaults, the settings and the arms.

use super::bench_arguments::BenchArguments;
use super::exit::CliError;
use crate::config::{Config, MarginEntry};
use crate::coordinator::{Arm, ArmError, OwnList, Plan, check_names};
use crate::gate::{Margin, Margins};
use crate::record::{MarginRule, Settings};
use crate::stderr::tell;
use regex_lite::Regex;
use sevbench_guest::{Address, CONTROL, DEFAULT_TESTBED, DataFile, typed_folder};
use sevbench_protocol::{BenchList, BenchSettings, ListedBench};
use sevbench_reports::{MarginSource, Role};
use sevbench_statistics::Confidence;
use sevbench_text::nanoseconds;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The precision of a slowdown, in per cent, unless the flags say otherwise.
const PRECISION_PERCENT: f64 = 2.0;

/// Timed samples of a bench in each round.
const SAMPLES: u32 = 3;

/// What a run measures by default.
struct Effort {
    boots: u32,
    rounds: u32,
    warm_up_ms: u64,
    measurement_ms: u64,
    /// How long an external program runs in a round.
    observation_ms: u64,
}

impl Effort {
    /// Machines that are up already.
    const FULL: Self =
        Self { boots: 10, rounds: 4, warm_up_ms: 30, measurement_ms: 130, observation_ms: 30_000 };
    const QUICK: Self =
        Self { boots: 5, rounds: 3, warm_up_ms: 10, measurement_ms: 30, observation_ms: 2_000 };

    /// Guests that sevbench boots. A boot costs seconds, so each one measures more. An emulated
    /// guest needs time to get up to speed, and its round trips take longer.
    const FULL_BOOTED: Self = Self { warm_up_ms: 300, measurement_ms: 1_500, ..Self::FULL };
    const QUICK_BOOTED: Self = Self { warm_up_ms: 150, measurement_ms: 600, ..Self::QUICK };

    fn of(quick: bool, arms: &[Arm]) -> Self {
        let boots_guests = arms.iter().any(|arm| arm.address.machine().is_some());
        match (quick, boots_guests) {
            (false, false) => Self::FULL,
            (false, true) => Self::FULL_BOOTED,
            (true, false) => Self::QUICK,
            (true, true) => Self::QUICK_BOOTED,
        }
    }
}

impl BenchArguments {
    /// The plan for these benches.
    ///
    /// # Errors
    /// If a flag or the configuration is wrong.
    pub(super) fn plan(
        &self,
        suite: &BenchList,
        cases: &[&ListedBench],
        seed: u64,
    ) -> Result<Plan, CliError> {
        let config = Config::load(self.config.as_deref()).map_err(CliError::usage)?;
        self.plan_of(self.arms(&config)?, &config, suite, cases, seed)
    }

    /// The plan for these benches in these arms of a testbed.
    ///
    /// # Errors
    /// If a flag or the configuration is wrong.
    pub(super) fn plan_of(
        &self,
        (testbed, arms): (String, Vec<Arm>),
        config: &Config,
        suite: &BenchList,
        cases: &[&ListedBench],
        seed: u64,
    ) -> Result<Plan, CliError> {
        let mut settings = self.settings(config, &Effort::of(self.quick, &arms))?;
        warn_of_partial_margins(config, suite)?;
        settings.of_benches = self.settings_of_benches(cases);
        let id = |case: &&ListedBench| case.id().to_owned();
        let benches = cases.iter().map(id).collect();
        let observed = cases.iter().filter(|case| case.is_program()).map(id).collect();
        let ids = suite.benches.iter().map(ListedBench::id);
        let list = OwnList::new(ids, self.selection());
        let (suite, pauses_idle) = (suite.suite.clone(), !self.no_pause);
        let declares = |case: &&&ListedBench| !case.files().is_empty();
        let files_of = cases.iter().filter(declares).map(|case| (id(case), case.files().to_vec()));
        Ok(Plan {
            suite,
            list,
            benches,
            observed,
            files: data_files(cases)?,
            files_of: files_of.collect(),
            arms,
            testbed,
            seed,
            pauses_idle,
            settings,
        })
    }

    fn settings(&self, config: &Config, effort: &Effort) -> Result<Settings, CliError> {
        let settings = Settings {
            boots: self.boots.unwrap_or(effort.boots),
            precision_percent: match (self.boots, self.precision) {
                (None, None) if !self.quick => Some(PRECISION_PERCENT),
                (_, precision) => precision,
            },
            max_time_ns: self.max_time.map(nanoseconds),
            rounds: self.rounds.unwrap_or(effort.rounds),
            samples: SAMPLES,
            warm_up_ns: nanoseconds_or(self.warm_up_time, effort.warm_up_ms),
            measurement_ns: nanoseconds_or(self.measurement_time, effort.measurement_ms),
            observation_ns: nanoseconds_or(self.observation_time, effort.observation_ms),
            timeout_ns: nanoseconds(self.timeout),
            boot_timeout_ns: Some(nanoseconds(self.boot_timeout)),
            no_pause: self.no_pause,
            confidence: Confidence::new(self.confidence_level).map_err(CliError::usage)?.level(),
            margin_percent: Margin::percent(self.margin).map_err(CliError::usage)?.in_percent(),
            margin_source: Some(match self.is_given("margin") {
                true => MarginSource::Flag,
                false => MarginSource::Default,
            }),
            judge: Some(self.judge),
            margins: margin_rules(config),
            of_benches: BTreeMap::new(),
        };
        // A wrong rule is refused now, not after everything was measured.
        Margins::of(settings.margin_percent, settings.margin_rules()).map_err(CliError::usage)?;
        Ok(settings)
    }

    /// What the authors of some benches have set for them, without what a flag overrides.
    fn settings_of_benches(&self, cases: &[&ListedBench]) -> BTreeMap<String, BenchSettings> {
        let unless = |flag: &str| !self.quick && !self.is_given(flag);
        let of_case = |case: &&ListedBench| {
            let own = case.settings();
            let left = BenchSettings {
                warm_up_ns: own.warm_up_ns.filter(|_| unless("warm_up_time")),
                measurement_ns: own.measurement_ns.filter(|_| unless("measurement_time")),
                observation_ns: own.observation_ns.filter(|_| unless("observation_time")),
                rounds: own.rounds.filter(|_| unless("rounds")),
                confidence: own.confidence.filter(|_| !self.is_given("confidence_level")),
            };
            (left != BenchSettings::default()).then(|| (case.id().to_owned(), left))
        };
        cases.iter().filter_map(of_case).collect()
    }

    /// The testbed's name and its arms, the control first.
    pub(super) fn arms(&self, config: &Config) -> Result<(String, Vec<Arm>), CliError> {
        if self.control.is_some() && self.treatment.is_empty() {
            let text = "--control needs something to compare with: add --treatment NAME=URL";
            return Err(CliError::usage(text));
        }
        let (name, mut arms) = if self.treatment.is_empty() {
            testbed_arms(config, self.testbed.as_deref().unwrap_or(DEFAULT_TESTBED))?
        } else {
            ("command line".to_owned(), self.named_arms(config).map_err(CliError::usage)?)
        };
        if self.aa {
            arms.push(arms[0].again());
        }
        check_names(&arms).map_err(CliError::usage)?;
        let all_loopback = arms.iter().all(|arm| arm.address == Address::Loopback);
        Ok((if all_loopback { DEFAULT_TESTBED.into() } else { name }, arms))
    }

    /// The arms of `--control` and `--treatment`.
    fn named_arms(&self, config: &Config) -> Result<Vec<Arm>, ArmError> {
        let (settings, folder) = (config.machine(), typed_folder());
        let loopback = Address::Loopback.to_string();
        let control = self.control.as_deref().unwrap_or(&loopback);
        let control = Arm::named(CONTROL, Role::Control, control, settings, folder);
        let treatments = self.treatment.iter().map(|text| Arm::treatment(text, settings, folder));
        std::iter::once(control).chain(treatments).collect()
    }
}

/// The files that these benches declare.
///
/// # Errors
/// If one cannot be read.
fn data_files(cases: &[&ListedBench]) -> Result<BTreeMap<String, DataFile>, CliError> {
    let mut files = BTreeMap::new();
    for case in cases {
        for path in case.files() {
            let file = DataFile::read(Path::new(path)).map_err(|error| {
                CliError::usage(format!(
                    "cannot read {path}, a file of the bench {}: {error}; its path is relative to \
                     the folder of the package",
                    case.id()
                ))
            })?;
            files.insert(path.clone(), file);
        }
    }
    Ok(files)
}

/// A testbed's name and its arms, the control first.
///
/// # Errors
/// If there is no such testbed, or one of its arms is wrong.
pub fn testbed_arms(config: &Config, name: &str) -> Result<(String, Vec<Arm>), CliError> {
    let testbed = config.testbed(name).map_err(CliError::usage)?;
    let roles = std::iter::once(Role::Control).chain(std::iter::repeat(Role::Treatment));
    let arms = testbed.arms.iter().zip(roles);
    let arms = arms.map(|(arm, role)| Arm::of_testbed(&testbed, arm, role));
    let arms = arms.collect::<Result<_, _>>().map_err(CliError::usage)?;
    Ok((testbed.name, arms))
}

/// Warns of a margin that matches a part of an id, but no whole one: it applies to no bench. One
/// that matches nothing may belong to another suite.
fn warn_of_partial_margins(config: &Config, suite: &BenchList) -> Result<(), CliError> {
    for MarginEntry { benches, .. } in config.margins() {
        let selects = |expression: &str| -> Result<bool, CliError> {
            let expression = Regex::new(expression).map_err(CliError::usage)?;
            Ok(suite.benches.iter().any(|case| expression.is_match(case.id())))
        };
        if !selects(&format!("^(?:{benches})$"))? && selects(benches)? {
            tell(&format!(
                "warning: the [[margin]] for `{benches}` in sevbench.toml matches no whole id, so it \
                 applies to no bench of this suite; write `.*{benches}.*` to match a part"
            ));
        }
    }
    Ok(())
}

/// The margins that the configuration sets for some benches.
fn margin_rules(config: &Config) -> Vec<MarginRule> {
    let rule =
        |entry: &MarginEntry| MarginRule { benches: entry.benches.clone(), percent: entry.percent };
    config.margins().iter().map(rule).collect()
}

/// The duration in ns, or the default.
fn nanoseconds_or(duration: Option<Duration>, default_ms: u64) -> u64 {
    nanoseconds(duration.unwrap_or(Duration::from_millis(default_ms)))
}

#[cfg(test)]
#[path = "bench_plan_tests.rs"]
mod tests;
