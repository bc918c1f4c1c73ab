//! What OpenSSH's client would do for an address. Its configuration files are read by the client
//! itself, since only it knows all of their rules: `ssh -G` prints what it makes of them.

use super::error::SshError;
use super::tokens::Tokens;
use crate::account::{Account, expand_tilde};
use crate::address::{ClientConfig, SshAddress};
use crate::escape;
use crate::limits::Interrupt;
use crate::trusted_file::GuardedText;
use sevbench_process::{Capture, Program, ProgramError, is_installed};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const CLIENT: &str = "ssh";
const DEFAULT_PORT: u16 = 22;
/// How long the client may take. A `Match exec` of the configuration runs a program.
const LIMIT: Duration = Duration::from_secs(10);
/// How many lines of an error are shown.
const ERROR_LINES_MAX: usize = 4;
/// The longest output of the client.
const OUTPUT_LEN_MAX: usize = 1 << 20;

/// The default identities, used if the client is not installed.
const IDENTITIES: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];
/// The known_hosts files, used if the client is not installed.
const KNOWN_HOSTS: &str = "~/.ssh/known_hosts";
const SYSTEM_KNOWN_HOSTS: &str = "/etc/ssh/ssh_known_hosts";

/// Settings that change the connection, the login or what is trusted, and that we do not use.
const UNUSED: [&str; 29] = [
    "AddressFamily",
    "BindAddress",
    "BindInterface",
    "CertificateFile",
    "Ciphers",
    "Compression",
    "ControlPath",
    "HostKeyAlgorithms",
    "HostbasedAuthentication",
    "IPQoS",
    "KexAlgorithms",
    "KnownHostsCommand",
    "LocalCommand",
    "MACs",
    "NoHostAuthenticationForLocalhost",
    "PKCS11Provider",
    "PreferredAuthentications",
    "ProxyUseFdpass",
    "PubkeyAcceptedAlgorithms",
    "PubkeyAuthentication",
    "RekeyLimit",
    "RemoteCommand",
    "RequiredRSASize",
    "SecurityKeyProvider",
    "ServerAliveInterval",
    "SetEnv",
    "StrictHostKeyChecking",
    "TCPKeepAlive",
    "VerifyHostKeyDNS",
];

/// How to reach and log in to a machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClientSettings {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    /// The name of the host in known_hosts files, if it differs from `[host]:port`.
    pub(crate) host_key_alias: Option<String>,
    /// The user's known_hosts files.
    pub(crate) known_hosts: Vec<PathBuf>,
    /// Those of the system.
    pub(crate) system_known_hosts: Vec<PathBuf>,
    pub(crate) identities: Vec<Identity>,
    /// The limit for a connection, if it is set.
    pub(crate) connect_limit: Option<Duration>,
    /// Whether to offer only those keys of the SSH agent that an identity file names.
    pub(crate) identities_only: bool,
    pub(crate) agent: AgentSocket,
    pub(crate) proxy: Option<ProxyCommand>,
}

/// A key to offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// That in this file, if there is one.
    File(PathBuf),
    /// A file whose name is not known, and why.
    Unknown(String),
}

/// Where the SSH agent listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AgentSocket {
    /// It is not to be used.
    Unused,
    /// Where the environment says.
    Environment,
    /// Here.
    Path(PathBuf),
}

/// A program whose standard streams are the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProxyCommand {
    /// Another client, with these arguments.
    Client(Vec<String>),
    /// A line for the user's shell.
    Shell(String),
}

impl ClientSettings {
    /// Asks the client, if it is installed. The address takes precedence.
    pub(crate) fn resolve(address: &SshAddress, interrupt: &Interrupt) -> Result<Self, SshError> {
        if is_installed(CLIENT) {
            let printed = ask_client(address, address.config.argument(), interrupt)?;
            Self::parse(&printed, address)
        } else {
            Self::without_client(address)
        }
    }

