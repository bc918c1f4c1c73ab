//! Why a run ends before its plan does.

use crate::record::JournalError;
use sevbench_guest::Interrupt;

/// Why a run ends before its plan does.
pub(super) enum EarlyEnd {
    /// The user asked for it.
    Interrupted,
    /// An arm did not start in the first boot.
    NeverStarted,
    /// Too many boots lost a guest.
    BootsLost,
    /// The journal cannot be written.
    Journal(JournalError),
}

impl EarlyEnd {
    /// An error if the user has asked for the end.
    pub(super) fn check(interrupt: &Interrupt) -> Result<(), Self> {
        if interrupt.is_set() { Err(Self::Interrupted) } else { Ok(()) }
    }
}

impl From<JournalError> for EarlyEnd {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}
