//! Simulated data whose truth is known: pairs, rounds in boots, latencies in rounds.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sevbench_statistics::{Cost, LogRatio};
use statrs::distribution::{ContinuousCDF, Normal};
use std::f64::consts::{SQRT_2, TAU};
use std::fmt;
use std::sync::LazyLock;

/// Standard deviation of the noise of each side of a pair, on the logarithmic scale.
pub const NOISE: f64 = 0.02;
/// Standard deviation of the drift that both sides of a pair share.
const SHARED_DRIFT: f64 = 0.03;
/// The probability that a spike hits the treatment.
const SPIKE_PROBABILITY: f64 = 0.08;
/// A spike adds at least this share of a cost, plus an exponential share with this mean.
const SPIKE_MIN: f64 = 0.10;
const SPIKE_MEAN_MORE: f64 = 0.15;
/// The bound of z in the standard lognormal exp z, reached once in 3.5 million. Without a bound,
/// the exponential of a lognormal has no mean.
const LOGNORMAL_Z_MAX: f64 = 5.0;
/// A boot or a round adds σ·exp(½ z).
const ADDED_SHAPE: f64 = 0.5;
/// Correlation of neighbouring rounds, in z.
const AUTOCORRELATION: f64 = 0.5;
/// Rounds in a boot.
pub const ROUNDS: usize = 6;
/// Latencies in a round: the fewest that p99 needs, 10 ÷ (1 − 0.99).
pub const LATENCIES: usize = 1_000;
/// Standard deviation of a boot's effect on the latencies of one arm, on the logarithmic scale.
const LATENCY_BOOT_EFFECT: f64 = 0.08;
/// Points of the numerical integrals.
const NODES: usize = 800;
const SIMPSON_INTERVALS: usize = 64;

/// The random numbers of one repetition, whose number selects the stream.
pub struct Source {
    rng: ChaCha8Rng,
    spare: Option<f64>,
}

impl Source {
    pub fn new(seed: u64, repetition: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(repetition);
        Self { rng, spare: None }
    }

    pub fn seed(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// In (0, 1).
    pub fn uniform(&mut self) -> f64 {
        ((self.rng.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// By the Box–Muller transform, which gives two at a time.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        let angle = TAU * self.uniform();
        self.spare = Some(radius * angle.sin());
        radius * angle.cos()
    }

    /// With mean 1.
    pub fn exponential(&mut self) -> f64 {
        -self.uniform().ln()
    }

    pub fn below(&mut self, len: usize) -> usize {
        ((u64::from(self.rng.next_u32()) * len as u64) >> 32) as usize
    }
}

/// The noise of a pair's costs beyond their shared drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Noise {
    /// Lognormal costs on both sides: normal on the logarithmic scale.
    Normal,
    /// The treatment's noise is exp(σ·L) with a standard lognormal L: a long tail even on the
    /// logarithmic scale.
    Lognormal,
    /// The same, with L = exp(¾ z).
    ShortTail,
    /// Normal, but in 8 % of the pairs the treatment takes a tenth plus an exponential share
    /// longer.
    Spikes,
}

impl fmt::Display for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "normal",
            Self::Lognormal => "lognormal on one side",
            Self::ShortTail => "lognormal with a shorter tail",
            Self::Spikes => "8 % spikes on one side",
        })
    }
}

impl Noise {
    pub const ALL: [Self; 4] = [Self::Normal, Self::Lognormal, Self::ShortTail, Self::Spikes];

    /// The shape in ln L = shape · z, if the treatment's noise is exp(σ·L).
    fn lognormal_shape(self) -> Option<f64> {
        match self {
            Self::Normal | Self::Spikes => None,
            Self::Lognormal => Some(1.0),
            Self::ShortTail => Some(0.75),
        }
    }

