//! A gate's decision, in one line.

use crate::model::{GateDecision, GateLine, GateReport, Undecided, UndecidedReason};
use crate::text::printable::printable_gate;
use sevbench_text::counted;

/// The decision with the benches behind it: `gate failed: regressed: memory/memcpy in snp`.
pub fn render_gate(gate: &GateReport) -> String {
    let gate = printable_gate(gate);
    let text = match gate.decision {
        GateDecision::Passed => match gate.by_mean.len() {
            0 => "passed".to_owned(),
            // Their names would fill the screen; the lines say it.
            count => format!(
                "passed; for {} only the mean is shown to be within the margin",
                counted(count as u64, "line")
            ),
        },
        GateDecision::Regressed => format!("failed: regressed: {}", list(&gate.regressed, line)),
        GateDecision::Inconclusive => {
            let more_boots = gate.undecided.iter().any(|undecided| undecided.reason.needs_boots());
            let advice =
                if more_boots { "; a run with more boots (--boots) may decide it" } else { "" };
            format!("not decided: {}{advice}", list(&gate.undecided, undecided))
        }
        GateDecision::Refused => {
            format!("refused: {}", gate.refusal.as_deref().unwrap_or("no reason is recorded"))
        }
    };
    format!("gate {text}")
}

fn list<T>(items: &[T], text: fn(&T) -> String) -> String {
    items.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn line(line: &GateLine) -> String {
    match &line.measurand {
        Some(measurand) => format!("{measurand} in {}", line.arm),
        None => line.arm.clone(),
    }
}

fn undecided(undecided: &Undecided) -> String {
    match (&undecided.line, undecided.reason) {
        (Some(of), UndecidedReason::Inconclusive) => line(of),
        (Some(of), reason) => format!("{} ({reason})", line(of)),
        (None, reason) => reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Against, Estimand};

    #[test]
    fn more_boots_are_advised_only_if_they_could_decide() {
        for (reason, is_advised) in [
            (UndecidedReason::Inconclusive, true),
            (UndecidedReason::TooFewBoots, true),
            (UndecidedReason::NoResult, false),
            (UndecidedReason::Failed, false),
        ] {
            let report = GateReport {
                against: Against::Margin,
                baseline: None,
                alpha: 0.05,
                decision: GateDecision::Inconclusive,
                judge: Estimand::Both,
                by_mean: Vec::new(),
                regressed: Vec::new(),
                undecided: vec![Undecided { line: None, reason }],
                refusal: None,
            };
            let text = render_gate(&report);
            assert!(text.starts_with("gate not decided: "), "{text}");
            assert_eq!(text.contains("more boots (--boots) may decide"), is_advised, "{text}");
        }
    }
}
