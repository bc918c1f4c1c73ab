//! Where an arm runs, as the user writes it: `loopback`, `qemu:TREATMENT` or
//! `ssh://user@host:port?key=PATH`.

use crate::percent::{decode, user, value};
use crate::qemu::{MachineSettings, QemuMachine, SettingError};
use crate::treatment::UnknownTreatment;
use std::collections::HashSet;
use std::ffi::CStr;
use std::fmt;
use std::path::PathBuf;
use thiserror::Error;
use url::{Host, Url};

const FORM: &str = "write loopback, qemu:nosev, or ssh://user@host:port[?key=PATH]";
const SSH_PORT: u16 = 22;
/// The longest entry of the user database.
const USER_ENTRY_LEN_MAX: usize = 16 << 10;

/// Where an arm runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A child process that stands in for a guest.
    Loopback,
    /// A machine that QEMU runs.
    Qemu(Box<QemuMachine>),
    /// A machine reached over SSH.
    Ssh(SshAddress),
}

/// A machine reached over SSH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshAddress {
    /// The account.
    pub user: String,
    /// Host name or IP address, IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The private key file; `None` for the SSH agent and the default identities.
    pub key: Option<PathBuf>,
    /// The known_hosts file; `None` for the user's and the system's.
    pub known_hosts: Option<PathBuf>,
    /// Where the executable goes; `None` for `sevbench` in the account's cache folder.
    pub directory: Option<String>,
}

/// Options of an address that this package does not know, in order.
pub type Options = Vec<(String, String)>;

/// An address that is not valid.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AddressError {
    /// It does not have the right form.
    #[error("`{text}` is not a valid address ({reason}): {FORM}")]
    Form {
        /// What was written.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It holds a password.
    #[error(
        "an address must not hold a password, since others can read it: use ?key=PATH or the SSH \
         agent"
    )]
    Password,
    /// There is no such treatment.
    #[error(transparent)]
    Treatment(#[from] UnknownTreatment),
    /// A setting of the machine is not valid.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The address has no user name, and the name of this process's user is not known.
    #[error(
        "no user in `{0}`, and this process's user is not known: write ssh://user@host, or set USER"
    )]
    NoUser(String),
}

impl Address {
    /// Parses an address. Options that this package does not know are returned with it.
    ///
    /// ```
    /// use sevbench_guest::Address;
    ///
    /// let (address, options) = Address::parse("loopback?spin=1.10").unwrap();
    /// assert_eq!(address, Address::Loopback);
    /// assert_eq!(options, [("spin".to_owned(), "1.10".to_owned())]);
    /// ```
    ///
    /// # Errors
    /// If the text is not a valid address.
    pub fn parse(text: &str) -> Result<(Self, Options), AddressError> {
        Self::parse_with(text, &MachineSettings::default())
    }

    /// As [`Address::parse`], with these settings for a machine that QEMU runs, unless the address
    /// sets others.
    ///
    /// # Errors
    /// As [`Address::parse`].
    pub fn parse_with(
        text: &str,
        settings: &MachineSettings,
    ) -> Result<(Self, Options), AddressError> {
        let wrong = |reason: &str| AddressError::Form {
            text: without_password(text),
            reason: reason.into(),
        };
        let (place, query) =
            text.split_once('?').map_or((text, None), |(place, query)| (place, Some(query)));
        let options = parse_options(query, &wrong)?;
        if place == "loopback" {
            return Ok((Self::Loopback, options));
        }
        if let Some(treatment) = place.strip_prefix("qemu:") {
            return Self::parse_qemu(treatment, options, settings);
        }
        // As ssh takes it.
        let with_scheme = format!("ssh://{text}");
        let is_bare = place.contains('@') && !place.contains("://");
        let url = if is_bare { with_scheme.as_str() } else { text };
        let url = Url::parse(url).map_err(|error| match error {
            url::ParseError::RelativeUrlWithoutBase => wrong("it has no scheme"),
            error => wrong(&error.to_string()),
        })?;
        if url.scheme() != "ssh" {
            return Err(wrong("the scheme is not ssh"));
        }
        if url.password().is_some() {
            return Err(AddressError::Password);
        }
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(wrong("nothing but options may follow the port"));
        }
        let host = match url.host() {
            Some(Host::Ipv6(number)) => number.to_string(),
            Some(host) => host.to_string(),
            None => String::new(),
        };
        if host.is_empty() || host.starts_with('-') {
            return Err(wrong("it names no host"));
        }
        let user = match decode(url.username()).ok_or_else(|| wrong("the user is not UTF-8"))? {
            user if user.is_empty() => {
                default_user().ok_or_else(|| AddressError::NoUser(text.into()))?
            }
            user => user,
        };
        let port = url.port().unwrap_or(SSH_PORT);
        if port == 0 {
            return Err(wrong("port 0 cannot be reached"));
        }
        let mut ssh =
            SshAddress { user, host, port, key: None, known_hosts: None, directory: None };
        let rest =
            options.into_iter().filter(|(name, value)| !ssh.take_option(name, value)).collect();
        Ok((Self::Ssh(ssh), rest))
    }

    fn parse_qemu(
        treatment: &str,
        options: Options,
        settings: &MachineSettings,
    ) -> Result<(Self, Options), AddressError> {
        let mut machine = QemuMachine::new(treatment.parse()?, settings.clone());
        let mut rest = Options::new();
        for (name, value) in options {
            if !machine.take_option(&name, &value)? {
                rest.push((name, value));
            }
        }
        Ok((Self::Qemu(Box::new(machine)), rest))
    }

    /// The machine, if QEMU runs it.
    pub fn machine(&self) -> Option<&QemuMachine> {
        match self {
            Self::Qemu(machine) => Some(machine),
            Self::Loopback | Self::Ssh(_) => None,
        }
    }

    /// Whether sevbench starts the guest anew for each boot, instead of only reconnecting.
    pub const fn is_rebooted_by_us(&self) -> bool {
        matches!(self, Self::Loopback | Self::Qemu(_))
    }
}

