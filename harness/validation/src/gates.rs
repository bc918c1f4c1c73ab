//! Gates over many lines, each with boots of the same kind.

use crate::generators::Source;
use crate::regimes::{Centre, Regime};
use sevbench_reports::{Estimand, Verdict};
use sevbench_runner::gate::{Evidence, Margin};
use sevbench_statistics::{LogRatio, Pivot, holm, sign_test_above};
use std::fmt;

/// The margin, in per cent, and the share of runs that may fail wrongly.
pub const MARGIN_PERCENT: f64 = 3.0;
const ALPHA: f64 = 0.05;

/// The true slowdown of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lines {
    /// What is judged is at the margin in all of them. If both are judged, the larger one is: the
    /// mean or the median boot.
    AtMargin,
    /// The first is this many per cent slower, and the others are not.
    OneSlower(u32),
    /// None is slower.
    Unchanged,
}

/// A gate: it succeeds if it fails; or if it passes, for [`Lines::Unchanged`].
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    pub judge: Estimand,
    pub regime: Regime,
    pub lines: Lines,
    pub count: usize,
    pub boots: usize,
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} judged, {:?}, {} lines", self.judge, self.lines, self.count)
    }
}

impl Gate {
    pub fn succeeds(self, source: &mut Source) -> bool {
        let margin = Margin::percent(MARGIN_PERCENT).expect("a margin");
        let boots: Vec<Vec<LogRatio>> = (0..self.count)
            .map(|line| self.regime.boots(self.shift(line, margin), self.boots, source))
            .collect();
        match self.lines {
            Lines::Unchanged => boots.iter().all(|boots| self.passes(boots, margin)),
            Lines::AtMargin | Lines::OneSlower(_) => {
                let p: Vec<f64> = boots.iter().map(|boots| self.p(boots, margin)).collect();
                holm(&p).iter().any(|adjusted| *adjusted <= ALPHA)
            }
        }
    }

    fn shift(self, line: usize, margin: Margin) -> f64 {
        let Centre { mean, median } = self.regime.centre();
        let judged = match self.judge {
            Estimand::Mean => mean,
            Estimand::Typical => median,
            Estimand::Both => mean.max(median),
        };
        let truth = match self.lines {
            Lines::AtMargin => margin.log_ratio().value(),
            Lines::OneSlower(percent) if line == 0 => (f64::from(percent) / 100.0).ln_1p(),
            Lines::OneSlower(_) | Lines::Unchanged => 0.0,
        };
        truth - judged
    }

    /// That of [`Evidence::judge`], without its intervals, which take longer than all the rest.
    fn p(self, boots: &[LogRatio], margin: Margin) -> f64 {
        let bound = margin.log_ratio();
        match self.judge {
            Estimand::Typical => sign_test_above(boots, bound),
            Estimand::Mean | Estimand::Both => match Pivot::mean(boots) {
                Ok(mean) if mean.estimate > bound => mean.p_above(bound),
                _ => 1.0,
            },
        }
    }

    fn passes(self, boots: &[LogRatio], margin: Margin) -> bool {
        let mean = Pivot::mean(boots).ok();
        let evidence = Evidence {
            boots: boots.len() as u32,
            mean: mean.as_ref(),
            ratios: boots,
            blur: LogRatio::ZERO,
        };
        let verdict = evidence.judge(self.judge, margin).verdict;
        matches!(verdict, Verdict::NoChange | Verdict::Improved)
    }
}
