//! Rules that decide when a run has enough boots.

use crate::generators::{Noise, Source};
use sevbench_statistics::{Confidence, LogRatio, Pivot, two_stage_boots};
use std::fmt;

/// Boots of the first stage, and before the first look.
pub const FIRST_STAGE: usize = 10;
/// Boots that a run which may be cut off needs at the true spread.
pub const CUT_OFF_NEEDED: usize = 60;

/// A rule for when to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stopping {
    /// Stein's two stages, to a precision that needs the given boots at the true spread. It
    /// succeeds if the interval covers the truth.
    TwoStage,
    /// The same, to a precision that needs [`CUT_OFF_NEEDED`] boots at the true spread, in a run
    /// whose time ends after the given boots. If that is too early, n came from the clock, and the
    /// interval is the plain one.
    CutOff,
    /// A look after each boot, from the tenth up to the given one, that stops once p is below 5 %.
    /// It succeeds if it stops although nothing differs.
    FirstSignificant,
}

impl fmt::Display for Stopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TwoStage => "Stein's two stages",
            Self::CutOff => "two stages, cut off",
            Self::FirstSignificant => "false alarms: p below 5 % at some boot",
        })
    }
}

impl Stopping {
    pub fn succeeds(self, noise: Noise, boots: usize, source: &mut Source) -> bool {
        let mut next = || {
            let (control, treatment) = noise.pair(source);
            LogRatio::new(treatment.ln() - control.ln())
        };
        let mut ratios: Vec<LogRatio> = (0..FIRST_STAGE).map(|_| next()).collect();
        let first = Pivot::mean(&ratios).expect("ten boots");
        let truth = noise.truth();
        let level = Confidence::P95;
        match self {
            Self::TwoStage | Self::CutOff => {
                let (at_truth, time) = match self {
                    Self::CutOff => (CUT_OFF_NEEDED, boots),
                    _ => (boots, usize::MAX),
                };
                let t = first.half_width(level) / first.standard_error;
                let half_width = LogRatio::new(t * truth.deviation / (at_truth as f64).sqrt());
                let deviation = first.standard_error * (FIRST_STAGE as f64).sqrt();
                let needed = two_stage_boots(FIRST_STAGE as u32, deviation, half_width, level);
                let needed = needed as usize;
                ratios.extend((FIRST_STAGE..needed.min(time)).map(|_| next()));
                let pivot = match needed > time {
                    true => Pivot::mean(&ratios),
                    false => Pivot::two_stage(&ratios, FIRST_STAGE),
                };
                pivot.expect("ten boots").interval(level).contains(truth.mean)
            }
            Self::FirstSignificant => {
                let mut significant = !first.interval(level).contains(truth.mean);
                while !significant && ratios.len() < boots {
                    ratios.push(next());
                    let pivot = Pivot::mean(&ratios).expect("ten boots");
                    significant = !pivot.interval(level).contains(truth.mean);
                }
                significant
            }
        }
    }
}
