//! The simulated experiments, and how often each one succeeds.

use crate::gates::Gate;
use crate::generators::{Boots, NOISE, Noise, Source};
use crate::methods::{BootsMethod, LatencyMethod, PairsMethod};
use crate::stopping::Stopping;
use sevbench_reports::{Estimand, Verdict};
use sevbench_runner::gate::{Evidence, Margin};
use sevbench_statistics::{LogRatio, Pivot};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// The seed of all simulations.
const SEED: u64 = 4;
/// How many repetitions a thread takes at once.
const CHUNK: u64 = 50;

/// Sample sizes: independent pairs, or boots.
pub const SIZES: [usize; 5] = [5, 8, 12, 20, 30];
/// Boots in the experiments with latencies.
pub const LATENCY_BOOTS: usize = 10;
/// Boots in the experiments with verdicts.
pub const VERDICT_BOOTS: usize = 10;
const MARGIN_PERCENT: f64 = 3.0;

/// One experiment. It succeeds if its interval covers the truth, or its verdict is reached.
#[derive(Clone, Copy, Debug)]
pub enum Experiment {
    Pairs(PairsMethod, Noise, usize),
    Boots(BootsMethod, Boots, usize),
    Latency(LatencyMethod),
    Stopping(Stopping, Noise, usize),
    /// At a margin of 3 %, with the true slowdown in tenths of a per cent.
    Verdict(Verdict, u32),
    Gate(Gate),
}

impl Experiment {
    /// The method, the generator and the size, as in the table of reference figures.
    pub fn names(&self) -> (String, String, usize) {
        match *self {
            Self::Pairs(method, noise, n) => (method.to_string(), noise.to_string(), n),
            Self::Boots(method, boots, n) => (method.to_string(), boots.to_string(), n),
            Self::Latency(method) => (method.to_string(), "latencies".to_owned(), LATENCY_BOOTS),
            Self::Stopping(rule, noise, n) => (rule.to_string(), noise.to_string(), n),
            Self::Verdict(verdict, permille) => {
                let true_slowdown = format!("true {} %", f64::from(permille) / 10.0);
                (verdict.to_string(), true_slowdown, VERDICT_BOOTS)
            }
            Self::Gate(gate) => (gate.to_string(), gate.regime.to_string(), gate.boots),
        }
    }

    /// One seed for all methods with the same generator and size, so that they see the same data.
    fn seed(&self) -> u64 {
        let (_, generator, n) = self.names();
        // FNV-1a, which gives the same hash on every machine and in every version.
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        format!("{SEED}/{generator}/{n}").bytes().fold(0xcbf2_9ce4_8422_2325, mix)
    }

    fn succeeds(self, source: &mut Source) -> bool {
        match self {
            Self::Pairs(method, noise, n) => method.covers(noise, n, source),
            Self::Boots(method, boots, n) => method.covers(boots, n, source),
            Self::Latency(method) => method.covers(LATENCY_BOOTS, source),
            Self::Stopping(rule, noise, n) => rule.succeeds(noise, n, source),
            Self::Gate(gate) => gate.succeeds(source),
            Self::Verdict(verdict, permille) => {
                let truth = (1.0 + f64::from(permille) / 1000.0).ln();
                let boot = |_| LogRatio::new(truth + NOISE * source.normal());
                let boots: Vec<LogRatio> = (0..VERDICT_BOOTS).map(boot).collect();
                let margin = Margin::percent(MARGIN_PERCENT).expect("a margin");
                let mean = Pivot::mean(&boots).ok();
                let evidence = Evidence {
                    boots: VERDICT_BOOTS as u32,
                    mean: mean.as_ref(),
                    ratios: &boots,
                    blur: LogRatio::ZERO,
                };
                evidence.judge(Estimand::Mean, margin).verdict == verdict
            }
        }
    }

    /// In how many repetitions it succeeds. The result does not depend on the number of threads,
    /// since each repetition has its own stream of random numbers.
    pub fn count(self, repetitions: u64, threads: NonZeroUsize) -> u64 {
        let (seed, next) = (self.seed(), AtomicU64::new(0));
        let work = || {
            let mut count = 0;
            loop {
                let from = next.fetch_add(CHUNK, Ordering::Relaxed);
                if from >= repetitions {
                    return count;
                }
                let repetitions = from..repetitions.min(from + CHUNK);
                let succeeds = |r: &u64| self.succeeds(&mut Source::new(seed, *r));
                count += repetitions.filter(succeeds).count() as u64;
            }
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.get()).map(|_| scope.spawn(work)).collect();
            workers.into_iter().map(|worker| worker.join().expect("a worker panicked")).sum()
        })
    }
}