impl SshAddress {
    fn take_option(&mut self, name: &str, value: &str) -> bool {
        match name {
            "key" => self.key = Some(expand_home(value)),
            "known_hosts" => self.known_hosts = Some(expand_home(value)),
            "dir" => self.directory = Some(value.into()),
            _ => return false,
        }
        true
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ssh = match self {
            Self::Loopback => return f.write_str("loopback"),
            Self::Qemu(machine) => return machine.fmt(f),
            Self::Ssh(ssh) => ssh,
        };
        let host =
            if ssh.host.contains(':') { format!("[{}]", ssh.host) } else { ssh.host.clone() };
        write!(f, "ssh://{}@{host}:{}", user(&ssh.user), ssh.port)?;
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let options = [
            ("key", path(&ssh.key)),
            ("known_hosts", path(&ssh.known_hosts)),
            ("dir", ssh.directory.clone()),
        ];
        let mut mark = '?';
        for (name, set) in options {
            if let Some(text) = set {
                write!(f, "{mark}{name}={}", value(&text))?;
                mark = '&';
            }
        }
        Ok(())
    }
}

fn parse_options(
    query: Option<&str>,
    wrong: &impl Fn(&str) -> AddressError,
) -> Result<Options, AddressError> {
    let mut options = Options::new();
    let mut seen = HashSet::new();
    for part in query.into_iter().flat_map(|query| query.split('&')) {
        let (name, value) =
            part.split_once('=').ok_or_else(|| wrong("an option has the form name=value"))?;
        let value = decode(value).ok_or_else(|| wrong("an option is not UTF-8"))?;
        if name.is_empty() || value.is_empty() {
            return Err(wrong("an option has the form name=value"));
        }
        if !seen.insert(name) {
            return Err(wrong(&format!("the option {name} is given twice")));
        }
        options.push((name.into(), value));
    }
    Ok(options)
}

/// The text with its password hidden.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    match authority.rsplit_once('@').map(|(user, host)| (user.split_once(':'), host)) {
        Some((Some((user, _)), host)) => format!("{scheme}://{user}:***@{host}{tail}"),
        _ => text.to_owned(),
    }
}

/// The name of the account that this process runs as: from the environment or, as in containers
/// that set neither variable, from the user database.
fn default_user() -> Option<String> {
    let named = |name: &&str| std::env::var(name).ok().filter(|user| !user.is_empty());
    ["USER", "LOGNAME"].iter().find_map(named).or_else(user_of_process)
}

fn user_of_process() -> Option<String> {
    let mut entry: libc::passwd;
    let mut texts = [0; USER_ENTRY_LEN_MAX];
    let mut found = std::ptr::null_mut();
    // SAFETY: zeroes are a valid entry. All pointers are valid for the call, which writes the texts
    // of the entry into `texts` and keeps no pointer. If `found` is not null, `pw_name` is a string
    // in `texts`, which outlives its use.
    unsafe {
        entry = std::mem::zeroed();
        let (id, buffer) = (libc::geteuid(), texts.as_mut_ptr());
        libc::getpwuid_r(id, &raw mut entry, buffer, texts.len(), &raw mut found);
        if found.is_null() {
            return None;
        }
        CStr::from_ptr(entry.pw_name).to_str().ok().map(str::to_owned)
    }
}

fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => path.into(),
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
