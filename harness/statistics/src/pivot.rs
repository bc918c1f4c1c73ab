//! Estimates on the log scale whose error follows Student's t. One type serves the mean of boots,
//! the two-stage mean, the trimmed mean, Welch's difference and the jackknife. Their intervals and
//! p-values come from it alone.

use super::distribution::{t_quantile, t_upper_tail};
use crate::interval::Interval;
use crate::quantity::{Confidence, Cost, LogRatio, StatisticsError};

/// The share of values that Yuen's interval trims at each end.
const TRIM: f64 = 0.2;
/// The fewest values of which it trims one at each end.
const TRIMMED_MIN: usize = 5;
/// The power that [`Pivot::minimum_detectable`] refers to.
const POWER: f64 = 0.8;

/// An estimate with its error. (estimate − truth) ÷ standard error is taken to follow Student's t
/// with [`Self::degrees_of_freedom`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pivot {
    /// The estimate.
    pub estimate: LogRatio,
    /// Its standard error, on the log scale.
    pub standard_error: f64,
    /// Degrees of freedom; Welch's are not integers.
    pub degrees_of_freedom: f64,
}

impl Pivot {
    /// The mean θ of independent replicates (boot means): SE = S/√G with S² = Σ(d−θ)²/(G−1), and
    /// G − 1 degrees of freedom.
    ///
    /// # Errors
    /// If there are fewer than two replicates.
    pub fn mean(replicates: &[LogRatio]) -> Result<Self, StatisticsError> {
        let Moments { n, mean, variance } = moments(replicates.iter().map(|r| r.0))?;
        let standard_error = (variance / n).sqrt();
        Ok(Self { estimate: LogRatio(mean), standard_error, degrees_of_freedom: n - 1.0 })
    }

    /// Stein's two-stage estimate: the mean of all n replicates. Its error comes from the standard
    /// deviation s₀ of the n₀ replicates of the first stage: SE = s₀/√n, with n₀ − 1 degrees of
    /// freedom.
    ///
    /// n depends on the data only through s₀. For normal replicates s₀ is independent of the mean,
    /// so this interval keeps its level. The interval of the plain mean would not.
    ///
    /// Stein, C. (1945): A two-sample test for a linear hypothesis whose power is independent of
    /// the variance. Annals of Mathematical Statistics 16, 243–258.
    ///
    /// # Errors
    /// If the first stage has fewer than two replicates.
    pub fn two_stage(replicates: &[LogRatio], first_stage: usize) -> Result<Self, StatisticsError> {
        let first = &replicates[..first_stage.min(replicates.len())];
        let stage = moments(first.iter().map(|r| r.0))?;
        let all = moments(replicates.iter().map(|r| r.0))?;
        Ok(Self {
            estimate: LogRatio(all.mean),
            standard_error: (stage.variance / all.n).sqrt(),
            degrees_of_freedom: stage.n - 1.0,
        })
    }

    /// Yuen's 20 % trimmed mean. k = ⌊0.2 G⌋ values are trimmed at each end, which leaves
    /// h = G − 2k. SE = √(SSD_w / (h(h−1))), where SSD_w is the winsorised sum of squared
    /// deviations, with h − 1 degrees of freedom.
    ///
    /// Yuen, K. K. (1974): The two-sample trimmed t for unequal population variances. Biometrika
    /// 61, 165–170. Its one-sample form: Tukey & McLaughlin (1963).
    ///
    /// # Errors
    /// If there are fewer than five replicates: nothing would be trimmed.
    pub fn trimmed_mean(replicates: &[LogRatio]) -> Result<Self, StatisticsError> {
        let Trimmed { center, squared_error, kept } = trimmed(replicates.iter().map(|r| r.0))?;
        let standard_error = squared_error.sqrt();
        Ok(Self { estimate: LogRatio(center), standard_error, degrees_of_freedom: kept - 1.0 })
    }

    /// Welch's estimate for arms that did not run in common boot blocks: mean ln(treatment) − mean
    /// ln(control), with the Welch–Satterthwaite degrees of freedom. Pairs are better if there are
    /// any: this estimate pays for the drift that pairs share.
    ///
    /// Welch, B. L. (1947): The generalization of "Student's" problem when several different
    /// population variances are involved. Biometrika 34, 28–35.
    ///
    /// # Errors
    /// If an arm has fewer than two replicates.
    pub fn unpaired(treatment: &[Cost], control: &[Cost]) -> Result<Self, StatisticsError> {
        let treated = moments(treatment.iter().map(|cost| cost.ln()))?;
        Ok(welch(treated, moments(control.iter().map(|cost| cost.ln()))?))
    }