    /// The configuration's settings for this address that change what the client would do and
    /// that we do not use.
    pub(crate) fn unused(
        address: &SshAddress,
        interrupt: &Interrupt,
    ) -> Result<Vec<&'static str>, SshError> {
        if !is_installed(CLIENT) {
            return Ok(Vec::new());
        }
        let printed = ask_client(address, address.config.argument(), interrupt)?;
        let default = ask_client(address, ClientConfig::Nothing.argument(), interrupt)?;
        let is_set = |name: &&str| values(&printed, name).ne(values(&default, name));
        Ok(UNUSED.into_iter().filter(is_set).collect())
    }

    /// Without the client, the defaults apply. Fails if the user has a configuration, since nothing
    /// can read it.
    fn without_client(address: &SshAddress) -> Result<Self, SshError> {
        let account = Account::of_process();
        let folder = account.as_ref().map_or_else(PathBuf::new, |one| one.home.join(".ssh"));
        let users = folder.join("config");
        match &address.config {
            ClientConfig::File(file) => return Err(SshError::NoClient { file: file.clone() }),
            ClientConfig::Usual if users.exists() => {
                return Err(SshError::NoClient { file: users });
            }
            ClientConfig::Usual | ClientConfig::Nothing => {}
        }
        let user = address.user.clone().or(account.map(|account| account.name));
        Ok(Self {
            host: address.host.clone(),
            port: address.port.unwrap_or(DEFAULT_PORT),
            user: user.ok_or_else(|| SshError::NoUser { host: address.host.clone() })?,
            host_key_alias: None,
            known_hosts: vec![expand_tilde(KNOWN_HOSTS)],
            system_known_hosts: vec![SYSTEM_KNOWN_HOSTS.into()],
            identities: IDENTITIES.map(|name| Identity::File(folder.join(name))).to_vec(),
            connect_limit: None,
            identities_only: false,
            agent: AgentSocket::Environment,
            proxy: None,
        })
    }

    fn parse(printed: &str, address: &SshAddress) -> Result<Self, SshError> {
        let wrong = |reason: String| SshError::ClientSettings {
            host: address.host.clone(),
            reason: escape::for_terminal(&reason),
        };
        let set = |name: &str| values(printed, name).next().filter(|value| *value != "none");
        if let Some(file) = set("RevokedHostKeys") {
            return Err(wrong(format!(
                "its configuration sets RevokedHostKeys to {file}, which sevbench cannot check: use \
                 @revoked lines in known_hosts, or another configuration with ?config=FILE"
            )));
        }
        let get =
            |name: &str| set(name).ok_or_else(|| wrong(format!("`ssh -G` printed no {name}")));
        let port = get("Port")?;
        let port = port.parse().map_err(|_| wrong(format!("the port is `{port}`")))?;
        let (host, user) = (get("HostName")?.to_owned(), get("User")?.to_owned());
        let host_key_alias = set("HostKeyAlias").map(str::to_owned);
        let tokens = Tokens {
            host: &host,
            original_host: &address.host,
            port,
            user: &user,
            key_name: host_key_alias.as_deref().unwrap_or(&address.host),
        };
        let expand = |text: &str| tokens.expand(text).map_err(|error| wrong(error.to_string()));
        let paths_in = |name: &str| set(name).map(paths).unwrap_or_default();
        // A file whose name we cannot tell is as good as absent, and named as such.
        let identities = values(printed, "IdentityFile")
            .filter(|file| *file != "none")
            .map(|file| match tokens.expand_with_environment(file) {
                Ok(path) => Identity::File(expand_tilde(&path)),
                Err(error) => Identity::Unknown(error.to_string()),
            })
            .collect();
        let agent = match values(printed, "IdentityAgent").next() {
            None | Some("SSH_AUTH_SOCK") => AgentSocket::Environment,
            Some("none") => AgentSocket::Unused,
            Some(path) => match path.strip_prefix('$') {
                Some(variable) => std::env::var_os(variable)
                    .map_or(AgentSocket::Unused, |path| AgentSocket::Path(path.into())),
                None => AgentSocket::Path(expand_tilde(path)),
            },
        };
        let proxy = match (set("ProxyJump"), set("ProxyCommand")) {
            (Some(hops), _) => {
                let hops = expand(hops)?;
                Some(ProxyCommand::jump(&hops, (&host, port), address.config.argument()))
            }
            (None, Some(command)) => Some(ProxyCommand::Shell(expand(command)?)),
            (None, None) => None,
        };
        Ok(Self {
            identities_only: set("IdentitiesOnly") == Some("yes"),
            host,
            port,
            user,
            host_key_alias,
            known_hosts: paths_in("UserKnownHostsFile"),
            system_known_hosts: paths_in("GlobalKnownHostsFile"),
            identities,
            connect_limit: set("ConnectTimeout")
                .and_then(|seconds| seconds.parse().ok())
                .map(Duration::from_secs),
            agent,
            proxy,
        })
    }
}

