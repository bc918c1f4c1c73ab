//! A gate on the command line: planned and described before a run, reported after it, with its exit
//! status.

use super::baselines::Baseline;
use super::exit::{CliError, INCONCLUSIVE, REGRESSED, USAGE};
use crate::analysis::{GateScope, fewest_boots, refuse_baseline};
use crate::coordinator::Plan;
use crate::gate::{ALPHA, GatePlan, Margin, Margins, refuse_plan};
use crate::stderr::tell;
use sevbench_reports::{GateDecision, GateReport, render_gate};
use sevbench_text::counted;

/// The gate's power is stated for these standard deviations of the boots' log ratios.
const GATE_DEVIATIONS: [f64; 2] = [0.02, 0.05];

/// The metrics assumed of a bench that drives an external program: one scalar, and a distribution's
/// mean and three percentiles. The real number is known only once the bench has run.
const OBSERVED_METRICS: usize = 5;

/// What the gate will judge.
///
/// # Errors
/// If it could not judge: too few boots, or a baseline that cannot serve.
pub(super) fn plan_gate(plan: &Plan, baseline: Option<&Baseline>) -> Result<GatePlan, CliError> {
    let settings = &plan.settings;
    let margins = Margins::of(settings.margin_percent, settings.margin_rules());
    let margins = margins.map_err(CliError::usage)?;
    let treatments = plan.judged_treatments();
    let observed = plan.observed.len();
    let metrics = plan.benches.len() - observed + observed * OBSERVED_METRICS;
    let comparisons = (metrics * treatments.len()) as u32;
    let scope = GateScope { benches: &plan.benches, treatments: &treatments };
    let refusal = refuse_plan(settings.boots, comparisons)
        .or_else(|| refuse_baseline(baseline?.named(), scope, &margins));
    match refusal {
        Some(refusal) => Err(CliError::usage(refusal)),
        None => Ok(GatePlan {
            margin: Margin::percent(settings.margin_percent).map_err(CliError::usage)?,
            boots: settings.boots,
            baseline_boots: baseline.and_then(|one| fewest_boots(&one.analysis, scope)),
            comparisons,
        }),
    }
}

/// Describes the gate's error rate and its chances to fail and to pass, for two spreads of the
/// boots.
pub(super) fn describe_gate(plan: GatePlan, has_rules: bool) -> String {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let both = |chance: &dyn Fn(f64) -> f64| {
        let [quiet, noisy] = GATE_DEVIATIONS.map(|deviation| percent(chance(deviation)));
        format!("{quiet} ({noisy})")
    };
    let margin = plan.margin.fraction();
    let what = if plan.baseline_boots.is_some() { "an increase" } else { "a slowdown" };
    let rules = if has_rules { ", unless a [[margin]] entry says otherwise" } else { "" };
    let [quiet, noisy] = GATE_DEVIATIONS.map(percent);
    format!(
        "gate: {}, margin {} %{rules}, at most {} false alarms\n\
         if boots vary by {quiet} ({noisy}), it fails in {} of runs for {what} of twice the \
         margin, and passes in {} without one, in {} if all have half the margin",
        counted(plan.comparisons, "line"),
        plan.margin.in_percent(),
        percent(ALPHA),
        both(&|deviation| plan.power(deviation)),
        both(&|deviation| plan.chance_to_pass(0.0, deviation)),
        both(&|deviation| plan.chance_to_pass(margin / 2.0, deviation)),
    )
}

/// Prints the gate's decision and returns its exit status.
pub fn report_gate(report: &GateReport) -> u8 {
    tell(&render_gate(report));
    gate_status(report)
}

/// The exit status of a gate's decision.
pub(super) const fn gate_status(report: &GateReport) -> u8 {
    match report.decision {
        GateDecision::Passed => 0,
        GateDecision::Regressed => REGRESSED,
        GateDecision::Inconclusive => INCONCLUSIVE,
        GateDecision::Refused => USAGE,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use crate::gate::Margin;

    /// 0.07 is not exact in binary.
    #[test]
    fn description_shows_the_margin_as_given() {
        let margin = Margin::percent(7.0).unwrap();
        let plan = GatePlan { margin, boots: 10, baseline_boots: None, comparisons: 1 };
        let text = describe_gate(plan, false);
        assert!(text.contains("1 line, margin 7 %, at most 5 % false alarms"), "{text}");
        assert!(text.contains("if boots vary by 2 % (5 %), it fails in 100 % (98 %)"), "{text}");
    }

    #[test]
    fn description_tells_the_chance_to_pass() {
        let margin = Margin::percent(3.0).unwrap();
        let plan = GatePlan { margin, boots: 10, baseline_boots: None, comparisons: 10 };
        let text = describe_gate(plan, false);
        assert!(text.contains("passes in 92 % (0 %) without one"), "{text}");
    }
}
