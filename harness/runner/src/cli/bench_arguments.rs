//! The flags of a bench executable. They follow criterion where criterion has the flag.

use super::exit::Failure;
use super::records::{CONFIDENCE_LEVEL, MARGIN_PERCENT};
use crate::coordinator::{Arm, ArmError, Plan, Selection, check_names};
use crate::gate::{Margin, Margins};
use crate::record::{BaselineName, MarginRule, Settings};
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, ValueEnum};
use sevbench_guest::{Address, CONTROL, Config, DEFAULT_TESTBED, MarginEntry};
use sevbench_protocol::Case;
use sevbench_reports::{MarginSource, Role};
use sevbench_statistics::Confidence;
use sevbench_text::nanoseconds;
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

/// What a run on machines that are there takes by default, and one on guests that sevbench boots: (boots, rounds, warm-up
/// in ms, measuring time in ms). A boot costs seconds, so more is measured in each; an emulated guest needs time to
/// get up to speed, and the way to it is longer.
const EFFORT: [(u32, u32, u64, u64); 2] = [(10, 4, 30, 130), (10, 4, 300, 1500)];
const QUICK_EFFORT: [(u32, u32, u64, u64); 2] = [(5, 3, 10, 30), (5, 3, 150, 600)];
/// How long an outside program runs in a round by default, and with `--quick`.
const OBSERVATION_MS: [u64; 2] = [30_000, 2_000];

/// To how many per cent a slowdown should be known, where nothing else is asked for.
const PRECISION_PERCENT: f64 = 2.0;

/// The longest measuring, warm-up or waiting time that may be asked for.
const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);

/// Measures Rust bench functions in a control and in treatment guests, and prints the slowdown of each with a
/// confidence interval.
#[derive(Clone, Debug, Parser)]
#[command(bin_name = "cargo bench --bench NAME --", version, term_width = 100)]
pub(super) struct BenchArguments {
    /// Measure only benches whose id matches this regular expression
    pub filter: Option<String>,
    /// FILTER is the whole id of one bench
    #[arg(long, requires = "filter")]
    pub exact: bool,
    /// Also the parameters that are left out by default (more sizes)
    #[arg(long)]
    pub sweep: bool,
    /// List the ids of the benches and end
    #[arg(long)]
    pub list: bool,
    /// Run each body once, in this process, as a test
    #[arg(long)]
    pub test: bool,
    /// Passed by cargo
    #[arg(long, hide = true)]
    pub bench: bool,
    /// Fewer boots and shorter samples: a first look, with wider intervals
    #[arg(long)]
    pub quick: bool,

    /// Where the arms run: loopback (this machine against itself), qemu (a guest without and with bounce buffers), sev,
    /// sev-es, snp, ladder (all that this host can do), or one of sevbench.toml
    #[arg(long, value_name = "NAME", conflicts_with_all = ["control", "treatment"])]
    pub testbed: Option<String>,
    /// Settings of machines and testbeds of your own [default: sevbench.toml here or above]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Let idle guests run while another measures, in place of pausing them
    #[arg(long)]
    pub no_pause: bool,
    /// The control machine: ssh://user@host:port[?key=PATH], qemu:nosev, or loopback
    #[arg(long, value_name = "URL")]
    pub control: Option<String>,
    /// A treatment arm and its machine; may be repeated
    #[arg(long, value_name = "NAME=URL")]
    pub treatment: Vec<String>,

    /// Also the control's machine a second time, as the arm `aa`: its slowdown is noise, and says how much there is
    #[arg(long)]
    pub aa: bool,