    /// The treatment's noise as a factor.
    fn factor(self, source: &mut Source) -> f64 {
        let z = source.normal();
        if let Some(shape) = self.lognormal_shape() {
            return (NOISE * (shape * z.min(LOGNORMAL_Z_MAX)).exp()).exp();
        }
        let struck = self == Self::Spikes && source.uniform() < SPIKE_PROBABILITY;
        let more = if struck { SPIKE_MIN + SPIKE_MEAN_MORE * source.exponential() } else { 0.0 };
        (NOISE * z).exp() * (1.0 + more)
    }

    /// One pair: control, treatment.
    pub fn pair(self, source: &mut Source) -> (f64, f64) {
        let drift = (SHARED_DRIFT * source.normal()).exp();
        let control = drift * (NOISE * source.normal()).exp();
        (control, drift * self.factor(source))
    }

    /// Independent pairs: control, treatment.
    pub fn pairs(self, n: usize, source: &mut Source) -> Vec<(Cost, Cost)> {
        let cost = |value| Cost::new(value).expect("a simulated cost is positive");
        (0..n).map(|_| self.pair(source)).map(|(x, y)| (cost(x), cost(y))).collect()
    }

    pub fn truth(self) -> &'static Truth {
        static TRUTHS: LazyLock<[Truth; 4]> = LazyLock::new(|| Noise::ALL.map(Truth::of));
        &TRUTHS[self as usize]
    }
}

/// The true values that the methods estimate.
#[derive(Clone, Copy, Debug)]
pub struct Truth {
    /// The mean of the log ratio.
    pub mean: LogRatio,
    /// Its standard deviation.
    pub deviation: f64,
    /// The mean of its middle 60 %.
    pub trimmed: LogRatio,
    /// The ratio of the mean costs.
    pub ratio: f64,
}

impl Truth {
    fn of(noise: Noise) -> Self {
        let law = Law::of(noise);
        let mean = law.mean_of(|w| w);
        let deviation = (law.mean_of(|w| (w - mean).powi(2)) + law.spread.powi(2)).sqrt();
        let (low, high) = (law.quantile(0.2), law.quantile(0.8));
        let step = (high - low) / SIMPSON_INTERVALS as f64;
        let area: f64 = (0..=SIMPSON_INTERVALS)
            .map(|i| {
                let ends = i == 0 || i == SIMPSON_INTERVALS;
                let weight = if ends { 1.0 } else { f64::from(2 + 2 * (i as u8 % 2)) };
                weight * law.probability_up_to(low + i as f64 * step)
            })
            .sum::<f64>()
            * step
            / 3.0;
        // ∫ x dF from low to high, by parts.
        let trimmed = (0.8 * high - 0.2 * low - area) / 0.6;
        // Normal noise has the same mean on both sides. The noise of a lognormal treatment is in
        // `w`.
        let own = if noise.lognormal_shape().is_some() { (NOISE * NOISE / 2.0).exp() } else { 1.0 };
        let ratio = law.mean_of(f64::exp) / own;
        Self { mean: LogRatio::new(mean), deviation, trimmed: LogRatio::new(trimmed), ratio }
    }
}

/// The distribution of a log ratio: a finely discretised w plus a normal deviate.
struct Law {
    /// Probability and value of w.
    nodes: Vec<(f64, f64)>,
    /// Standard deviation of the normal part.
    spread: f64,
}

impl Law {
    fn of(noise: Noise) -> Self {
        let middle =
            |low: f64, high: f64, i: usize| low + (high - low) * (i as f64 + 0.5) / NODES as f64;
        let (mut nodes, spread): (Vec<(f64, f64)>, f64) = match noise.lognormal_shape() {
            Some(shape) => {
                let z = (0..NODES).map(|i| middle(-7.0, LOGNORMAL_Z_MAX, i));
                let node = |z: f64| ((-z * z / 2.0).exp(), NOISE * (shape * z).exp());
                (z.map(node).collect(), NOISE)
            }
            None => {
                let more = (0..NODES).map(|i| middle(0.0, 40.0, i));
                let spike = |more: f64| (1.0 + SPIKE_MIN + SPIKE_MEAN_MORE * more).ln();
                (more.map(|more| ((-more).exp(), spike(more))).collect(), NOISE * SQRT_2)
            }
        };
        let total: f64 = nodes.iter().map(|node| node.0).sum();
        let share = match noise {
            Noise::Normal => 0.0,
            Noise::Spikes => SPIKE_PROBABILITY,
            Noise::Lognormal | Noise::ShortTail => 1.0,
        };
        nodes.iter_mut().for_each(|node| node.0 *= share / total);
        nodes.push((1.0 - share, 0.0));
        Self { nodes, spread }
    }

