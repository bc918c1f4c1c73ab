//! One bench in one treatment against the control, as `summary.json` holds it. Others' scripts read these names: add, never
//! rename.

use serde::{Deserialize, Serialize};

/// One bench (and metric) in one treatment against the control.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The bench's id; an outside program's metric is joined to it.
    pub bench: String,
    /// The treatment arm.
    pub treatment: String,
    /// The unit of the means: `B/s`, `ns`, …
    pub unit: String,
    /// The control arm.
    pub control: Mean,
    /// The treatment arm.
    pub treated: Mean,
    /// Treatment cost ÷ control cost.
    pub slowdown: Estimate,
    /// The same, from the trimmed mean.
    pub robust: Estimate,
    /// Ratio of the arithmetic means of costs; none where arms are not paired.
    #[serde(default)]
    pub fieller: Option<Estimate>,
    /// By resampling whole boots; none where arms are not paired.
    #[serde(default)]
    pub bootstrap: Option<Estimate>,
    /// The estimate if the ledger of exclusions had left nothing out; none where it did not.
    #[serde(default)]
    pub unexcluded: Option<Estimate>,
    /// Where the variance of the log ratios comes from.
    #[serde(default)]
    pub variance_shares: Option<VarianceShares>,
    /// p of the two-sided test that the slowdown is 1.
    #[serde(default)]
    pub p_value: Option<f64>,
    /// The same after Benjamini and Hochberg, over the benches of the run.
    #[serde(default)]
    pub q_value: Option<f64>,
    /// p of the one-sided test that the slowdown is within the margin.
    #[serde(default)]
    pub p_regressed: Option<f64>,
    /// The same after Holm, over the benches that a gate judges.
    #[serde(default)]
    pub p_regressed_holm: Option<f64>,
    /// `regressed`, `improved`, `no change`, `inconclusive`.
    pub verdict: String,
    /// The slowdown that is called no change, as a fraction.
    pub margin: f64,
    /// The smallest slowdown, as a fraction, that the data would have found (power 80 %).
    pub minimum_detectable: Option<f64>,
    /// What would settle an inconclusive verdict, if estimate and spread stayed as they are.
    #[serde(default)]
    pub settle: Option<Settle>,
    /// Rounds in a boot that would use the time best, from the costs seen.
    #[serde(default)]
    pub best_rounds: Option<u32>,
    /// Rounds of which one arm has no usable value: they are left out.
    #[serde(default)]
    pub unpaired_rounds: u32,
    /// How the warm-up of each guest ended.
    #[serde(default)]
    pub warm_up: Option<WarmUps>,
    /// The smallest relative difference that the values can show, where they come from a histogram.
    #[serde(default)]
    pub resolution: Option<f64>,
    /// Against a baseline.
    #[serde(default)]
    pub change: Option<Change>,
    /// Whether a gate looks at it: not at boot times, nor at the control against itself beside other treatments.
    #[serde(default = "is_judged")]
    pub judged: bool,
    /// Whether it is how long a part of a boot took.
    #[serde(default)]
    pub is_boot_time: bool,
    /// What a reader must know of this line.
    pub flags: Vec<String>,
}

const fn is_judged() -> bool {
    true
}

/// How much of the variance each level adds; none where it cannot be told from the level below.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VarianceShares {
    /// From boot to boot.
    pub boot: Option<f64>,
    /// From round to round in a boot.
    pub round: Option<f64>,
    /// From sample to sample in a round.
    pub sample: Option<f64>,
}

/// More of the same.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settle {
    /// More boots.
    pub boots: u32,
    /// How long they would take for this bench alone, in seconds; none where the record has no times.
    pub seconds: Option<f64>,
}

/// How warm-ups ended, by arm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUps {
    /// In the control.
    pub control: WarmUpClasses,
    /// In the treatment.
    pub treated: WarmUpClasses,
}

/// How many boots' warm-ups were of each class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUpClasses {
    /// Steady from the start.
    pub flat: u32,
    /// Faster with time, then steady.
    pub warm_up: u32,
    /// Slower with time, then steady.
    pub slowdown: u32,
    /// Never steady.
    pub no_steady_state: u32,
}

/// How a slowdown compares with that of a baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The baseline's name.
    pub baseline: String,
    /// Slowdown now ÷ slowdown then.
    pub factor: Estimate,
    /// p of the one-sided test that the change is within the margin.
    pub p_regressed: Option<f64>,
    /// The same after Holm.
    pub p_regressed_holm: Option<f64>,
    /// `regressed`, `improved`, `no change`, `inconclusive`.
    pub verdict: String,
}

/// A mean in the comparison's unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// Arithmetic mean over boots of the mean over rounds.
    pub mean: f64,
}

/// An estimated slowdown factor with its interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The factor.
    pub estimate: f64,
    /// Lower bound; none where the data give no interval.
    pub low: Option<f64>,
    /// Upper bound; none where the data give no interval.
    pub high: Option<f64>,
    /// The two-sided level.
    pub confidence: f64,
    /// How it was computed.
    pub method: String,
    /// Boot blocks that paired.
    pub boots: u32,
    /// Rounds that paired.
    pub rounds: u32,
}
