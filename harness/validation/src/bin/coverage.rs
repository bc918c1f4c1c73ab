//! The coverage tables of METHODOLOGY.md, by simulation:
//! `cargo run --release -p sevbench-validation --bin coverage -- --write`.
//!
//! It prints the tables to standard output and, with `--write`, into the document. It lists figures
//! that differ from fixtures/coverage.csv by more than three standard errors on standard error, and
//! then exits with 1.

use clap::Parser;
use sevbench_reports::{Estimand, Verdict};
use sevbench_validation::document;
use sevbench_validation::experiments::{Experiment, LATENCY_BOOTS, SIZES, VERDICT_BOOTS};
use sevbench_validation::gates::{Gate, Lines};
use sevbench_validation::generators::{Boots, Noise};
use sevbench_validation::methods::{BootsMethod, LatencyMethod, PairsMethod};
use sevbench_validation::regimes::Regime;
use sevbench_validation::stopping::{CUT_OFF_NEEDED, Stopping};
use std::fmt::Display;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::{fs, io, thread};

const PAIRS_METHODS: [PairsMethod; 7] = [
    PairsMethod::T,
    PairsMethod::Yuen,
    PairsMethod::Fieller,
    PairsMethod::Percentile,
    PairsMethod::Bca,
    PairsMethod::UnpairedPercentile,
    PairsMethod::TukeyDelete,
];
const BOOTS_METHODS: [BootsMethod; 3] =
    [BootsMethod::T, BootsMethod::Percentile, BootsMethod::NaiveT];
const LATENCY_METHODS: [LatencyMethod; 3] =
    [LatencyMethod::T, LatencyMethod::Jackknife, LatencyMethod::PooledBootstrap];
const VERDICTS: [Verdict; 4] =
    [Verdict::NoChange, Verdict::Regressed, Verdict::Improved, Verdict::Inconclusive];
const PAIRS_NOISES: [Noise; 3] = [Noise::Normal, Noise::Lognormal, Noise::Spikes];
const STOPPING_NOISES: [Noise; 3] = [Noise::Normal, Noise::ShortTail, Noise::Lognormal];
/// True slowdowns in tenths of a per cent.
const SLOWDOWNS_PERMILLE: [u32; 4] = [0, 30, 45, 60];
/// Boots that a two-stage run needs if its first stage shows the true spread.
const TWO_STAGE_BOOTS: [usize; 4] = [10, 20, 40, 60];
/// The boots after which time ends.
const CUT_OFF_BOOTS: [usize; 3] = [20, 30, 50];
/// The last boot after which a run is looked at.
const LOOKS_UNTIL: [usize; 3] = [30, 60, 100];

/// Lines and boots of the gates.
const GATE_LINES: [usize; 3] = [1, 10, 50];
const GATE_BOOTS: [usize; 2] = [10, 30];
/// Twice the margin, in per cent.
const GATE_SLOWER_PERCENT: u32 = 6;

/// How many standard errors, of both simulations together, a figure may be off.
const TOLERANCE: f64 = 3.0;

/// Simulate the coverage of sevbench's intervals and the error rates of its verdicts
#[derive(Parser)]
struct Arguments {
    /// Replace the tables in METHODOLOGY.md
    #[arg(long)]
    write: bool,
    /// Simulate this many experiments for each figure
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    repetitions: u64,
}