    /// Yuen's estimate for arms that did not run in common boot blocks: the difference of the
    /// trimmed means of logarithms, with the Welch–Satterthwaite degrees of freedom from h − 1 of
    /// each arm.
    ///
    /// # Errors
    /// If an arm has fewer than five replicates: nothing would be trimmed.
    pub fn unpaired_trimmed(treatment: &[Cost], control: &[Cost]) -> Result<Self, StatisticsError> {
        let [treated, control] =
            [treatment, control].map(|side| trimmed(side.iter().map(|cost| cost.ln())));
        let (treated, control) = (treated?, control?);
        let squares =
            [(treated.squared_error, treated.kept), (control.squared_error, control.kept)];
        Ok(satterthwaite(treated.center - control.center, squares))
    }

    /// The difference of two independent estimates, from two runs. The squared errors add up, and
    /// the degrees of freedom are Welch–Satterthwaite's. For two plain means this is Welch's t.
    pub fn change(now: &Self, before: &Self) -> Self {
        let side = |pivot: &Self| (pivot.standard_error.powi(2), pivot.degrees_of_freedom + 1.0);
        satterthwaite(now.estimate.0 - before.estimate.0, [side(now), side(before)])
    }

    /// The delete-one jackknife of any estimate: SE² = (G−1)/G · Σ(θ₍ᵢ₎ − θ₍.₎)², with G − 1
    /// degrees of freedom. θ₍ᵢ₎ is the estimate without replicate i, and θ₍.₎ the mean of these. It
    /// serves estimates that are not means of replicates, such as a percentile of all values.
    ///
    /// Tukey, J. W. (1958): Bias and confidence in not-quite large samples. Annals of Mathematical
    /// Statistics 29, 614.
    ///
    /// # Errors
    /// If there are fewer than two replicates.
    pub fn jackknife(
        estimate: LogRatio,
        without_one: &[LogRatio],
    ) -> Result<Self, StatisticsError> {
        let Moments { n, variance, .. } = moments(without_one.iter().map(|r| r.0))?;
        let standard_error = (variance * (n - 1.0) * (n - 1.0) / n).sqrt();
        Ok(Self { estimate, standard_error, degrees_of_freedom: n - 1.0 })
    }

    /// The two-sided interval: estimate ± t(1−α/2; df)·SE.
    pub fn interval(&self, confidence: Confidence) -> Interval {
        let half_width = self.half_width(confidence);
        Interval {
            estimate: self.estimate,
            low: LogRatio(self.estimate.0 - half_width),
            high: LogRatio(self.estimate.0 + half_width),
            confidence,
        }
    }

    /// Half the interval's width, on the log scale.
    pub fn half_width(&self, confidence: Confidence) -> f64 {
        t_quantile(0.5 + confidence.level() / 2.0, self.degrees_of_freedom) * self.standard_error
    }

    /// p of the one-sided test that the truth is at most `bound`: small if the estimate is far
    /// above it.
    pub fn p_above(&self, bound: LogRatio) -> f64 {
        t_upper_tail(self.statistic(bound), self.degrees_of_freedom)
    }

    /// p of the one-sided test that the truth is at least `bound`: small if the estimate is far
    /// below it.
    pub fn p_below(&self, bound: LogRatio) -> f64 {
        t_upper_tail(-self.statistic(bound), self.degrees_of_freedom)
    }

    /// p of the two-sided test that the truth is `value`.
    pub fn p_other_than(&self, value: LogRatio) -> f64 {
        (2.0 * t_upper_tail(self.statistic(value).abs(), self.degrees_of_freedom)).min(1.0)
    }

    /// p of the two-sided test that the truth is within `blur` of 0. It is 1 if the estimate is
    /// within `blur` itself. With a `blur` of 0 it is the test that the truth is 0.
    pub fn p_beyond(&self, blur: LogRatio) -> f64 {
        let nearest = LogRatio(blur.0.copysign(self.estimate.0));
        if self.estimate.0.abs() < blur.0 { 1.0 } else { self.p_other_than(nearest) }
    }

