//! One side of the experiment, and the protection that its name claims.

use crate::record::ArmRecord;
use sevbench_guest::{
    Address, AddressError, ArmTarget, CONTROL, Declaration, MachineSettings, Protection, Testbed,
    TestbedArm, Treatment, declarations,
};
use sevbench_reports::{Place, Role};
use std::path::Path;
use thiserror::Error;

/// The longest arm name, in bytes.
const NAME_LEN_MAX: usize = 32;

/// The largest slowdown that can be injected.
const SPIN_FACTOR_MAX: f64 = 100.0;

/// One side of the experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// `nosev`, `snp`, …
    pub name: String,
    /// Control or treatment.
    pub role: Role,
    /// Its machine.
    pub address: Address,
    /// The factor by which every sample is stretched, if a slowdown is injected.
    pub spin_factor: Option<f64>,
}

/// Why an arm is refused.
#[derive(Debug, Error, PartialEq)]
pub(crate) enum ArmError {
    #[error("{0}")]
    Address(#[from] AddressError),
    #[error(
        "`{0}` has no arm name: write --treatment NAME=URL, such as --treatment snp=ssh://root@host"
    )]
    NoName(String),
    #[error("`{0}` cannot be an arm's name: use a–z 0–9 . _ -, at most {NAME_LEN_MAX} characters")]
    Name(String),
    #[error("two arms are called `{0}`: give one of them another name")]
    Duplicate(String),
    #[error(
        "an arm on loopback has no protection, so it cannot be called `{0}`: give it another name"
    )]
    ClaimOnLoopback(String),
    #[error(
        "`{name}` names a protection, but {address} is launched without it: give the arm another \
         name"
    )]
    ClaimOnQemu { name: String, address: String },
    #[error(
        "{0} is a protected guest, so it cannot be the control `{CONTROL}`: write --control qemu:nosev"
    )]
    ProtectedControl(String),
    #[error(
        "`{0}` is no option of such an address: ssh:// has key, known_hosts, config and dir; qemu: \
         has vcpus, memory_mib, accelerator and firmware; each has spin"
    )]
    Option(String),
    #[error(
        "spin={0} is not a factor from 1 to {SPIN_FACTOR_MAX}: write spin=1.10 to make every \
         sample 10 % longer"
    )]
    Spin(String),
}

/// The name of the arm that repeats the control.
const AGAIN_NAME: &str = "aa";

impl Arm {
    /// The same machine once more, as a treatment that changes nothing.
    pub(crate) fn again(&self) -> Self {
        Self { name: AGAIN_NAME.into(), role: Role::Treatment, ..self.clone() }
    }

    /// An arm from its name and address, whose relative paths count from `folder`.
    pub(crate) fn named(
        name: &str,
        role: Role,
        url: &str,
        settings: &MachineSettings,
        folder: &Path,
    ) -> Result<Self, ArmError> {
        check_name(name)?;
        let (mut address, options) = Address::parse_with(url, settings)?;
        address.resolve_paths(folder);
        let mut arm = Self { name: name.into(), role, address, spin_factor: None };
        for (option, value) in options {
            match option.as_str() {
                "spin" => arm.spin_factor = Some(parse_spin(&value)?),
                _ => return Err(ArmError::Option(option)),
            }
        }
        arm.check_claim()?;
        Ok(arm)
    }

    /// An arm of a testbed.
    pub(crate) fn of_testbed(
        testbed: &Testbed,
        arm: &TestbedArm,
        role: Role,
    ) -> Result<Self, ArmError> {
        match &arm.target {
            ArmTarget::Address(url) => {
                Self::named(&arm.name, role, url, &testbed.machine, &testbed.folder)
            }
            ArmTarget::Machine(machine) => {
                check_name(&arm.name)?;
                let (name, address) = (arm.name.clone(), Address::Qemu(machine.clone()));
                let arm = Self { name, role, address, spin_factor: None };
                arm.check_claim()?;
                Ok(arm)
            }
        }
    }

    /// Refuses the name of a protection that the machine cannot have.
    fn check_claim(&self) -> Result<(), ArmError> {
        match (&self.address, self.claimed()) {
            (Address::Loopback, Some(_)) => Err(ArmError::ClaimOnLoopback(self.name.clone())),
            (Address::Qemu(machine), _)
                if self.role == Role::Control && machine.treatment.protection().is_some() =>
            {
                Err(ArmError::ProtectedControl(self.address.to_string()))
            }
            (Address::Qemu(machine), Some(claim))
                if machine.treatment.protection() != Some(claim) =>
            {
                let (name, address) = (self.name.clone(), self.address.to_string());
                Err(ArmError::ClaimOnQemu { name, address })
            }
            _ => Ok(()),
        }
    }

    /// A treatment from the command line: `NAME=URL`.
    pub(crate) fn treatment(
        text: &str,
        settings: &MachineSettings,
        folder: &Path,
    ) -> Result<Self, ArmError> {
        // A bare address has its first `=` after a `?`, if it has one at all.
        match text.split_once('=') {
            Some((name, url)) if !name.contains(['?', ':']) => {
                Self::named(name, Role::Treatment, url, settings, folder)
            }
            _ => Err(ArmError::NoName(text.into())),
        }
    }

    /// The protection that the name claims or the machine is launched with.
    pub fn claimed(&self) -> Option<Protection> {
        self.treatment_in_name()
            .and_then(Treatment::protection)
            .or_else(|| self.address.machine()?.treatment.protection())
    }