/// The paths in a list that the client prints without quotes. Each is absolute, so a word that does
/// not look like that belongs to the path before it.
fn paths(list: &str) -> Vec<PathBuf> {
    let mut paths: Vec<String> = Vec::new();
    for word in list.split(' ') {
        match paths.last_mut() {
            Some(path) if !word.starts_with(['/', '~']) => *path += &format!(" {word}"),
            _ => paths.push(word.into()),
        }
    }
    paths.iter().map(|path| expand_tilde(path)).collect()
}

impl ProxyCommand {
    /// As the client does for `ProxyJump`: another client forwards the connection from the last
    /// hop. It must not ask questions, since nobody sees them.
    fn jump(hops: &str, (host, port): (&str, u16), config: Option<&Path>) -> Self {
        let mut arguments: Vec<String> = vec!["-o".into(), "BatchMode=yes".into()];
        if let Some(config) = config {
            arguments.extend(["-F".into(), config.display().to_string()]);
        }
        let last = match hops.rsplit_once(',') {
            Some((before, last)) => {
                arguments.extend(["-J".into(), before.into()]);
                last
            }
            None => hops,
        };
        let (user, place) = match last.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, last),
        };
        if let Some(user) = user {
            arguments.extend(["-l".into(), user.into()]);
        }
        let (hop, hop_port) = host_and_port(place);
        if let Some(port) = hop_port {
            arguments.extend(["-p".into(), port.into()]);
        }
        arguments.extend(["-W".into(), format!("[{host}]:{port}"), "--".into(), hop.into()]);
        Self::Client(arguments)
    }

    /// The command that runs it.
    pub(super) fn command(&self) -> Command {
        match self {
            Self::Client(arguments) => {
                let mut command = Command::new(CLIENT);
                command.args(arguments);
                command
            }
            Self::Shell(line) => {
                let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
                let mut command = Command::new(shell.unwrap_or_else(|| "/bin/sh".into()));
                command.arg("-c").arg(format!("exec {line}"));
                command
            }
        }
    }
}

impl fmt::Display for ProxyCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(arguments) => write!(f, "{CLIENT} {}", arguments.join(" ")),
            Self::Shell(line) => f.write_str(line),
        }
    }
}

/// The host of a hop, and its port if it has one. An IPv6 address with a port is in brackets.
fn host_and_port(hop: &str) -> (&str, Option<&str>) {
    if let Some((host, after)) = hop.strip_prefix('[').and_then(|hop| hop.split_once(']')) {
        return (host, after.strip_prefix(':'));
    }
    match hop.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (hop, None),
    }
}

