//! The two arms of a comparison, and the facts about them that become flags.

use sevbench_reports::Flag;

/// The control and one treatment.
#[derive(Clone, Copy, Debug)]
pub(super) struct ArmPair {
    /// The index of the control.
    pub control: u16,
    /// The index of the treatment.
    pub treatment: u16,
    /// Whether a slowdown is injected into either arm.
    pub injected: bool,
    /// Whether both machines are rebooted for each boot.
    pub rebooted: bool,
    /// Whether every protection that the arms claim is verified.
    pub are_verified: bool,
    /// Whether the control claims no protection and is encrypted.
    pub control_is_encrypted: bool,
    /// Whether the arms differ in more than the declared treatment.
    pub differ_undeclared: bool,
    /// Whether the treatment repeats the control: an A/A comparison.
    pub repeats_control: bool,
    /// Whether a gate judges the treatment.
    pub judged: bool,
}

impl ArmPair {
    pub(super) fn flags(self) -> Vec<Flag> {
        let all = [
            (!self.judged, Flag::ControlRepeated),
            (self.injected, Flag::Injected),
            (!self.are_verified, Flag::ClaimedNotVerified),
            (self.control_is_encrypted, Flag::ControlIsEncrypted),
            (self.differ_undeclared, Flag::UndeclaredDifferences),
        ];
        all.into_iter().filter(|(holds, _)| *holds).map(|(_, flag)| flag).collect()
    }
}