    /// The treatment that a word of the name claims: `snp`, `sev-es.tuned`, `sev2`. `nosev` and
    /// `several` claim nothing.
    fn treatment_in_name(&self) -> Option<Treatment> {
        let words = self.name.split(['.', '_', '-']);
        let words: Vec<&str> =
            words.map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit())).collect();
        let has = |word: &str| words.contains(&word);
        if has("snp") || has("sevsnp") {
            Some(Treatment::Snp)
        } else if has("seves") || words.windows(2).any(|pair| pair == ["sev", "es"]) {
            Some(Treatment::SevEs)
        } else {
            has("sev").then_some(Treatment::Sev)
        }
    }

    pub(crate) fn record(&self) -> ArmRecord {
        ArmRecord {
            name: self.name.clone(),
            role: self.role,
            address: self.address.to_string(),
            place: Some(place(&self.address)),
            claimed: self.claimed(),
            spin_factor: self.spin_factor,
            rebooted: self.address.is_rebooted_by_us(),
            declares: self.declares(),
            machine: self.machine_settings(),
        }
    }

    /// The settings as JSON: a later version reads them whatever it has added. A path that is not
    /// UTF-8 has no JSON, but as text the settings can still be compared.
    fn machine_settings(&self) -> Option<serde_json::Value> {
        let settings = &self.address.machine()?.settings;
        Some(serde_json::to_value(settings).unwrap_or_else(|_| format!("{settings:?}").into()))
    }

    /// The facts in which the treatment itself makes the arm differ from the control.
    fn declares(&self) -> Vec<Declaration> {
        match (self.address.machine(), self.treatment_in_name()) {
            (Some(machine), _) => declarations(machine.treatment, machine.treatment_words()),
            (None, Some(treatment)) => declarations(treatment, Vec::new()),
            (None, None) => Vec::new(),
        }
    }
}

/// The kind of machine behind an address.
const fn place(address: &Address) -> Place {
    match address {
        Address::Loopback => Place::Loopback,
        Address::Qemu(_) => Place::Qemu,
        Address::Ssh(_) => Place::Ssh,
    }
}

fn check_name(name: &str) -> Result<(), ArmError> {
    let usable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    match !name.is_empty() && name.len() <= NAME_LEN_MAX && name.chars().all(usable) {
        true => Ok(()),
        false => Err(ArmError::Name(name.into())),
    }
}

/// Refuses two arms with the same name.
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

    fn treatment(text: &str) -> Result<Arm, ArmError> {
        Arm::treatment(text, &MachineSettings::default(), Path::new("/typed"))
    }

    #[test]
    fn treatment_parses_name_address_and_spin() {
        let arm = treatment("injected=loopback?spin=1.10").unwrap();
        assert_eq!((arm.name.as_str(), arm.spin_factor), ("injected", Some(1.10)));
        assert_eq!(arm.address, Address::Loopback);
        let arm = treatment("snp=ssh://root@h?key=/k&spin=2").unwrap();
        assert_eq!((arm.claimed(), arm.spin_factor), (Some(Protection::SevSnp), Some(2.0)));
    }

    #[test]
    fn relative_paths_count_from_the_typed_folder() {
        let arm = treatment("a=ssh://h?key=k&known_hosts=/etc/hosts&config=none").unwrap();
        assert_eq!(
            arm.address.to_string(),
            "ssh://h?key=/typed/k&known_hosts=/etc/hosts&config=none"
        );
        let Address::Qemu(machine) = treatment("a=qemu:bounce?firmware=fw/x").unwrap().address
        else {
            panic!("no machine")
        };
        assert_eq!(machine.settings.firmware.as_deref(), Some(Path::new("/typed/fw/x")));
    }

    #[test]
    fn invalid_arms_are_refused() {
        assert!(matches!(treatment("loopback?spin=1.1"), Err(ArmError::NoName(_))));
        assert!(matches!(treatment("ssh://h?key=x"), Err(ArmError::NoName(_))));
        assert!(matches!(treatment("A b=loopback"), Err(ArmError::Name(_))));
        assert!(matches!(treatment("snp=loopback"), Err(ArmError::ClaimOnLoopback(_))));
        assert!(matches!(treatment("my-snp2=loopback"), Err(ArmError::ClaimOnLoopback(_))));
        assert!(matches!(treatment("sev-es-x=qemu:sev"), Err(ArmError::ClaimOnQemu { .. })));
        for (name, claimed) in [
            ("nosev-2", None),
            ("several", None),
            ("bounce", None),
            ("sev2", Some(Protection::Sev)),
            ("tuned_sev_es", Some(Protection::SevEs)),
            ("seves", Some(Protection::SevEs)),
            ("sev-snp.new", Some(Protection::SevSnp)),
            ("snp2-es", Some(Protection::SevSnp)),
        ] {
            let arm = treatment(&format!("{name}=ssh://root@127.0.0.1")).unwrap();
            assert_eq!(arm.claimed(), claimed, "{name}");
        }
        let settings = MachineSettings::default();
        // The role decides, not the name.
        let named_control = treatment("nosev=qemu:snp");
        assert!(!matches!(named_control, Err(ArmError::ProtectedControl(_))), "{named_control:?}");
        let control = Arm::named(CONTROL, Role::Control, "qemu:snp", &settings, Path::new(""));
        assert!(matches!(control, Err(ArmError::ProtectedControl(_))));
        assert!(matches!(treatment("a=loopback?spun=1"), Err(ArmError::Option(_))));
        for spin in ["0.5", "101", "NaN", "x"] {
            assert!(matches!(
                treatment(&format!("a=loopback?spin={spin}")),
                Err(ArmError::Spin(_))
            ));
        }
        let twice = [treatment("a=loopback").unwrap(), treatment("a=loopback").unwrap()];
        assert_eq!(check_names(&twice), Err(ArmError::Duplicate("a".into())));
    }
}
