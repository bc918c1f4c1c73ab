//! Which arms repeat the control, and which ones a gate judges.

use super::header::ArmRecord;
use sevbench_reports::Role;

/// How an arm relates to the control, and whether a gate judges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ArmStanding {
    /// Whether it is a treatment that repeats the control: an A/A comparison.
    pub repeats_control: bool,
    /// Whether a gate judges it. A treatment that repeats the control is judged only where all do.
    pub judged: bool,
}

/// The standing of each arm; the first control counts as the control. `is_at_control` says whether
/// an arm, whatever its address, turned out to run on the control's machine.
pub(crate) fn standings(
    arms: &[ArmRecord],
    is_at_control: impl Fn(&ArmRecord) -> bool,
) -> Vec<ArmStanding> {
    let control = arms.iter().find(|arm| arm.role == Role::Control);
    let is_treatment = |arm: &ArmRecord| arm.role == Role::Treatment;
    let repeats = |arm: &ArmRecord| {
        control.is_some_and(|control| {
            arm.repeats(control) || arm.spin_factor == control.spin_factor && is_at_control(arm)
        })
    };
    let all_repeat = arms.iter().filter(|arm| is_treatment(arm)).all(repeats);
    let standing = |arm: &ArmRecord| ArmStanding {
        repeats_control: is_treatment(arm) && repeats(arm),
        judged: is_treatment(arm) && (all_repeat || !repeats(arm)),
    };
    arms.iter().map(standing).collect()
}
