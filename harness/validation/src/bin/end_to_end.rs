//! How often the intervals of whole runs cover a known slowdown:
//! `cargo run --release -p sevbench-validation --bin end_to_end -- --write`.
//!
//! It runs the bench executable `trials` on loopback, with real agents: a control, and a treatment
//! for each factor, whose agent makes every sample longer by that factor. It prints the table to
//! standard output and, with `--write`, into METHODOLOGY.md. It exits with 1 if 95 % is not a
//! plausible share of t intervals that cover their factor.

use clap::Parser;
use sevbench_reports::{Summary, read_summary};
use sevbench_statistics::Confidence;
use sevbench_validation::document;
use sevbench_validation::proportion::clopper_pearson;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::error::Error;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{env, io};

/// The treatments, and the factors that `spin=` gives them.
const FACTORS: [(&str, &str, f64); 4] =
    [("aa", "1.00", 1.0), ("s101", "1.01", 1.01), ("s103", "1.03", 1.03), ("s110", "1.10", 1.1)];
const BENCH: &str = "trials/spin";
/// Rounds are short, since the question is how often an interval is right, not how narrow it is.
/// But a boot has enough of them to make its mean nearly normal. In a boot of 4 such rounds, one
/// time slice lost to other work on the machine would dominate, and with such tails Student's
/// interval covers the truth too often.
const EFFORT: [&str; 8] =
    ["--boots", "5", "--rounds", "40", "--measurement-time", "40ms", "--warm-up-time", "5ms"];
const BOOTS: u32 = 5;
/// The nominal coverage of the intervals.
const LEVEL: f64 = 0.95;
/// How many runs pass between two lines of progress.
const PROGRESS_EVERY: u32 = 10;
/// The user interrupted it: 128 + SIGINT, as in shells.
const INTERRUPTED: u8 = 130;

/// Measure how often the intervals of whole runs cover a known slowdown
#[derive(Parser)]
struct Arguments {
    /// Replace the table in METHODOLOGY.md
    #[arg(long)]
    write: bool,
    /// Make this many runs, each with all factors
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Set the seed of the first run; each later run takes the next number
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
    }
    let trials = build_trials()?;
    let mut tallies = Tallies::default();
    for run in 0..arguments.runs {
        // A Ctrl-C reaches the run too. It is waited for, so that it leaves nothing behind.
        let summary = measure(&trials, arguments.seed + u64::from(run));
        if interrupted.load(Ordering::Relaxed) {
            eprintln!("interrupted in run {} of {}", run + 1, arguments.runs);
            return Ok(ExitCode::from(INTERRUPTED));
        }
        tallies.add(&summary?)?;
        if (run + 1) % PROGRESS_EVERY == 0 {
            eprintln!("run {} of {}: {}", run + 1, arguments.runs, tallies.progress());
        }
    }
    let text = tallies.text();
    println!("{text}");
    if arguments.write {
        document::replace_block("end-to-end", &text)?;
    }
    let off = tallies.implausible();
    off.iter().for_each(|line| eprintln!("{line}"));
    Ok(if off.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the example `trials` and returns its path.
fn build_trials() -> io::Result<PathBuf> {
    let mut arguments =
        vec!["build", "--quiet", "--package", "cargo-sevbench", "--example", "trials"];
    if !cfg!(debug_assertions) {
        arguments.push("--release");
    }
    let typed = format!("cargo {}", arguments.join(" "));
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    let built = build.args(arguments).current_dir(document::in_workspace("")).status();
    let built =
        built.map_err(|error| io::Error::other(format!("cannot run `{typed}`: {error}")))?;
    let path = env::current_exe()?.with_file_name("examples").join("trials");
    if !built.success() || !path.exists() {
        let text =
            format!("{} is missing or outdated: run `{typed}` and fix what fails", path.display());
        return Err(io::Error::other(text));
    }
    Ok(path)
}

/// Makes one run in a folder of its own, which is then removed. A run that fails is an error.
fn measure(trials: &Path, seed: u64) -> Result<Summary, Box<dyn Error>> {
    let home = tempfile::Builder::new().prefix("sevbench-end-to-end-").tempdir()?;
    let mut command = Command::new(trials);
    command.args(["--bench", "--quiet", "--exact", BENCH, "--seed", &seed.to_string()]);
    command.args(EFFORT).env("SEVBENCH_HOME", home.path()).stdin(Stdio::null());
    for (arm, spin, _) in FACTORS {
        command.args(["--treatment".as_ref(), OsStr::new(&format!("{arm}=loopback?spin={spin}"))]);
    }
    let output = command.output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the run with seed {seed} failed ({}): {said}", output.status).into());
    }
    Ok(read_summary(&home.path().join("latest/summary.json"))?)
}

