//! The flags of a bench executable. Where criterion has a flag, it has the same name here.

use super::criterion_flags::CriterionFlags;
use super::libtest_flags::LibtestFlags;
use super::output::{BenchFormat, Colour};
use super::records::{CONFIDENCE_LEVEL, JUDGE, MARGIN_PERCENT, estimands};
use crate::coordinator::Selection;
use crate::record::{BOOTS_MAX, BaselineName};
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser};
use sevbench_protocol::{DURATION_MAX, ROUNDS_MAX};
use sevbench_reports::Estimand;
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What a flag's <DUR> may be.
const DURATION_HELP: &str =
    "<DUR> is a duration such as 100ms, 2s or 1min; a bare number is in seconds.";

/// The smallest precision, in per cent. No run is long enough for less.
const PRECISION_MIN: f64 = 0.001;

/// Measure Rust benches in a control guest and in treatment guests, and print the slowdown of each
/// with its confidence interval.
#[derive(Clone, Debug, Parser)]
#[command(
    bin_name = "cargo bench --bench NAME --",
    version,
    term_width = 100,
    allow_negative_numbers = true,
    after_help = DURATION_HELP
)]
pub(super) struct BenchArguments {
    /// Measure only the benches whose id matches one of these regular expressions
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,
    /// Leave out the benches whose id matches this regular expression; may be repeated
    #[arg(long, value_name = "FILTER")]
    pub skip: Vec<String>,
    /// Take each FILTER as the whole id of one bench
    #[arg(long)]
    pub exact: bool,
    /// Include the benches that are left out by default, such as more sizes
    #[arg(long)]
    pub sweep: bool,
    /// List the ids of the benches and exit
    #[arg(long)]
    pub list: bool,
    /// Run each bench body once, in this process, as a test
    #[arg(long)]
    pub test: bool,
    /// Passed by cargo
    #[arg(long, hide = true)]
    pub bench: bool,
    /// Take fewer boots and shorter samples: a first look, with wider intervals
    #[arg(long)]
    pub quick: bool,

    /// Choose where the arms run [default: loopback]
    ///
    /// loopback: this machine against itself. qemu: a guest without and a guest with bounce
    /// buffers. sev, sev-es, snp: a plain guest and a protected one. ladder: every treatment that
    /// this host can run. Or the name of a testbed in sevbench.toml.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["control", "treatment"])]
    pub testbed: Option<String>,
    /// Read machines, testbeds and margins from this file [default: sevbench.toml in the
    /// package's folder or a parent, up to the project's root]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Let idle guests run while another one measures, instead of pausing them
    #[arg(long)]
    pub no_pause: bool,
    /// Measure even if another run has guests on this host; both are disturbed
    #[arg(long)]
    pub share_host: bool,
    /// Set the control machine: ssh://[user@]host[:port][?key=PATH], qemu:nosev or loopback
    #[arg(long, value_name = "URL")]
    pub control: Option<String>,
    /// Add a treatment arm and its machine; may be repeated
    #[arg(long, value_name = "NAME=URL")]
    pub treatment: Vec<String>,

    /// Add the control's machine a second time, as the arm `aa`
    ///
    /// Its slowdown is pure noise, and shows how much noise there is.
    #[arg(long)]
    pub aa: bool,

