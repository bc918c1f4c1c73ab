//! What is said of a gate, before it runs and after, and the exit status that it gives.

use super::exit::{INCONCLUSIVE, REGRESSED, USAGE};
use crate::gate::{ALPHA, GatePlan};
use sevbench_reports::{GateDecision, GateReport, render_gate};
use sevbench_text::counted;

/// The standard deviations of boots' log ratios for which a gate's power is said.
const GATE_DEVIATIONS: [f64; 2] = [0.02, 0.05];

/// What the gate will find, for two spreads that boots may have.
pub(super) fn describe_gate(plan: GatePlan, has_rules: bool) -> String {
    let power = |deviation: f64| {
        let power = plan.power(deviation) * 100.0;
        format!("{power:.0} % where boots scatter by {:.0} %", deviation * 100.0)
    };
    let [quiet, noisy] = GATE_DEVIATIONS.map(power);
    let comparisons = counted(plan.comparisons, "comparison");
    let what = if plan.baseline_boots.is_some() { "whose slowdown grew" } else { "that is slower" };
    let rules = if has_rules { ", where no [[margin]] says otherwise" } else { "" };
    format!(
        "gate: fails wrongly in at most {:.0} % of runs; of {comparisons}, one {what} by twice its margin ({} %{rules}) is found with a power of {quiet}, {noisy}",
        ALPHA * 100.0,
        2.0 * plan.margin.in_percent(),
    )
}

/// Prints the gate's decision on standard error, and returns its exit status.
pub fn tell_gate(report: &GateReport) -> u8 {
    eprintln!("{}", render_gate(report));
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

    /// 7 % is 0.07 in no binary fraction.
    #[test]
    fn a_margin_is_told_as_it_was_given() {
        let margin = Margin::percent(7.0).unwrap();
        let plan = GatePlan { margin, boots: 10, baseline_boots: None, comparisons: 1 };
        let text = describe_gate(plan, false);
        assert!(text.contains("by twice its margin (14 %)"), "{text}");
    }
}
