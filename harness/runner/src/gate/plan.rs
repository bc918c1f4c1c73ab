//! What a gate could find, computed before anything runs.

use super::margin::Margin;
use super::refusal::GateRefusal;
use super::verdict::ALPHA;
use sevbench_reports::Estimand;
use sevbench_statistics::{
    LogRatio, equivalence_power, normal_lower_tail, power, sign_test_power, smallest_attainable_p,
};

/// Why a gate over this many comparisons could not fail with this many boots; `None` if it could.
///
/// A t test reaches any p-value, but only by assuming that boots are normal. Without that, n boots
/// cannot reach a p-value below 2⁻ⁿ. A failure should not rest on the assumption alone.
pub(crate) fn refuse_plan(boots: u32, comparisons: u32) -> Option<GateRefusal> {
    if boots < 2 {
        return Some(GateRefusal::OneBoot);
    }
    let comparisons = comparisons.max(1);
    let strictest = ALPHA / f64::from(comparisons);
    let suffices = |boots: &u32| smallest_attainable_p(*boots) <= strictest;
    if suffices(&boots) {
        return None;
    }
    let needed = (boots..).find(suffices).unwrap_or(boots);
    Some(GateRefusal::CannotFail { boots, comparisons, needed })
}

/// What a gate will judge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct GatePlan {
    /// The margin.
    pub margin: Margin,
    /// Boots of the run.
    pub boots: u32,
    /// Boots of the baseline, if the gate judges changes.
    pub baseline_boots: Option<u32>,
    /// Lines to judge: one per metric and treatment. A bench that drives an external program is
    /// assumed to have five metrics.
    pub comparisons: u32,
    /// What its verdicts are about.
    pub judge: Estimand,
}

/// A p-value that a failure needs may be this many times the smallest one that any distribution
/// allows. Below, t relies on boots being near normal: simulated, up to 10 % of gates fail wrongly.
const P_ROOM: f64 = 5.0;

impl GatePlan {
    /// The boots with which at most 5 % of gates fail wrongly whatever the boots are like, if this
    /// plan has fewer, as far as simulations show. `None` if it has enough, or if its promise is
    /// about near-normal boots or about the median.
    pub(crate) fn boots_for_any_kind(&self) -> Option<u32> {
        let strictest = ALPHA / f64::from(self.comparisons.max(1));
        let suffices = |boots: &u32| smallest_attainable_p(*boots) * P_ROOM <= strictest;
        let is_about_both = self.judge == Estimand::Both && self.baseline_boots.is_none();
        if !is_about_both || suffices(&self.boots) {
            return None;
        }
        (self.boots..).find(suffices)
    }

    /// The probability that the gate fails on a bench whose slowdown, or change, is twice the
    /// margin. `deviation` is the standard deviation of the boots' log ratios. Holm's first step is
    /// taken over all comparisons.
    pub(crate) fn power(&self, deviation: f64) -> f64 {
        let twice = (1.0 + 2.0 * self.margin.fraction()).ln();
        let excess = LogRatio::new(twice - self.margin.log_ratio().value());
        let alpha = ALPHA / f64::from(self.comparisons.max(1));
        if self.is_about_median() {
            let above = normal_lower_tail(excess.value() / deviation);
            return sign_test_power(self.boots, above, alpha);
        }
        let (error, degrees_of_freedom) = self.error(deviation);
        power(excess, error, degrees_of_freedom, alpha)
    }

    fn is_about_median(&self) -> bool {
        self.judge == Estimand::Typical && self.baseline_boots.is_none()
    }