    /// Give each bench N boot blocks; the boot is the unit of replication
    ///
    /// [default: 10, or 5 with --quick; then as many more as a bench needs for --precision]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(BOOTS_MAX)))]
    pub boots: Option<u32>,
    /// Add boots to benches whose slowdown is not yet known to within this many per cent
    ///
    /// The percentage is half the width of the confidence interval. The first boots of a bench
    /// decide, once, how many more it gets. [default: 2; with --quick, no more boots unless this is
    /// given]
    #[arg(long, value_name = "PCT", value_parser = parse_precision, conflicts_with = "boots")]
    pub precision: Option<f64>,
    /// Start no further boot block once the run has taken this long [default: three times what the
    /// first boots took; no limit if the number of boots is fixed]
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    pub max_time: Option<Duration>,
    /// Set the rounds of each bench in a boot [default: 4, or 3 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(ROUNDS_MAX)))]
    pub rounds: Option<u32>,
    /// Set the warm-up time of each bench, arm and boot
    ///
    /// If the timings are not steady by then, the warm-up continues, for up to four times as long.
    /// [default: 30ms, or 10ms with --quick; in guests that sevbench boots, 300ms or 150ms]
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    pub warm_up_time: Option<Duration>,
    /// Set the measuring time of each bench, arm and boot
    ///
    /// [default: 130ms, or 30ms with --quick; in guests that sevbench boots, 1.5s or 600ms]
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    pub measurement_time: Option<Duration>,
    /// Set how long an external program measures in a round [default: 30s, or 2s with --quick]
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    pub observation_time: Option<Duration>,
    /// Set the confidence level of the intervals
    #[arg(long, value_name = "LEVEL", default_value_t = CONFIDENCE_LEVEL)]
    pub confidence_level: f64,
    /// Set the largest slowdown, in per cent, that still counts as no change
    ///
    /// With --baseline, it applies to the change of the slowdown. [[margin]] entries of
    /// sevbench.toml take precedence.
    #[arg(long, value_name = "PCT", default_value_t = MARGIN_PERCENT)]
    pub margin: f64,
    /// Choose what verdicts and the gate are about: the mean, the median boot (typical), or both
    ///
    /// With both, a bench regressed if its mean did, since a median needs more boots to show it.
    /// It is within the margin if its mean is and nothing shows that its median boot is not.
    #[arg(long, value_name = "WHAT", value_parser = estimands(), default_value_t = JUDGE)]
    pub judge: Estimand,
    /// Exit with 3 if a bench regressed, with 4 if one is not decided
    ///
    /// If no true slowdown is beyond its margin, at most 5 % of runs exit with 3, however many
    /// benches there are, if boots vary about normally. The gate refuses guests that differ in more
    /// than the treatment, a protection that is not verified, and too few boots.
    #[arg(long)]
    pub gate: bool,
    /// Continue the newest unfinished run of this suite, with its benches, arms, settings and seed
    #[arg(long)]
    pub resume: bool,
    /// Compare with the run that was saved under this name
    #[arg(long, value_name = "NAME")]
    pub baseline: Option<BaselineName>,
    /// Save the run's record under this name if the run is complete and no bench failed
    ///
    /// It replaces a baseline of the same name, after the comparison. With --gate, only a run
    /// that passes is saved.
    #[arg(long, value_name = "NAME")]
    pub save_baseline: Option<BaselineName>,
    /// Set the seed of every random order [default: from the clock]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Set the longest wait for an agent's answer, in addition to the time that it measures
    #[arg(long, value_name = "DUR", value_parser = parse_duration, default_value = "60s")]
    pub timeout: Duration,
    /// Set the longest wait for a guest to come up
    #[arg(long, value_name = "DUR", value_parser = parse_duration, default_value = "3min")]
    pub boot_timeout: Duration,

    /// Choose the format of the result on standard output
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = BenchFormat::Text)]
    pub format: BenchFormat,
    /// Choose when to colour the result
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Colour::Auto)]
    pub color: Colour,
    /// Also show the other estimates, sources of variance, warm-ups, outlier rounds and the seed
    #[arg(long, short, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Print only the result: no plan and no progress
    #[arg(long, short)]
    pub quiet: bool,

    #[command(flatten)]
    pub criterion: CriterionFlags,
    #[command(flatten)]
    pub libtest: LibtestFlags,

    /// The fields above that the command line sets.
    #[arg(skip)]
    given: HashSet<String>,
}

impl BenchArguments {
    /// Reads a command line, whose first word is a name.
    ///
    /// # Errors
    /// If it is wrong or asks for help.
    pub(super) fn from_command_line(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, clap::Error> {
        Self::from_matches(&Self::command().try_get_matches_from(arguments)?)
    }

    pub(super) fn from_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
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
        Selection {
            filters: self.filters.clone(),
            skips: self.skip.clone(),
            exact: self.exact,
            sweep: self.sweep,
        }
    }
}

/// Reads a duration in humantime's syntax (`100ms`, `1min 30s`). A bare number is in seconds, as in
/// criterion.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = match text.parse::<f64>() {
        // Not a valid duration: becomes zero, which is rejected below.
        Ok(seconds) => Duration::try_from_secs_f64(seconds).unwrap_or_default(),
        Err(_) => humantime::parse_duration(text)
            .map_err(|error| format!("{error}; write a duration such as 100ms, 2s or 1min"))?,
    };
    if duration.is_zero() || duration > DURATION_MAX {
        return Err("write a duration above 0 and up to a day, such as 100ms, 2s or 1min".into());
    }
    Ok(duration)
}

fn parse_precision(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(percent) if (PRECISION_MIN..=100.0).contains(&percent) => Ok(percent),
        _ => Err(format!("write a percentage from {PRECISION_MIN} to 100, such as 1.5")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_follow_criterion_and_humantime() {
        assert_eq!(parse_duration("0.25"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("1min 30s"), Ok(Duration::from_secs(90)));
    }
}
