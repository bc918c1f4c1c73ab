//! One side of the experiment as the user names it, and the protection that a name claims.

use crate::record::ArmRecord;
use sevbench_guest::{Address, AddressError};
use thiserror::Error;

/// The longest name of an arm.
const NAME_LEN_MAX: usize = 32;

/// The largest slowdown that may be injected.
const SPIN_FACTOR_MAX: f64 = 100.0;

/// Names that claim a protection, and the claim.
const CLAIMS: [(&str, &str); 4] =
    [("sev", "sev"), ("sev-es", "sev-es"), ("snp", "sev-snp"), ("sev-snp", "sev-snp")];

/// What an arm is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Control,
    Treatment,
}

/// One side of the experiment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arm {
    pub name: String,
    pub role: Role,
    pub address: Address,
    pub spin_factor: Option<f64>,
}

/// An arm that cannot be.
#[derive(Debug, Error, PartialEq)]
pub(crate) enum ArmError {
    #[error("{0}")]
    Address(#[from] AddressError),
    #[error(
        "`{0}` names no arm: write --treatment NAME=URL, as in --treatment snp=ssh://root@host"
    )]
    NoName(String),
    #[error("`{0}` cannot be an arm's name: use a–z 0–9 . _ -, at most {NAME_LEN_MAX} characters")]
    Name(String),
    #[error("two arms are called `{0}`: give one of them another name")]
    Duplicate(String),
    #[error(
        "an arm on loopback has no protection and cannot be called `{0}`: give it another name"
    )]
    ClaimOnLoopback(String),
    #[error(
        "an address has no option `{0}`: options are key, known_hosts, dir (all for ssh://) and spin"
    )]
    Option(String),
    #[error(
        "spin={0} is no factor from 1 to {SPIN_FACTOR_MAX}: write spin=1.10 to make every sample 10 % longer"
    )]
    Spin(String),
}

impl Arm {
    /// An arm from its address alone, under a name of ours.
    pub(crate) fn named(name: &str, role: Role, url: &str) -> Result<Self, ArmError> {
        let usable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        if name.is_empty() || name.len() > NAME_LEN_MAX || !name.chars().all(usable) {
            return Err(ArmError::Name(name.into()));
        }
        let (address, options) = Address::parse(url)?;
        let mut arm = Self { name: name.into(), role, address, spin_factor: None };
        for (option, value) in options {
            match option.as_str() {
                "spin" => arm.spin_factor = Some(parse_spin(&value)?),
                _ => return Err(ArmError::Option(option)),
            }
        }
        if arm.claimed().is_some() && arm.address == Address::Loopback {
            return Err(ArmError::ClaimOnLoopback(arm.name));
        }
        Ok(arm)
    }

    /// A treatment as the command line has it: `NAME=URL`.
    pub(crate) fn treatment(text: &str) -> Result<Self, ArmError> {
        // Only a name may stand before the first `=`: an address alone has its `=` behind a `?` or not at all.
        match text.split_once('=') {
            Some((name, url)) if !name.contains(['?', ':']) => {
                Self::named(name, Role::Treatment, url)
            }
            _ => Err(ArmError::NoName(text.into())),
        }
    }

    /// The protection that the name claims.
    pub(crate) fn claimed(&self) -> Option<&'static str> {
        CLAIMS.iter().find(|(name, _)| *name == self.name).map(|(_, claim)| *claim)
    }

    pub(crate) fn record(&self) -> ArmRecord {
        ArmRecord {
            name: self.name.clone(),
            role: match self.role {
                Role::Control => "control".into(),
                Role::Treatment => "treatment".into(),
            },
            address: self.address.to_string(),
            claimed: self.claimed().map(str::to_owned),
            spin_factor: self.spin_factor,
            rebooted: self.address.is_rebooted_by_us(),
        }
    }
}

/// Refuses two arms of one name.
pub(crate) fn check_names(arms: &[Arm]) -> Result<(), ArmError> {
    let repeated =
        |(index, arm): &(usize, &Arm)| arms[..*index].iter().any(|other| other.name == arm.name);
    match arms.iter().enumerate().find(repeated) {
        Some((_, arm)) => Err(ArmError::Duplicate(arm.name.clone())),
        None => Ok(()),
    }
}

fn parse_spin(text: &str) -> Result<f64, ArmError> {
    match text.parse::<f64>() {
        Ok(factor) if (1.0..=SPIN_FACTOR_MAX).contains(&factor) => Ok(factor),
        _ => Err(ArmError::Spin(text.into())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn a_treatment_has_a_name_an_address_and_perhaps_a_spin() {
        let arm = Arm::treatment("injected=loopback?spin=1.10").unwrap();
        assert_eq!((arm.name.as_str(), arm.spin_factor), ("injected", Some(1.10)));
        assert_eq!(arm.address, Address::Loopback);
        let arm = Arm::treatment("snp=ssh://root@h?key=/k&spin=2").unwrap();
        assert_eq!((arm.claimed(), arm.spin_factor), (Some("sev-snp"), Some(2.0)));
    }

    #[test]
    fn wrong_arms_are_refused() {
        assert!(matches!(Arm::treatment("loopback?spin=1.1"), Err(ArmError::NoName(_))));
        assert!(matches!(Arm::treatment("ssh://h?key=x"), Err(ArmError::NoName(_))));
        assert!(matches!(Arm::treatment("A b=loopback"), Err(ArmError::Name(_))));
        assert!(matches!(Arm::treatment("snp=loopback"), Err(ArmError::ClaimOnLoopback(_))));
        assert!(matches!(Arm::treatment("a=loopback?spun=1"), Err(ArmError::Option(_))));
        for spin in ["0.5", "101", "NaN", "x"] {
            assert!(matches!(
                Arm::treatment(&format!("a=loopback?spin={spin}")),
                Err(ArmError::Spin(_))
            ));
        }
        let twice = [Arm::treatment("a=loopback").unwrap(), Arm::treatment("a=loopback").unwrap()];
        assert_eq!(check_names(&twice), Err(ArmError::Duplicate("a".into())));
    }
}
