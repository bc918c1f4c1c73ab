//! Records that cannot be analysed.

use thiserror::Error;

/// A record that cannot be analysed.
#[derive(Debug, Error)]
pub(crate) enum AnalysisError {
    #[error("the settings in the journal are invalid: {0}")]
    Settings(String),
    #[error("the journal has no control arm")]
    NoControl,
    #[error("the table has no arm `{name}`: set --control to one of {known}")]
    NoArm { name: String, known: String },
    #[error("the table has too many arms ({0}): check that the column `arm` holds names of arms")]
    TooManyArms(usize),
    #[error(
        "the arms have no boot in common, so no values are pairs: give the arms the same numbers of \
         boots if they ran side by side, or add --unpaired if they did not"
    )]
    NoPairs,
    #[error("the table has only the arm {0}: add rows of a second arm to compare it with")]
    OneArm(String),
}
