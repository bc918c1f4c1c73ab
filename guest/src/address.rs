//! Where an arm runs, as the user writes it: `loopback`, `qemu:TREATMENT` or
//! `ssh://user@host:port?key=PATH`.

use crate::percent::{decode, user, value};
use crate::qemu::{MachineSettings, QemuMachine, SettingError};
use crate::treatment::UnknownTreatment;
use crate::typed_folder::resolve;
use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use thiserror::Error;
use url::{Host, Url};

const FORM: &str = "write loopback, qemu:nosev, or ssh://[user@]host[:port][?key=PATH]";

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

/// A machine reached over SSH. Anything it omits comes from OpenSSH's client
/// configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshAddress {
    /// The account.
    pub user: Option<String>,
    /// Host name, IP address (IPv6 without brackets), or a `Host` alias from that configuration.
    pub host: String,
    /// The port.
    pub port: Option<u16>,
    /// The file of the only key to offer: a private key, or a public key whose private key
    /// the SSH agent holds.
    pub key: Option<PathBuf>,
    /// The known_hosts file.
    pub known_hosts: Option<PathBuf>,
    /// The client's configuration.
    pub config: ClientConfig,
    /// Where the executable goes; `None` for `sevbench` in the account's cache folder.
    pub directory: Option<String>,
}

/// Which configuration OpenSSH's client reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientConfig {
    /// The user's and the system's.
    #[default]
    Usual,
    /// None, as with `ssh -F none`.
    Nothing,
    /// This file alone, as with `ssh -F FILE`.
    File(PathBuf),
}

/// What an address says for [`ClientConfig::Nothing`].
const NO_CONFIG: &str = "none";

impl ClientConfig {
    /// The argument of `ssh -F`; `None` if it does not need one.
    pub(crate) fn argument(&self) -> Option<&Path> {
        match self {
            Self::Usual => None,
            Self::Nothing => Some(Path::new(NO_CONFIG)),
            Self::File(file) => Some(file),
        }
    }
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
        "do not put a password into an address, since other users can see it: use ?key=PATH or the \
         SSH agent"
    )]
    Password,
    /// There is no such treatment.
    #[error(transparent)]
    Treatment(#[from] UnknownTreatment),
    /// A setting of the machine is not valid.
    #[error(transparent)]
    Setting(#[from] SettingError),
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
        if text.contains(char::is_control) {
            return Err(wrong("it holds a control character"));
        }
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
        let (url, zone) = split_zone(url).map_err(wrong)?;
        let url = Url::parse(&url).map_err(|error| match error {
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
        let host = match (url.host(), zone) {
            (Some(Host::Ipv6(number)), Some(zone)) => format!("{number}%{zone}"),
            (Some(Host::Ipv6(number)), None) => number.to_string(),
            (Some(_), Some(_)) => return Err(wrong("only an IPv6 address has a zone")),
            (Some(host), None) => host.to_string(),
            (None, _) => String::new(),
        };
        if host.is_empty() || host.starts_with('-') {
            return Err(wrong("it names no host"));
        }
        // A URL escapes what is not ASCII.
        if host.contains('%') && !host.contains(':') {
            return Err(wrong(
                "the host name is not valid: write letters beyond ASCII in Punycode (xn--…)",
            ));
        }
        let user = decode(url.username()).ok_or_else(|| wrong("the user is not UTF-8"))?;
        // It is an argument of OpenSSH's client, and a line of what that prints.
        if user.starts_with('-') || user.contains(char::is_control) {
            return Err(wrong("the user's name is not valid"));
        }
        let user = Some(user).filter(|user| !user.is_empty());
        let port = url.port();
        if port == Some(0) {
            return Err(wrong("port 0 cannot be reached"));
        }
        let (key, known_hosts, directory) = (None, None, None);
        let config = ClientConfig::Usual;
        let mut ssh = SshAddress { user, host, port, key, known_hosts, config, directory };
        let rest =
            options.into_iter().filter(|(name, value)| !ssh.take_option(name, value)).collect();
        Ok((Self::Ssh(ssh), rest))
    }

    /// Makes its relative paths count from `folder`.
    pub fn resolve_paths(&mut self, folder: &Path) {
        match self {
            Self::Loopback => {}
            Self::Qemu(machine) => machine.settings.resolve_paths(folder),
            Self::Ssh(ssh) => {
                resolve(folder, [&mut ssh.key, &mut ssh.known_hosts]);
                if let ClientConfig::File(file) = &mut ssh.config {
                    *file = folder.join(&*file);
                }
            }
        }
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
            "config" if value == NO_CONFIG => self.config = ClientConfig::Nothing,
            "config" => self.config = ClientConfig::File(expand_home(value)),
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
        let host = if ssh.host.contains(':') {
            format!("[{}]", ssh.host.replace('%', "%25"))
        } else {
            ssh.host.clone()
        };
        f.write_str("ssh://")?;
        if let Some(name) = &ssh.user {
            write!(f, "{}@", user(name))?;
        }
        f.write_str(&host)?;
        if let Some(port) = ssh.port {
            write!(f, ":{port}")?;
        }
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let options = [
            ("key", path(&ssh.key)),
            ("known_hosts", path(&ssh.known_hosts)),
            ("config", ssh.config.argument().map(|path| path.display().to_string())),
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

/// Removes an IPv6 zone, which the `url` crate rejects: `[fe80::1%25eth0]`, or without the `25`.
fn split_zone(url: &str) -> Result<(String, Option<String>), &'static str> {
    let end = url.find('?').unwrap_or(url.len());
    let bracket = |char| url[..end].find(char);
    let (Some(start), Some(end)) = (bracket('['), bracket(']')) else {
        return Ok((url.into(), None));
    };
    let Some((number, zone)) = url.get(start..end).and_then(|text| text.split_once('%')) else {
        return Ok((url.into(), None));
    };
    let zone = zone.strip_prefix("25").unwrap_or(zone);
    let is_valid = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | '-');
    if zone.is_empty() || !zone.chars().all(is_valid) {
        return Err("the IPv6 zone is not valid: write it as in [fe80::1%eth0]");
    }
    Ok((format!("{}{number}{}", &url[..start], &url[end..]), Some(zone.into())))
}

/// As a shell reads `~/`.
fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => path.into(),
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
        if name == "dir" && value.contains(char::is_control) {
            return Err(wrong("the name of the folder `dir` holds a control character"));
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

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