fn main() -> io::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut simulation = Simulation::new(arguments.repetitions)?;
    let tables = simulation.tables();
    println!("{tables}");
    let gates = simulation.gates();
    println!("{gates}");
    if arguments.write {
        document::replace_block("coverage", &tables)?;
        document::replace_block("gates", &gates)?;
    }
    for deviation in &simulation.deviations {
        eprintln!("{deviation}");
    }
    eprintln!(
        "{} of {} reference figures differ",
        simulation.deviations.len(),
        simulation.compared
    );
    Ok(if simulation.deviations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A figure of the earlier simulations that chose the defaults, or the bounds of several, in per
/// cent.
struct Reference {
    method: String,
    generator: String,
    n: usize,
    low: f64,
    high: f64,
    /// Half of a unit of the last digit.
    rounding: f64,
    repetitions: f64,
}

impl Reference {
    fn read() -> io::Result<Vec<Self>> {
        let path = document::in_workspace("fixtures/coverage.csv");
        let parsed =
            |line: &str| Self::parse(line).ok_or_else(|| io::Error::other(line.to_owned()));
        fs::read_to_string(path)?.lines().skip(1).map(parsed).collect()
    }

    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(',').collect();
        let [method, generator, n, low, high, repetitions] = fields[..] else { return None };
        let digits = low.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        Some(Self {
            method: method.to_owned(),
            generator: generator.to_owned(),
            n: n.parse().ok()?,
            low: low.parse().ok()?,
            high: high.parse().ok()?,
            rounding: 0.5 * 0.1_f64.powi(digits as i32),
            repetitions: repetitions.parse().ok()?,
        })
    }

    /// How far a figure may be off this one.
    fn slack(&self, percent: f64, repetitions: u64) -> f64 {
        let variance = |p: f64, n: f64| p * (100.0 - p) / n;
        let nearest = percent.clamp(self.low, self.high);
        let both = variance(percent, repetitions as f64) + variance(nearest, self.repetitions);
        TOLERANCE * both.sqrt() + self.rounding
    }
}

struct Simulation {
    repetitions: u64,
    threads: NonZeroUsize,
    references: Vec<Reference>,
    compared: usize,
    deviations: Vec<String>,
}

impl Simulation {
    fn new(repetitions: u64) -> io::Result<Self> {
        let threads = thread::available_parallelism()?;
        let references = Reference::read()?;
        Ok(Self { repetitions, threads, references, compared: 0, deviations: Vec::new() })
    }

    /// The percentage of repetitions in which the experiment succeeds. It is compared with the
    /// reference figure, if there is one.
    fn percent(&mut self, experiment: Experiment) -> String {
        let count = experiment.count(self.repetitions, self.threads);
        let percent = 100.0 * count as f64 / self.repetitions as f64;
        let (method, generator, n) = experiment.names();
        let same = |r: &&Reference| r.method == method && r.generator == generator && r.n == n;
        if let Some(reference) = self.references.iter().find(same) {
            self.compared += 1;
            let off = percent - percent.clamp(reference.low, reference.high);
            let slack = reference.slack(percent, self.repetitions);
            if off.abs() > slack {
                self.deviations.push(format!(
                    "{method}, {generator}, n = {n}: {percent:.2} is off by {off:+.2}, more than \
                     {slack:.2}"
                ));
            }
        }
        format!("{percent:.1}")
    }

    fn list(&mut self, experiments: impl IntoIterator<Item = Experiment>) -> String {
        let percents: Vec<String> = experiments.into_iter().map(|e| self.percent(e)).collect();
        percents.join(" / ")
    }

    fn tables(&mut self) -> String {
        let repetitions = self.repetitions;
        let error = 196.0 * (0.95 * 0.05 / repetitions as f64).sqrt();
        let head = format!(
            "{repetitions} experiments per figure: a true 95 % is estimated to within \
             ±{error:.2} points.\n\n\
             Pairs, n = {}:",
            sizes(&SIZES)
        );
        let latencies = format!("p99 of two arms, {LATENCY_BOOTS} boots:");
        let boots = format!("Rounds in boots, G = {}:", sizes(&SIZES));
        let two_stage = format!(
            "Two stages, where {} boots are needed at the true spread:",
            sizes(&TWO_STAGE_BOOTS)
        );
        let cut_off = format!(
            "Two stages, where {CUT_OFF_NEEDED} boots are needed at the true spread, and the time ends after \
             {}:",
            sizes(&CUT_OFF_BOOTS)
        );
        let looks = format!(
            "Stopping as soon as p falls below 5 %, with a test after every boot from boot 10 to {}:",
            sizes(&LOOKS_UNTIL)
        );
        let verdicts = format!("Verdicts with a margin of 3 %, {VERDICT_BOOTS} boots:");
        let sections = [
            (head, self.pairs()),
            (boots, self.boots()),
            (latencies, self.latencies()),
            (two_stage, self.stopping(Stopping::TwoStage, &TWO_STAGE_BOOTS)),
            (cut_off, self.stopping(Stopping::CutOff, &CUT_OFF_BOOTS)),
            (looks, self.stopping(Stopping::FirstSignificant, &LOOKS_UNTIL)),
            (verdicts, self.verdicts()),
        ];
        sections.map(|(title, table)| format!("{title}\n\n{table}")).join("\n\n")
    }

