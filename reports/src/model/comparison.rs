//! One bench in one treatment against the control, as `summary.json` holds it. Other people's
//! scripts read these names: add, never rename.

use crate::model::flag::Flag;
use crate::model::measurand::Measurand;
use crate::model::word::{Estimand, MarginSource, Unit, Verdict};
use serde::{Deserialize, Serialize};

/// The fewest boots that a verdict rests on.
pub const VERDICT_BOOTS_MIN: u32 = 3;

/// One bench (and metric) in one treatment against the control.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The bench, and its metric.
    #[serde(flatten)]
    pub measurand: Measurand,
    /// The name of the treatment arm.
    pub treatment: String,
    /// The bench's place on a sweep; `None` if it is not part of one.
    #[serde(default)]
    pub point: Option<SweepPoint>,
    /// The unit of the means.
    pub unit: Unit,
    /// The control's mean.
    pub control: Mean,
    /// The treatment's mean.
    pub treated: Mean,
    /// Treatment cost ÷ control cost: the estimate that is judged.
    pub slowdown: Estimate,
    /// The same, from the trimmed mean; `None` below five boots, where nothing would be trimmed.
    #[serde(default)]
    pub robust: Option<Estimate>,
    /// The median boot, with an interval that holds for boots of any continuous distribution. Its
    /// level is the smallest attainable one that is not below that of the run. `None` for fewer
    /// boots than that level needs (six for 95 %), for pooled percentiles and for unpaired arms.
    #[serde(default)]
    pub typical: Option<Estimate>,
    /// Ratio of the arithmetic means of costs; `None` for unpaired arms.
    #[serde(default)]
    pub fieller: Option<Estimate>,
    /// From resamples of whole boots; `None` for unpaired arms.
    #[serde(default)]
    pub bootstrap: Option<Estimate>,
    /// The estimate with the excluded rounds; `None` if no round is excluded.
    #[serde(default)]
    pub unexcluded: Option<Estimate>,
    /// Where the variance of the log ratios comes from.
    #[serde(default)]
    pub variance_shares: Option<VarianceShares>,
    /// p of the two-sided test that the slowdown is 1.
    #[serde(default)]
    pub p_value: Option<f64>,
    /// The same, adjusted by Benjamini and Hochberg over all lines of the run.
    #[serde(default)]
    pub q_value: Option<f64>,
    /// p of the one-sided test that the slowdown is within the margin: of the mean, or of the
    /// typical boot if that alone is judged.
    #[serde(default)]
    pub p_regressed: Option<f64>,
    /// The same, adjusted by Holm over the benches that a gate judges.
    #[serde(default)]
    pub p_regressed_holm: Option<f64>,
    /// Whether the slowdown is within the margin.
    pub verdict: Verdict,
    /// What the verdict is about. If both are judged, a verdict about both holds for each of them.
    #[serde(default = "mean")]
    pub estimand: Estimand,
    /// The slowdown that still counts as no change, as a fraction.
    pub margin: f64,
    /// Where the margin comes from.
    #[serde(default = "of_run")]
    pub margin_source: MarginSource,
    /// The expression of the `[[margin]]` entry that set it.
    #[serde(default)]
    pub margin_rule: Option<String>,
    /// The smallest slowdown, as a fraction, that these data would find with a power of 80 %.
    pub minimum_detectable: Option<f64>,
    /// The boots that would settle an inconclusive verdict, if estimate and spread stay the same.
    #[serde(default)]
    pub settle: Option<Settle>,
    /// What another run of an inconclusive line could show.
    #[serde(default)]
    pub prospect: Option<Prospect>,
    /// The number of rounds in a boot that uses the time best, given the times of this run.
    #[serde(default)]
    pub best_rounds: Option<u32>,
    /// Rounds left out because one arm has no usable value.
    #[serde(default)]
    pub unpaired_rounds: u32,
    /// How each guest's warm-up went.
    #[serde(default)]
    pub warm_up: Option<WarmUps>,
    /// The smallest relative difference that the values can show, if they come from a histogram.
    #[serde(default)]
    pub resolution: Option<f64>,
    /// The change since a baseline.
    #[serde(default)]
    pub change: Option<Change>,
    /// Whether a gate judges it. Boot times are not judged, nor is the control against itself
    /// beside other treatments.
    #[serde(default = "is_judged")]
    pub judged: bool,
    /// Whether it is the time that a part of a boot took.
    #[serde(default)]
    pub is_boot_time: bool,
    /// The groups into which the ratios of its boots fall; `None` if there is no more than one.
    #[serde(default)]
    pub groups: Option<BootGroups>,
    /// Each boot by itself, in order.
    #[serde(default)]
    pub per_boot: Vec<BootRow>,
    /// Warnings about this line.
    pub flags: Vec<Flag>,
}

