//! A gate on the command line: planned and described before a run, reported after it, with its exit
//! status.

use super::baselines::Baseline;
use super::exit::{CliError, INCONCLUSIVE, REGRESSED, USAGE};
use crate::analysis::{GateScope, fewest_boots, refuse_baseline};
use crate::coordinator::Plan;
use crate::gate::{ALPHA, GatePlan, Margin, Margins, refuse_plan};
use crate::stderr::tell;
use sevbench_reports::{Estimand, GateDecision, GateReport, render_gate};
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
            judge: settings.judge(),
        }),
    }
}

/// Describes the gate's error rate and its chances to fail and to pass, for two spreads of the
/// boots.
pub(super) fn describe_gate(plan: GatePlan, has_rules: bool) -> String {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let margin = plan.margin.fraction();
    let slower = if plan.baseline_boots.is_none() { "slower" } else { "slower than before" };
    let chances = GATE_DEVIATIONS.map(|deviation| {
        let fails = percent(plan.power(deviation));
        let passes = |truth: f64| Some(percent(plan.chance_to_pass(truth, deviation)?));
        let passes = passes(0.0).zip(passes(margin / 2.0)).map(|(unchanged, half)| {
            format!(
                "; passes in {unchanged} when no line is {slower}, and in {half} when every line is \
                 {slower} by half the margin"
            )
        });
        format!(
            "\nwith boots that vary by {}: fails in {fails} of runs when one line is {slower} by twice \
             the margin{}",
            percent(deviation),
            passes.unwrap_or_default(),
        )
    });
    let rules = if has_rules { ", unless a [[margin]] entry says otherwise" } else { "" };
    format!(
        "gate: {}, margin {} %{rules}; at most {} false alarms{}{}",
        counted(plan.comparisons, "line"),
        plan.margin.in_percent(),
        percent(ALPHA),
        condition(&plan),
        chances.concat(),
    )
}

/// On what the share of false alarms depends.
fn condition(plan: &GatePlan) -> String {
    match (plan.judge, plan.baseline_boots) {
        (Estimand::Mean, _) | (_, Some(_)) => " if boots vary about normally".into(),
        (Estimand::Typical, None) => " for boots of any kind".into(),
        (Estimand::Both, None) => match plan.boots_for_any_kind() {
            None => " if neither the mean nor the median boot is beyond the margin".into(),
            Some(boots) => format!(
                " if boots vary about normally (--boots {boots} keeps this for boots of any kind)"
            ),
        },
    }
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
        let judge = Estimand::Mean;
        let plan = GatePlan { margin, boots: 10, baseline_boots: None, comparisons: 1, judge };
        let text = describe_gate(plan, false);
        assert!(
            text.contains("1 line, margin 7 %; at most 5 % false alarms if boots vary about"),
            "{text}"
        );
        assert!(
            text.contains("with boots that vary by 5 %: fails in 98 % of runs when one"),
            "{text}"
        );
    }

    #[test]
    fn description_tells_the_chance_to_pass() {
        let margin = Margin::percent(3.0).unwrap();
        let judge = Estimand::Both;
        let plan = GatePlan { margin, boots: 10, baseline_boots: None, comparisons: 10, judge };
        let text = describe_gate(plan, false);
        assert!(text.contains("; passes in 92 % when no line is slower"), "{text}");
        assert!(text.contains("alarms if neither the mean nor the median boot"), "{text}");
        let many = describe_gate(GatePlan { comparisons: 50, ..plan }, false);
        assert!(many.contains("(--boots 13 keeps this for boots of any kind)"), "{many}");
    }
}