    /// p of the two one-sided tests for equivalence: small if the truth is within ±`bound`.
    ///
    /// Schuirmann, D. J. (1987): A comparison of the two one-sided tests procedure and the power
    /// approach. Journal of Pharmacokinetics and Biopharmaceutics 15, 657–680.
    pub fn p_equivalent(&self, bound: LogRatio) -> f64 {
        self.p_above(LogRatio(-bound.0)).max(self.p_below(bound))
    }

    /// The smallest log ratio that a two-sided test at this level finds with a power of 80 %:
    /// (t(1−α/2) + t(0.8))·SE. It treats the shifted t as a t, which is an approximation.
    pub fn minimum_detectable(&self, confidence: Confidence) -> LogRatio {
        let t = t_quantile(0.5 + confidence.level() / 2.0, self.degrees_of_freedom)
            + t_quantile(POWER, self.degrees_of_freedom);
        LogRatio(t * self.standard_error)
    }

    fn statistic(&self, bound: LogRatio) -> f64 {
        let distance = self.estimate.0 - bound.0;
        // Without spread, an estimate at the bound itself speaks for neither side.
        if distance == 0.0 { 0.0 } else { distance / self.standard_error }
    }
}

#[derive(Clone, Copy)]
struct Moments {
    n: f64,
    mean: f64,
    /// With the divisor n − 1.
    variance: f64,
}

fn moments(values: impl ExactSizeIterator<Item = f64> + Clone) -> Result<Moments, StatisticsError> {
    needs_two(values.len())?;
    let n = values.len() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let ssd: f64 = values.map(|x| (x - mean).powi(2)).sum();
    Ok(Moments { n, mean, variance: ssd / (n - 1.0) })
}

fn welch(a: Moments, b: Moments) -> Pivot {
    satterthwaite(a.mean - b.mean, [(a.variance / a.n, a.n), (b.variance / b.n, b.n)])
}

/// The difference of two means, each given with its squared error and its number of values.
fn satterthwaite(difference: f64, sides: [(f64, f64); 2]) -> Pivot {
    let sum: f64 = sides.iter().map(|(squared_error, _)| squared_error).sum();
    let squares: f64 =
        sides.iter().map(|(squared_error, n)| squared_error.powi(2) / (n - 1.0)).sum();
    // Without any spread the formula is 0/0. Any value would do, so take its upper limit.
    let largest = sides.iter().map(|(_, n)| n - 1.0).sum();
    let degrees_of_freedom = if sum > 0.0 { sum.powi(2) / squares } else { largest };
    Pivot { estimate: LogRatio(difference), standard_error: sum.sqrt(), degrees_of_freedom }
}

struct Trimmed {
    center: f64,
    squared_error: f64,
    /// The number of values that were not trimmed.
    kept: f64,
}

fn trimmed(values: impl ExactSizeIterator<Item = f64>) -> Result<Trimmed, StatisticsError> {
    if values.len() < TRIMMED_MIN {
        return Err(StatisticsError::TooFew { found: values.len(), needed: TRIMMED_MIN });
    }
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let trimmed = (TRIM * sorted.len() as f64).floor() as usize;
    let kept = sorted.len() - 2 * trimmed;
    let h = kept as f64;
    let center = sorted[trimmed..trimmed + kept].iter().sum::<f64>() / h;
    let (lowest, highest) = (sorted[trimmed], sorted[trimmed + kept - 1]);
    let winsorised: Vec<f64> = sorted.iter().map(|x| x.clamp(lowest, highest)).collect();
    let winsorised_mean = winsorised.iter().sum::<f64>() / winsorised.len() as f64;
    let ssd: f64 = winsorised.iter().map(|x| (x - winsorised_mean).powi(2)).sum();
    Ok(Trimmed { center, squared_error: ssd / (h * (h - 1.0)), kept: h })
}

const fn needs_two(found: usize) -> Result<(), StatisticsError> {
    if found < 2 { Err(StatisticsError::TooFew { found, needed: 2 }) } else { Ok(()) }
}

#[cfg(test)]
#[path = "pivot_tests.rs"]
mod tests;