    fn mean_of(&self, function: impl Fn(f64) -> f64) -> f64 {
        self.nodes.iter().map(|(probability, w)| probability * function(*w)).sum()
    }

    fn probability_up_to(&self, x: f64) -> f64 {
        let normal = Normal::standard();
        self.mean_of(|w| normal.cdf((x - w) / self.spread))
    }

    /// By bisection, to 1e-9.
    fn quantile(&self, p: f64) -> f64 {
        let (mut low, mut high) = (-0.5, 0.5);
        while high - low > 1e-9 {
            let middle = f64::midpoint(low, high);
            if self.probability_up_to(middle) < p { low = middle } else { high = middle }
        }
        f64::midpoint(low, high)
    }
}

/// Log ratios of rounds in boots, with true mean 0. In each arm, a boot and a round add a lognormal
/// amount to the logarithm of a cost, and neighbouring rounds are correlated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Boots {
    /// A boot's contribution varies as much as a round's.
    WithEffect,
    /// Boots do not differ, but their rounds are correlated.
    Autocorrelated,
}

impl fmt::Display for Boots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WithEffect => "boot effects and autocorrelated rounds",
            Self::Autocorrelated => "autocorrelated rounds",
        })
    }
}

impl Boots {
    pub fn rounds(self, boots: usize, source: &mut Source) -> Vec<Vec<LogRatio>> {
        let boot = |source: &mut Source| {
            let [treatment, control] = [(); 2].map(|()| self.arm(source));
            let ratios = treatment.iter().zip(control).map(|(y, x)| LogRatio::new(y - x));
            ratios.collect()
        };
        (0..boots).map(|_| boot(source)).collect()
    }

    /// The logarithms of the costs of one arm in the rounds of one boot.
    fn arm(self, source: &mut Source) -> [f64; ROUNDS] {
        let added = |z: f64| NOISE * (ADDED_SHAPE * z).exp();
        let by_boot = if self == Self::WithEffect { added(source.normal()) } else { 0.0 };
        let fresh_share = (1.0 - AUTOCORRELATION * AUTOCORRELATION).sqrt();
        let mut z = source.normal();
        [(); ROUNDS].map(|()| {
            let here = by_boot + added(z);
            z = AUTOCORRELATION * z + fresh_share * source.normal();
            here
        })
    }
}

/// The `longest` longest latencies of each round of each boot of one arm, longest first. Latencies
/// are exponential, and a boot scales them.
///
/// They are generated directly, as the highest order statistics of n exponential latencies.
pub fn longest_latencies(boots: usize, longest: usize, source: &mut Source) -> Vec<Vec<Vec<f64>>> {
    let round = |scale: f64, source: &mut Source| {
        let mut sum = 0.0;
        let mut next = |rank: usize| {
            sum += source.exponential() / (LATENCIES - rank) as f64;
            // exp(−sum) is the share of latencies below, so its complement is the share above.
            -scale * (-(-sum).exp_m1()).ln()
        };
        (0..longest).map(&mut next).collect::<Vec<f64>>()
    };
    let boot = |source: &mut Source| {
        let scale = (LATENCY_BOOT_EFFECT * source.normal()).exp();
        (0..ROUNDS).map(|_| round(scale, source)).collect()
    };
    (0..boots).map(|_| boot(source)).collect()
}
