//! Flags of criterion that have no meaning here. Those that change nothing are accepted. For the
//! others, the error names the flag to use instead.

use super::exit::CliError;
use clap::Args;

/// Flags of criterion that this program does not have.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct CriterionFlags {
    /// There are no plots, and no baseline is saved unasked.
    #[arg(long, hide = true)]
    noplot: bool,
    #[arg(long, hide = true)]
    discard_baseline: bool,

    #[arg(long, hide = true)]
    sample_size: Option<String>,
    #[arg(long, hide = true)]
    nresamples: Option<String>,
    #[arg(long, hide = true)]
    significance_level: Option<String>,
    #[arg(long, hide = true)]
    noise_threshold: Option<String>,
    #[arg(long, hide = true)]
    profile_time: Option<String>,
    #[arg(long, hide = true)]
    load_baseline: Option<String>,
    #[arg(long, hide = true)]
    baseline_lenient: Option<String>,
    #[arg(long, hide = true)]
    output_format: Option<String>,
    #[arg(long, hide = true)]
    plotting_backend: Option<String>,
}

impl CriterionFlags {
    /// Refuses a flag that would have to do something.
    ///
    /// # Errors
    /// If one is given; the error names the flag to use instead.
    pub(super) fn refuse(&self) -> Result<(), CliError> {
        let all = [
            (
                &self.sample_size,
                "--sample-size",
                "set how much is measured with --boots, --rounds or --measurement-time",
            ),
            (&self.nresamples, "--nresamples", "drop it: no verdict depends on resamples"),
            (&self.significance_level, "--significance-level", "use --confidence-level"),
            (&self.noise_threshold, "--noise-threshold", "use --margin"),
            (
                &self.profile_time,
                "--profile-time",
                "run this executable with --test under a profiler, such as `perf record`",
            ),
            (
                &self.load_baseline,
                "--load-baseline",
                "compare two recorded runs with `cargo sevbench compare BEFORE NOW`",
            ),
            (&self.baseline_lenient, "--baseline-lenient", "use --baseline"),
            (&self.output_format, "--output-format", "use --format json"),
            (&self.plotting_backend, "--plotting-backend", "drop it: there are no plots"),
        ];
        match all.into_iter().find(|(value, ..)| value.is_some()) {
            Some((_, flag, advice)) => {
                Err(CliError::usage(format!("`{flag}` is a flag of criterion: {advice}")))
            }
            None => Ok(()),
        }
    }
}
