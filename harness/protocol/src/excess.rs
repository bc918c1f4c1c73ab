//! Too much of something in a message.

use thiserror::Error;

/// Something in a message that exceeds its limit.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the message has {found} {what}, but at most {allowed} are accepted")]
pub struct Excess {
    /// What there is too much of.
    pub(crate) what: &'static str,
    found: usize,
    allowed: usize,
}

/// Checks that there is not too much of something.
pub(crate) fn check(what: &'static str, found: usize, allowed: usize) -> Result<(), Excess> {
    if found > allowed { Err(Excess { what, found, allowed }) } else { Ok(()) }
}
