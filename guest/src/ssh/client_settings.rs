//! What OpenSSH's client would do for an address. Its configuration files are read by the client
//! itself, since only it knows all of their rules: `ssh -G` prints what it makes of them.

use super::error::SshError;
use super::tokens::{Tokens, expand_environment};
use super::user::default_user;
use crate::address::{ClientConfig, SshAddress};
use crate::escape;
use crate::home::{expand_home, home};
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
/// The longest output of the client.
const OUTPUT_LEN_MAX: usize = 1 << 20;

/// The default identities of the client, where it is not installed.
const IDENTITIES: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];
/// The known_hosts files of the client, where it is not installed.
const KNOWN_HOSTS: [&str; 2] = ["~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"];

/// Settings that change the connection, the login or what is trusted, and that we do not use.
const UNUSED: [&str; 21] = [
    "AddressFamily",
    "BindAddress",
    "BindInterface",
    "CertificateFile",
    "Ciphers",
    "Compression",
    "HostKeyAlgorithms",
    "HostbasedAuthentication",
    "IPQoS",
    "KexAlgorithms",
    "KnownHostsCommand",
    "LocalCommand",
    "MACs",
    "PKCS11Provider",
    "ProxyUseFdpass",
    "PubkeyAcceptedAlgorithms",
    "RekeyLimit",
    "RemoteCommand",
    "RevokedHostKeys",
    "SetEnv",
    "StrictHostKeyChecking",
];

/// How to reach and log in to a machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClientSettings {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    /// The name of the host in known_hosts files, if it is not that of host and port.
    pub(crate) host_key_alias: Option<String>,
    pub(crate) known_hosts: Vec<PathBuf>,
    pub(crate) identities: Vec<PathBuf>,
    /// Whether the SSH agent's other keys are not offered.
    pub(crate) identities_only: bool,
    pub(crate) agent: AgentSocket,
    pub(crate) proxy: Option<ProxyCommand>,
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
    /// Asks the client, if it is installed. What the address says comes first.
    pub(crate) fn resolve(address: &SshAddress, interrupt: &Interrupt) -> Result<Self, SshError> {
        let mut settings = if is_installed(CLIENT) {
            let printed = ask_client(address, address.config.argument(), interrupt)?;
            Self::parse(&printed, address)?
        } else {
            Self::without_client(address)?
        };
        if let Some(file) = &address.known_hosts {
            settings.known_hosts = vec![file.clone()];
        }
        Ok(settings)
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

    /// Without the client there is no configuration, unless the user has one.
    fn without_client(address: &SshAddress) -> Result<Self, SshError> {
        let users = home().join(".ssh/config");
        match &address.config {
            ClientConfig::File(file) => return Err(SshError::NoClient { file: file.clone() }),
            ClientConfig::Usual if users.exists() => {
                return Err(SshError::NoClient { file: users });
            }
            ClientConfig::Usual | ClientConfig::Nothing => {}
        }
        let user = address.user.clone().or_else(default_user);
        Ok(Self {
            host: address.host.clone(),
            port: address.port.unwrap_or(DEFAULT_PORT),
            user: user.ok_or_else(|| SshError::NoUser { host: address.host.clone() })?,
            host_key_alias: None,
            known_hosts: KNOWN_HOSTS.map(expand_home).to_vec(),
            identities: IDENTITIES.map(|name| home().join(".ssh").join(name)).to_vec(),
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
        let get = |name: &str| set(name).ok_or_else(|| wrong(format!("it names no {name}")));
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
        let known_hosts = ["UserKnownHostsFile", "GlobalKnownHostsFile"]
            .into_iter()
            .filter_map(set)
            .flat_map(str::split_whitespace)
            .map(expand_home)
            .collect();
        let identities = values(printed, "IdentityFile")
            .filter(|file| *file != "none")
            .map(|file| {
                let file = expand_environment(file).map_err(|error| wrong(error.to_string()))?;
                Ok(expand_home(&expand(&file)?))
            })
            .collect::<Result<_, SshError>>()?;
        let agent = match values(printed, "IdentityAgent").next() {
            None | Some("SSH_AUTH_SOCK") => AgentSocket::Environment,
            Some("none") => AgentSocket::Unused,
            Some(path) => match path.strip_prefix('$') {
                Some(variable) => std::env::var_os(variable)
                    .map_or(AgentSocket::Unused, |path| AgentSocket::Path(path.into())),
                None => AgentSocket::Path(expand_home(path)),
            },
        };
        let proxy = match (set("ProxyJump"), set("ProxyCommand")) {
            (Some(hops), _) => {
                Some(ProxyCommand::jump(hops, (&host, port), address.config.argument()))
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
            known_hosts,
            identities,
            agent,
            proxy,
        })
    }
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
        let last = if last.contains("://") { last.into() } else { format!("ssh://{last}") };
        arguments.extend(["-W".into(), format!("[{host}]:{port}"), "--".into(), last]);
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
            let reason = said.lines().last().unwrap_or("it does not say why").to_owned();
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
