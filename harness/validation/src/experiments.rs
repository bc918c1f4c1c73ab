//! Every experiment that is simulated, and in what share of its repetitions it comes out.

use crate::generators::{Boots, NOISE, Noise, Source};
use crate::methods::{BootsMethod, LatencyMethod, PairsMethod};
use crate::stopping::Stopping;
use sevbench_reports::Verdict;
use sevbench_runner::gate::{Margin, judge};
use sevbench_statistics::{LogRatio, Pivot};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// The seed of all simulations.
const SEED: u64 = 4;
/// Repetitions that a thread takes at once.
const CHUNK: u64 = 50;

/// Independent pairs, or boots.
pub const SIZES: [usize; 5] = [5, 8, 12, 20, 30];
/// Boots with latencies.
pub const LATENCY_BOOTS: usize = 10;
/// Boots where a verdict is reached.
pub const VERDICT_BOOTS: usize = 10;
const MARGIN_PERCENT: f64 = 3.0;

/// One experiment, that comes out or not: an interval that holds the truth, a verdict that is reached.
#[derive(Clone, Copy, Debug)]
pub enum Experiment {
    Pairs(PairsMethod, Noise, usize),
    Boots(BootsMethod, Boots, usize),
    Latency(LatencyMethod),
    Stopping(Stopping, Noise, usize),
    /// At a margin of 3 %; the true slowdown in tenths of a per cent.
    Verdict(Verdict, u32),
}

impl Experiment {
    /// Method, generator and size, as in the table of reference figures.
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
        }
    }

    /// The same for all methods that see the same data, so that they are compared on those.
    fn seed(&self) -> u64 {
        let (_, generator, n) = self.names();
        // FNV-1a, which is the same on every machine and for good.
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        format!("{SEED}/{generator}/{n}").bytes().fold(0xcbf2_9ce4_8422_2325, mix)
    }

    fn comes_out(self, source: &mut Source) -> bool {
        match self {
            Self::Pairs(method, noise, n) => method.covers(noise, n, source),
            Self::Boots(method, boots, n) => method.covers(boots, n, source),
            Self::Latency(method) => method.covers(LATENCY_BOOTS, source),
            Self::Stopping(rule, noise, n) => rule.comes_out(noise, n, source),
            Self::Verdict(verdict, permille) => {
                let truth = (1.0 + f64::from(permille) / 1000.0).ln();
                let boot = |_| LogRatio::new(truth + NOISE * source.normal());
                let boots: Vec<LogRatio> = (0..VERDICT_BOOTS).map(boot).collect();
                let margin = Margin::percent(MARGIN_PERCENT).expect("a margin");
                judge(Pivot::mean(&boots).ok().as_ref(), margin, LogRatio::ZERO) == verdict
            }
        }
    }

    /// In how many of so many repetitions it comes out. The number of threads has no part in it: each repetition has a stream of
    /// random numbers of its own.
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
                let came_out = |r: &u64| self.comes_out(&mut Source::new(seed, *r));
                count += repetitions.filter(came_out).count() as u64;
            }
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.get()).map(|_| scope.spawn(work)).collect();
            workers.into_iter().map(|worker| worker.join().expect("a worker panicked")).sum()
        })
    }
}