    /// So many boot blocks, the unit of replication, of every bench [default: 10, with --quick 5, and then as many more as a
    /// bench needs for --precision]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub boots: Option<u32>,
    /// After the first boots, boot on those benches whose slowdown is not yet known to so many per cent: half of the width of
    /// its interval [default: 2; with --quick, no more boots unless this is given]
    #[arg(long, value_name = "PCT", value_parser = parse_precision, conflicts_with = "boots")]
    pub precision: Option<f64>,
    /// After so long no boot block starts [default: three times what the first boots took]
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    pub max_time: Option<Duration>,
    /// Rounds of each bench in a boot [default: 4; with --quick 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rounds: Option<u32>,
    /// Warm-up of each bench, arm and boot, up to four times as long until its pace is steady [default: 30ms, with --quick 10ms;
    /// in guests that are booted 300ms and 150ms]
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    pub warm_up_time: Option<Duration>,
    /// Measuring time of each bench, arm and boot [default: 130ms, with --quick 30ms; in guests that are booted 1.5s and 600ms]
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    pub measurement_time: Option<Duration>,
    /// How long an outside program runs in one round [default: 30s; with --quick 2s]
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    pub observation_time: Option<Duration>,
    /// Level of the intervals
    #[arg(long, value_name = "LEVEL", default_value_t = CONFIDENCE_LEVEL)]
    pub confidence_level: f64,
    /// The slowdown, in per cent, that still counts as no change; with --baseline, its change. Entries [[margin]] of sevbench.toml
    /// go before it
    #[arg(long, value_name = "PCT", default_value_t = MARGIN_PERCENT)]
    pub margin: f64,
    /// Exit with 3 where a bench regressed, with 4 where one is not decided; over all benches together, at most 5 % of runs
    /// fail wrongly. Refuses guests that differ in more than the treatment or whose protection is not verified, and too few boots
    #[arg(long)]
    pub gate: bool,
    /// Continue the newest run of this suite that did not come to its end, with its benches, arms, settings and seed
    #[arg(long)]
    pub resume: bool,
    /// Compare with the run that was saved under this name
    #[arg(long, value_name = "NAME")]
    pub baseline: Option<BaselineName>,
    /// Save the run's record under this name, if it is complete; a baseline of that name is replaced, after the comparison
    #[arg(long, value_name = "NAME")]
    pub save_baseline: Option<BaselineName>,
    /// Seed of the order of everything [default: from the clock]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// The longest wait for an answer of an agent, beside the time that it measures
    #[arg(long, value_name = "DUR", value_parser = parse_duration, default_value = "60s")]
    pub timeout: Duration,
    /// The longest wait for a guest to come up
    #[arg(long, value_name = "DUR", value_parser = parse_duration, default_value = "3min")]
    pub boot_timeout: Duration,

    /// The form of the result on standard output
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// When to colour the result
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Colour::Auto)]
    pub color: Colour,
    /// Also what the result rests on: other estimates, where the variance comes from, how warm-ups went, the seed
    #[arg(long, short, conflicts_with = "quiet")]
    pub verbose: bool,
    /// No plan and no progress, only the result
    #[arg(long)]
    pub quiet: bool,

    /// The names of the fields above that the command line sets.
    #[arg(skip)]
    given: HashSet<String>,
}