/// What the client makes of the configuration for an address.
fn ask_client(
    address: &SshAddress,
    config: Option<&Path>,
    interrupt: &Interrupt,
) -> Result<String, SshError> {
    let mut command = Command::new(CLIENT);
    command.arg("-G");
    if let Some(config) = config {
        command.arg("-F").arg(config);
    }
    if let Some(user) = &address.user {
        command.arg("-l").arg(user);
    }
    if let Some(port) = address.port {
        command.arg("-p").arg(port.to_string());
    }
    command.arg("--").arg(&address.host);
    let host = address.host.clone();
    let is_cancelled = || interrupt.is_set();
    let run = Program::new(&mut command, LIMIT)
        .stdout(Capture::All(OUTPUT_LEN_MAX))
        .cancel_if(&is_cancelled)
        .run();
    match run {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => {
            let said = escape::for_terminal(&output.stderr);
            let useful = |line: &&str| !line.starts_with("Pseudo-terminal");
            let lines: Vec<&str> = said.lines().filter(useful).take(ERROR_LINES_MAX).collect();
            let reason = if lines.is_empty() { "it says nothing".into() } else { lines.join("; ") };
            Err(SshError::ClientSettings { host, reason })
        }
        Err(ProgramError::Cancelled { .. }) => Err(SshError::Interrupted),
        Err(error) => Err(SshError::ClientSettings { host, reason: error.to_string() }),
    }
}

/// The values of a setting, in order.
fn values<'a>(printed: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    printed
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// Refuses a configuration that somebody else can change, since it can name programs to run. The
/// client checks the user's own itself.
pub(crate) fn check_configuration(file: &Path) -> Result<(), SshError> {
    let unusable = |reason: String| SshError::Configuration { file: file.into(), reason };
    let guarded = GuardedText::read(file).map_err(|error| unusable(error.to_string()))?;
    guarded.distrust.map_or(Ok(()), |distrust| Err(unusable(distrust.to_string())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use crate::address::Address;

    #[test]
    fn hop_is_taken_apart_as_by_openssh() {
        let jump = |hops: &str| ProxyCommand::jump(hops, ("h", 22), None).to_string();
        let prefix = "ssh -o BatchMode=yes";
        for (hops, rest) in [
            ("gate", "-W [h]:22 -- gate"),
            ("me@gate:2200", "-l me -p 2200 -W [h]:22 -- gate"),
            ("u@v@[::1]:1", "-l u@v -p 1 -W [h]:22 -- ::1"),
            ("fe80::1", "-W [h]:22 -- fe80::1"),
            ("a,b@c:3,last", "-J a,b@c:3 -W [h]:22 -- last"),
        ] {
            assert_eq!(jump(hops), format!("{prefix} {rest}"));
        }
    }

    #[test]
    fn list_of_paths_may_hold_spaces() {
        assert_eq!(paths("/a b/k /c"), ["/a b/k", "/c"].map(PathBuf::from));
        assert_eq!(paths("/k"), [PathBuf::from("/k")]);
    }

    #[test]
    fn printed_settings_are_parsed() {
        let (address, _) = Address::parse("ssh://lab").unwrap();
        let Address::Ssh(address) = address else { panic!("not by ssh") };
        let text = "host lab\nuser me\nhostname lab.example\nport 2200\nidentitiesonly yes\n\
                    identityfile /k/%h\nidentityfile /k/%C\nidentityagent none\n\
                    userknownhostsfile /a /b\nglobalknownhostsfile none\nconnecttimeout 7\n\
                    proxycommand nc %h %p\nhostkeyalias none\n";
        let settings = ClientSettings::parse(text, &address).unwrap();
        assert_eq!(
            (settings.host.as_str(), settings.port, settings.user.as_str()),
            ("lab.example", 2200, "me")
        );
        assert!(settings.identities_only && settings.agent == AgentSocket::Unused);
        assert_eq!(settings.identities[0], Identity::File("/k/lab.example".into()));
        assert!(matches!(&settings.identities[1], Identity::Unknown(why) if why.contains("%C")));
        assert_eq!(settings.known_hosts.len(), 2);
        assert!(settings.system_known_hosts.is_empty() && settings.host_key_alias.is_none());
        assert_eq!(settings.connect_limit, Some(Duration::from_secs(7)));
        assert_eq!(settings.proxy, Some(ProxyCommand::Shell("nc lab.example 2200".into())));
        assert!(ClientSettings::parse("host lab\n", &address).is_err());
        let revoking = text.to_owned() + "revokedhostkeys /x\n";
        assert!(ClientSettings::parse(&revoking, &address).is_err());
    }
}