    /// The probability that the gate passes if every slowdown, or change, has this true value, as a
    /// fraction, and the lines are independent of each other. `deviation` is that of
    /// [`power`](Self::power). `None` for a gate on the median boot, for which it is not computed.
    pub(crate) fn chance_to_pass(&self, truth: f64, deviation: f64) -> Option<f64> {
        if self.is_about_median() {
            return None;
        }
        let (error, degrees_of_freedom) = self.error(deviation);
        let truth = LogRatio::new(truth.ln_1p());
        let margin = self.margin.log_ratio();
        let of_line = equivalence_power(truth, margin, error, degrees_of_freedom, ALPHA);
        Some(of_line.powi(self.comparisons.max(1) as i32))
    }

    /// The standard error of an estimate, and its degrees of freedom.
    fn error(&self, deviation: f64) -> (f64, f64) {
        let boots = f64::from(self.boots);
        let (variance, degrees_of_freedom) = match self.baseline_boots.map(f64::from) {
            None => (1.0 / boots, boots - 1.0),
            Some(before) => (1.0 / boots + 1.0 / before, boots + before - 2.0),
        };
        (deviation * variance.sqrt(), degrees_of_freedom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn gate_that_cannot_fail_is_refused_with_the_boots_it_needs() {
        assert_eq!(refuse_plan(1, 1), Some(GateRefusal::OneBoot));
        assert_eq!(refuse_plan(5, 1), None, "1 in 32 is below 5 %");
        let refusal = refuse_plan(4, 1).unwrap();
        assert_eq!(refusal, GateRefusal::CannotFail { boots: 4, comparisons: 1, needed: 5 });
        let text = refuse_plan(5, 25).unwrap().to_string();
        assert!(text.contains("25 lines needs 9 boots"), "{text}");
        assert!(text.contains("below 1/32") && text.contains("needs 1/500"), "{text}");
        assert_eq!(refuse_plan(9, 25), None);
    }

    /// With 10 boots, σ = 2 % and a margin of 3 %, a true 6 % is found in 99 of 100 runs.
    #[test]
    fn planned_power_equals_the_reference_value() {
        let margin = Margin::percent(3.0).unwrap();
        let judge = Estimand::Both;
        let plan = GatePlan { margin, boots: 10, baseline_boots: None, comparisons: 1, judge };
        assert!((plan.power(0.02) - 0.99).abs() < 0.01);
        // By simulation, 99.1 % of unchanged lines are within the margin, and 19 % at σ = 5 %.
        let ten = GatePlan { comparisons: 10, ..plan };
        let pass = |plan: GatePlan, deviation| plan.chance_to_pass(0.0, deviation).unwrap();
        assert!((pass(plan, 0.02) - 0.991).abs() < 0.002);
        assert!((pass(ten, 0.02) - 0.991_f64.powi(10)).abs() < 0.02);
        assert!(pass(ten, 0.05) < 1e-5);
        assert!(ten.chance_to_pass(0.015, 0.02).unwrap() < pass(ten, 0.02));
        // By simulation, 82.3 and 45.2 % for the median boot.
        let typical = GatePlan { judge: Estimand::Typical, ..plan };
        assert!((typical.power(0.02) - 0.823).abs() < 0.015);
        assert!((GatePlan { comparisons: 10, ..typical }.power(0.02) - 0.452).abs() < 0.015);
        assert_eq!(typical.chance_to_pass(0.0, 0.02), None);
        assert!(GatePlan { comparisons: 25, ..plan }.power(0.02) < plan.power(0.02));
        // Ten lines of ten boots are few enough; fifty need more.
        assert_eq!(ten.boots_for_any_kind(), None);
        let fifty = GatePlan { comparisons: 50, ..plan };
        assert_eq!(fifty.boots_for_any_kind(), Some(13));
        assert_eq!(GatePlan { judge: Estimand::Mean, ..fifty }.boots_for_any_kind(), None);
        // The baseline has an error too, so the power is smaller.
        let change = GatePlan { baseline_boots: Some(10), ..plan };
        assert!((change.power(0.02) - 0.925).abs() < 0.005, "{}", change.power(0.02));
        assert!((change.power(0.05) - 0.34).abs() < 0.01, "{}", change.power(0.05));
    }
}