/// The form of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: a versioned document.
    Json,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Colour {
    /// Where standard output is a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl BenchArguments {
    /// Reads the command line; ends the process where it is wrong or asks for help.
    pub(super) fn of_process() -> Self {
        Self::of(&Self::command().get_matches()).unwrap_or_else(|error| error.exit())
    }

    fn of(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let is_given = |id: &&clap::Id| {
            matches.value_source(id.as_str()) == Some(clap::parser::ValueSource::CommandLine)
        };
        let given = matches.ids().filter(is_given).map(ToString::to_string).collect();
        Ok(Self { given, ..Self::from_arg_matches(matches)? })
    }

    /// Whether the command line sets this field.
    pub(super) fn is_given(&self, field: &str) -> bool {
        self.given.contains(field)
    }

    pub(super) fn selection(&self) -> Selection {
        Selection { filter: self.filter.clone(), exact: self.exact, sweep: self.sweep }
    }

    /// The plan for these benches.
    pub(super) fn plan(
        &self,
        suite: &'static str,
        cases: &[&Case],
        seed: u64,
    ) -> Result<Plan, Failure> {
        let confidence = Confidence::new(self.confidence_level).map_err(Failure::usage)?;
        let margin = Margin::percent(self.margin).map_err(Failure::usage)?;
        let config = Config::load(self.config.as_deref()).map_err(Failure::usage)?;
        let rule = |entry: &MarginEntry| MarginRule {
            benches: entry.benches.clone(),
            percent: entry.percent,
        };
        let margins: Vec<MarginRule> = config.margins().iter().map(rule).collect();
        let (testbed, arms) = self.arms(&config)?;
        let boots_guests = arms.iter().any(|arm| arm.address.machine().is_some());
        let observation_ms = OBSERVATION_MS[usize::from(self.quick)];
        let efforts = if self.quick { QUICK_EFFORT } else { EFFORT };
        let (boots, rounds, warm_up_ms, measurement_ms) = efforts[usize::from(boots_guests)];
        let settings = Settings {
            boots: self.boots.unwrap_or(boots),
            precision_percent: match (self.boots, self.precision) {
                (None, None) if !self.quick => Some(PRECISION_PERCENT),
                (_, precision) => precision,
            },
            max_time_ns: self.max_time.map(nanoseconds),
            rounds: self.rounds.unwrap_or(rounds),
            samples: 3,
            warm_up_ns: nanoseconds_or(self.warm_up_time, warm_up_ms),
            measurement_ns: nanoseconds_or(self.measurement_time, measurement_ms),
            observation_ns: nanoseconds_or(self.observation_time, observation_ms),
            timeout_ns: nanoseconds(self.timeout),
            boot_timeout_ns: Some(nanoseconds(self.boot_timeout)),
            no_pause: self.no_pause,
            confidence: confidence.level(),
            margin_percent: margin.in_percent(),
            margin_source: Some(match self.is_given("margin") {
                true => MarginSource::Flag,
                false => MarginSource::Default,
            }),
            margins,
        };
        // A wrong rule is told now, and not once all is measured.
        Margins::of(settings.margin_percent, settings.margin_rules()).map_err(Failure::usage)?;
        let benches = cases.iter().map(|case| case.id().to_owned()).collect();
        let observed = cases.iter().filter(|case| case.is_observed()).count();
        let pauses_idle = !self.no_pause;
        Ok(Plan { suite, benches, observed, arms, testbed, seed, pauses_idle, settings })
    }

    /// The testbed's name and its arms, the control first.
    fn arms(&self, config: &Config) -> Result<(String, Vec<Arm>), Failure> {
        let settings = config.machine();
        if self.control.is_some() && self.treatment.is_empty() {
            let text = "--control alone compares with nothing: add --treatment NAME=URL";
            return Err(Failure::usage(text));
        }
        let (name, mut arms) = if self.treatment.is_empty() {
            testbed_arms(config, self.testbed.as_deref().unwrap_or(DEFAULT_TESTBED))?
        } else {
            let control = self.control.as_deref().unwrap_or(DEFAULT_TESTBED);
            let control = Arm::named(CONTROL, Role::Control, control, settings);
            let treatments = self.treatment.iter().map(|text| Arm::treatment(text, settings));
            let arms: Result<_, ArmError> = std::iter::once(control).chain(treatments).collect();
            ("command line".to_owned(), arms.map_err(Failure::usage)?)
        };
        if self.aa {
            arms.push(arms[0].again());
        }
        check_names(&arms).map_err(Failure::usage)?;
        let all_loopback = arms.iter().all(|arm| arm.address == Address::Loopback);
        Ok((if all_loopback { DEFAULT_TESTBED.into() } else { name }, arms))
    }
}

/// A testbed's name and its arms, the control first.
pub fn testbed_arms(config: &Config, name: &str) -> Result<(String, Vec<Arm>), Failure> {
    let testbed = config.testbed(name).map_err(Failure::usage)?;
    let roles = std::iter::once(Role::Control).chain(std::iter::repeat(Role::Treatment));
    let arms = testbed.arms.iter().zip(roles);
    let arms = arms.map(|(arm, role)| Arm::of_testbed(arm, role, &testbed.machine));
    Ok((testbed.name, arms.collect::<Result<_, _>>().map_err(Failure::usage)?))
}

/// The duration in ns, or the default.
fn nanoseconds_or(duration: Option<Duration>, default_ms: u64) -> u64 {
    nanoseconds(duration.unwrap_or(Duration::from_millis(default_ms)))
}

/// Reads durations as humantime has them (`100ms`, `1min 30s`), and a bare number as seconds, as
/// criterion does.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?,
        Err(_) => humantime::parse_duration(text)
            .map_err(|error| format!("{error}; write a duration as in 100ms, 2s or 1min"))?,
    };
    if duration.is_zero() || duration > DURATION_MAX {
        return Err("write a duration above 0 and up to a day, as in 100ms, 2s or 1min".into());
    }
    Ok(duration)
}

fn parse_precision(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(percent) if percent > 0.0 && percent <= 100.0 => Ok(percent),
        _ => Err("write a percentage above 0 and up to 100, as in 1.5".into()),
    }
}

#[cfg(test)]
#[path = "bench_arguments_tests.rs"]
mod tests;