    /// How often gates fail and pass, by the kind of boots.
    fn gates(&mut self) -> String {
        let head = format!(
            "{} experiments per figure; {} lines. Runs that fail, in per cent:",
            self.repetitions,
            sizes(&GATE_LINES)
        );
        let sections = [
            (head, self.gates_of(Estimand::Both, Lines::AtMargin)),
            (
                "With `--judge mean`, if the mean is at the margin:".into(),
                self.gates_of(Estimand::Mean, Lines::AtMargin),
            ),
            (
                "With `--judge typical`, if the median boot is at the margin:".into(),
                self.gates_of(Estimand::Typical, Lines::AtMargin),
            ),
            (
                format!("Runs that fail if one line is {GATE_SLOWER_PERCENT} % slower:"),
                self.gates_of(Estimand::Both, Lines::OneSlower(GATE_SLOWER_PERCENT)),
            ),
            (
                "The same with `--judge typical`:".into(),
                self.gates_of(Estimand::Typical, Lines::OneSlower(GATE_SLOWER_PERCENT)),
            ),
            (
                "Runs that pass if no line is slower:".into(),
                self.gates_of(Estimand::Both, Lines::Unchanged),
            ),
        ];
        sections.map(|(title, table)| format!("{title}\n\n{table}")).join("\n\n")
    }

    fn gates_of(&mut self, judge: Estimand, lines: Lines) -> String {
        let columns = GATE_BOOTS.map(|boots| format!("{boots} boots"));
        table("boots", &columns, &Regime::ALL, |regime, column| {
            let boots = GATE_BOOTS[columns.iter().position(|c| c == column).unwrap_or_default()];
            self.list(GATE_LINES.map(|count| {
                Experiment::Gate(Gate { judge, regime: *regime, lines, count, boots })
            }))
        })
    }

    fn pairs(&mut self) -> String {
        table("method", &PAIRS_NOISES, &PAIRS_METHODS, |method, noise| {
            self.list(SIZES.map(|n| Experiment::Pairs(*method, *noise, n)))
        })
    }

    fn boots(&mut self) -> String {
        let generators = [Boots::WithEffect, Boots::Autocorrelated];
        table("method", &generators, &BOOTS_METHODS, |method, boots| {
            self.list(SIZES.map(|n| Experiment::Boots(*method, *boots, n)))
        })
    }

    fn latencies(&mut self) -> String {
        table("method", &["coverage"], &LATENCY_METHODS, |method, _| {
            self.percent(Experiment::Latency(*method))
        })
    }

    fn stopping(&mut self, rule: Stopping, boots: &[usize]) -> String {
        table("rule", &STOPPING_NOISES, &[rule], |rule, noise| {
            self.list(boots.iter().map(|n| Experiment::Stopping(*rule, *noise, *n)))
        })
    }

    fn verdicts(&mut self) -> String {
        let slowdowns = SLOWDOWNS_PERMILLE.map(|s| format!("true {} %", f64::from(s) / 10.0));
        table("verdict", &slowdowns, &VERDICTS, |verdict, slowdown| {
            let index = slowdowns.iter().position(|s| s == slowdown).unwrap_or_default();
            self.percent(Experiment::Verdict(*verdict, SLOWDOWNS_PERMILLE[index]))
        })
    }
}

fn sizes(sizes: &[usize]) -> String {
    sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" / ")
}

fn table<R: Display, C: Display>(
    corner: &str,
    columns: &[C],
    rows: &[R],
    mut cell: impl FnMut(&R, &C) -> String,
) -> String {
    let heads: String = columns.iter().map(|column| format!(" {column} |")).collect();
    let mut lines = vec![format!("| {corner} |{heads}"), "|---".repeat(columns.len() + 1) + "|"];
    for row in rows {
        let cells: String =
            columns.iter().map(|column| format!(" {} |", cell(row, column))).collect();
        lines.push(format!("| {row} |{cells}"));
    }
    lines.join("\n")
}
