//! Kinds of boots: how the log ratios of a bench's boots are distributed, with a spread of 2 %.

use crate::generators::{NOISE, Source};
use sevbench_statistics::LogRatio;
use std::fmt;
use std::sync::OnceLock;

/// Draws from which the mean and the median of a regime are computed.
const TRUTH_DRAWS: usize = 400_000;
const TRUTH_SEED: u64 = 9;
/// The share of boots in the slower mode, and how much slower they are.
const SLOW_SHARE: f64 = 0.2;
const SLOW_FACTOR: f64 = 1.1;
/// Rounds of a boot with spikes, the probability of one, and its mean beyond a factor of 1.5.
const SPIKE_ROUNDS: usize = 10;
const SPIKE_PROBABILITY: f64 = 0.03;
const SPIKE_FACTOR: f64 = 1.5;
const SPIKE_MORE: f64 = 0.5;
/// Degrees of freedom of the symmetric regime with heavy tails.
const HEAVY_DEGREES: usize = 3;

/// A kind of boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Regime {
    /// σ·z.
    Normal,
    /// σ·t, with three degrees of freedom.
    HeavyTails,
    /// Normal, and a fifth of the control's boots is 10 % slower.
    SlowControl,
    /// Normal, and a fifth of the treatment's boots is 10 % slower.
    SlowTreatment,
    /// Normal, and the control's boots take exp(σ·e^z) times as long.
    TailInControl,
    /// Normal, and the treatment's boots take exp(σ·e^z) times as long.
    TailInTreatment,
    /// The mean of ten rounds. In 3 % of them, the control takes at least half as long again.
    SpikesInControl,
    /// The control's boots take exp(σ·e^z) times as long, and nothing else varies.
    OnlyTailInControl,
}

impl fmt::Display for Regime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "normal",
            Self::HeavyTails => "heavy tails on both sides",
            Self::SlowControl => "a fifth of the control's boots 10 % slower",
            Self::SlowTreatment => "a fifth of the treatment's boots 10 % slower",
            Self::TailInControl => "lognormal tail in the control",
            Self::TailInTreatment => "lognormal tail in the treatment",
            Self::SpikesInControl => "3 % spiked rounds in the control",
            Self::OnlyTailInControl => "lognormal tail in the control, and nothing else",
        })
    }
}

/// The true centre of a regime, on the log scale.
#[derive(Clone, Copy, Debug)]
pub struct Centre {
    pub mean: f64,
    pub median: f64,
}

impl Regime {
    pub const ALL: [Self; 8] = [
        Self::Normal,
        Self::HeavyTails,
        Self::SlowControl,
        Self::SlowTreatment,
        Self::TailInControl,
        Self::TailInTreatment,
        Self::SpikesInControl,
        Self::OnlyTailInControl,
    ];

    /// The log ratio of a boot without a slowdown.
    fn draw(self, source: &mut Source) -> f64 {
        let tail = |source: &mut Source| NOISE * source.normal().exp();
        let slow = |source: &mut Source| match source.uniform() < SLOW_SHARE {
            true => SLOW_FACTOR.ln(),
            false => 0.0,
        };
        match self {
            Self::Normal => NOISE * source.normal(),
            Self::HeavyTails => {
                let squares: f64 = (0..HEAVY_DEGREES).map(|_| source.normal().powi(2)).sum();
                NOISE * source.normal() / (squares / HEAVY_DEGREES as f64).sqrt()
            }
            Self::SlowControl => NOISE * source.normal() - slow(source),
            Self::SlowTreatment => NOISE * source.normal() + slow(source),
            Self::TailInControl => NOISE * source.normal() - tail(source),
            Self::TailInTreatment => NOISE * source.normal() + tail(source),
            Self::SpikesInControl => {
                let round = |source: &mut Source| {
                    let noise = NOISE * source.normal();
                    match source.uniform() < SPIKE_PROBABILITY {
                        true => noise - (SPIKE_FACTOR + SPIKE_MORE * source.exponential()).ln(),
                        false => noise,
                    }
                };
                (0..SPIKE_ROUNDS).map(|_| round(source)).sum::<f64>() / SPIKE_ROUNDS as f64
            }
            Self::OnlyTailInControl => -tail(source),
        }
    }

    /// Boots whose log ratios are shifted by this much.
    pub fn boots(self, shift: f64, count: usize, source: &mut Source) -> Vec<LogRatio> {
        (0..count).map(|_| LogRatio::new(shift + self.draw(source))).collect()
    }

    /// The centre without a shift, from many draws.
    pub fn centre(self) -> Centre {
        static CENTRES: [OnceLock<Centre>; Regime::ALL.len()] =
            [const { OnceLock::new() }; Regime::ALL.len()];
        *CENTRES[self as usize].get_or_init(|| {
            let mut source = Source::new(TRUTH_SEED, self as u64);
            let mut draws: Vec<f64> = (0..TRUTH_DRAWS).map(|_| self.draw(&mut source)).collect();
            let mean = draws.iter().sum::<f64>() / TRUTH_DRAWS as f64;
            let (_, median, _) = draws.select_nth_unstable_by(TRUTH_DRAWS / 2, f64::total_cmp);
            Centre { mean, median: *median }
        })
    }
}