/// The interval of a method in one run.
#[derive(Clone, Copy)]
struct Bounds {
    low: f64,
    high: f64,
}

/// The intervals of a factor by one method, from all runs.
#[derive(Default)]
struct Tally(Vec<Bounds>);

impl Tally {
    fn covered(&self, factor: f64) -> u32 {
        let holds = |bounds: &&Bounds| bounds.low <= factor && factor <= bounds.high;
        self.0.iter().filter(holds).count() as u32
    }

    fn below(&self, factor: f64) -> usize {
        self.0.iter().filter(|bounds| bounds.high < factor).count()
    }

    /// The exact 95 % interval of the share of intervals that cover the factor.
    fn share(&self, factor: f64) -> (f64, f64) {
        clopper_pearson(self.covered(factor), self.0.len() as u32, Confidence::P95)
    }

    /// The upper median of the half-widths, as a fraction.
    fn median_half_width(&self) -> f64 {
        let mut widths: Vec<f64> = self.0.iter().map(|b| (b.high - b.low) / 2.0).collect();
        widths.sort_by(f64::total_cmp);
        widths.get(widths.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// The t intervals and the robust ones of each factor.
#[derive(Default)]
struct Tallies {
    of_factors: [[Tally; 2]; FACTORS.len()],
    excluded: usize,
}

const METHODS: [&str; 2] = ["t", "Yuen"];

impl Tallies {
    /// Adds a run, which must have an interval for each factor.
    fn add(&mut self, summary: &Summary) -> Result<(), String> {
        let seed = summary.run.seed;
        if let Some(failed) = summary.failed.first() {
            return Err(format!(
                "the run of seed {seed}: {} failed: {}",
                failed.arm, failed.reason
            ));
        }
        self.excluded += summary.exclusions.len();
        for ((arm, _, _), tallies) in FACTORS.iter().zip(&mut self.of_factors) {
            let lacks = |what: &str| format!("the run with seed {seed} has no {what} of {arm}");
            let mut rows = summary.comparisons.iter();
            let row = rows.find(|row| row.measurand.bench == BENCH && row.treatment == *arm);
            let row = row.ok_or_else(|| lacks("result"))?;
            let robust = row.robust.as_ref().ok_or_else(|| lacks("trimmed mean"))?;
            for (estimate, tally) in [&row.slowdown, robust].into_iter().zip(tallies) {
                let (Some(low), Some(high)) = (estimate.low, estimate.high) else {
                    return Err(lacks(&estimate.method));
                };
                tally.0.push(Bounds { low, high });
            }
        }
        Ok(())
    }

    fn progress(&self) -> String {
        let count = |((_, spin, factor), [t, _]): (&(&str, &str, f64), &[Tally; 2])| {
            format!("{spin} in {}", t.covered(*factor))
        };
        FACTORS.iter().zip(&self.of_factors).map(count).collect::<Vec<_>>().join(", ")
    }

    fn text(&self) -> String {
        let runs = self.of_factors[0][0].0.len();
        let mut lines = vec![
            format!(
                "{runs} runs of {BOOTS} boots, {} rounds excluded for an external cause:",
                self.excluded
            ),
            String::new(),
            "| true factor | interval | contains it | too low | too high | share \
             | 95 % of the share | median half-width |"
                .into(),
            "|---|---|---|---|---|---|---|---|".into(),
        ];
        for ((_, spin, factor), tallies) in FACTORS.iter().zip(&self.of_factors) {
            for (method, tally) in METHODS.iter().zip(tallies) {
                let (covered, below) = (tally.covered(*factor), tally.below(*factor));
                let above = runs - covered as usize - below;
                let (low, high) = tally.share(*factor);
                let share = 100.0 * f64::from(covered) / runs as f64;
                let half_width = 100.0 * tally.median_half_width();
                lines.push(format!(
                    "| {spin} | {method} | {covered} | {below} | {above} | {share:.1} % \
                     | {:.1} to {:.1} % | {half_width:.2} % |",
                    100.0 * low,
                    100.0 * high
                ));
            }
        }
        lines.join("\n")
    }

    /// The factors that their t intervals cover too rarely or too often.
    fn implausible(&self) -> Vec<String> {
        let off = |((_, spin, factor), [t, _]): (&(&str, &str, f64), &[Tally; 2])| {
            let (low, high) = t.share(*factor);
            let is_plausible = low <= LEVEL && LEVEL <= high;
            (!is_plausible).then(|| {
                format!(
                    "{spin}: the share of intervals that cover it is between {low:.3} and \
                     {high:.3}, which excludes {LEVEL}"
                )
            })
        };
        FACTORS.iter().zip(&self.of_factors).filter_map(off).collect()
    }
}