const fn mean() -> Estimand {
    Estimand::Mean
}

const fn of_run() -> MarginSource {
    MarginSource::Run
}

const fn is_judged() -> bool {
    true
}

/// Two groups of boots, with a gap between them that chance seldom makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BootGroups {
    /// The boots with the smaller ratios.
    pub lower: BootGroup,
    /// The boots with the larger ratios.
    pub upper: BootGroup,
    /// The arms whose own times show two groups too.
    pub arms: Vec<String>,
}

/// A group of boots.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BootGroup {
    /// Their number.
    pub boots: u32,
    /// The slowdown: the geometric mean of their ratios.
    pub slowdown: f64,
}

/// The value of the parameter that a sweep varies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepPoint {
    /// The parameter: `size`.
    pub parameter: String,
    /// Its value, in its unit.
    pub value: f64,
    /// The unit: `B`; `None` for a plain number.
    pub unit: Option<String>,
}

/// One boot of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BootRow {
    /// The boot block, from 1.
    pub boot: u32,
    /// Its pairs; for unpaired arms, the rounds of the arm that has more.
    pub rounds: u32,
    /// The control's arithmetic mean over rounds, in the comparison's unit.
    pub control: Option<f64>,
    /// The treatment's.
    pub treated: Option<f64>,
    /// The geometric mean of the boot's ratios of costs; `None` for unpaired arms.
    pub slowdown: Option<f64>,
}

/// The share of the variance that each level adds. `None` if the component cannot be distinguished
/// from zero.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VarianceShares {
    /// From boot to boot.
    pub boot: Option<f64>,
    /// From round to round in a boot.
    pub round: Option<f64>,
    /// From sample to sample in a round.
    pub sample: Option<f64>,
}

/// The boots that would settle an inconclusive verdict.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settle {
    /// Additional boots.
    pub boots: u32,
    /// Their time for this bench alone, in seconds; `None` if the record has no times.
    pub seconds: Option<f64>,
}

/// What another run of an inconclusive line could show, over all truths and spreads that this run
/// leaves possible.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prospect {
    /// The chance that a run of twice as many boots reaches a verdict.
    pub chance_double: f64,
    /// The same for four times as many.
    pub chance_quadruple: f64,
    /// The boots of a run whose 90 % interval is half the margin wide to each side; `None` if they
    /// would take more than a day, or are more than 10,000.
    pub boots: Option<u32>,
    /// The time of these boots for this bench alone, in seconds; `None` if the record has no times.
    pub seconds: Option<f64>,
}

/// How warm-ups went, by arm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUps {
    /// In the control.
    pub control: WarmUpClasses,
    /// In the treatment.
    pub treated: WarmUpClasses,
}

/// The number of boots by the class of their warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUpClasses {
    /// Steady from the start.
    pub flat: u32,
    /// Became faster, then steady.
    pub warm_up: u32,
    /// Became slower, then steady.
    pub slowdown: u32,
    /// Never became steady.
    pub no_steady_state: u32,
}

/// The change of a slowdown since a baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The baseline's name.
    pub baseline: String,
    /// Slowdown now ÷ slowdown then.
    pub factor: Estimate,
    /// p of the one-sided test that the change is within the margin.
    pub p_regressed: Option<f64>,
    /// The same, adjusted by Holm.
    pub p_regressed_holm: Option<f64>,
    /// Whether the change is within the margin.
    pub verdict: Verdict,
    /// The smallest relative difference that the bins of both records can show; `None` without
    /// bins.
    #[serde(default)]
    pub resolution: Option<f64>,
}

/// A mean in the comparison's unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// The arithmetic mean over boots of the mean over rounds.
    pub mean: f64,
}

/// An estimated factor with its interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The factor.
    pub estimate: f64,
    /// Lower bound; `None` without an interval.
    pub low: Option<f64>,
    /// Upper bound; `None` without an interval.
    pub high: Option<f64>,
    /// The two-sided confidence level.
    pub confidence: f64,
    /// The method, for the reader.
    pub method: String,
    /// Boot blocks with pairs; for unpaired arms, the boots of the arm that has fewer.
    pub boots: u32,
    /// Pairs; for unpaired arms, the rounds of the arm that has fewer.
    pub rounds: u32,
}
