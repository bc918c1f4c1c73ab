//! What can go wrong between us and a machine reached over SSH.

use super::algorithms::AlgorithmKind;
use super::ending::Ending;
use crate::executable::{Architecture, DynamicExecutable};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

/// A machine that could not be reached over SSH, or that did not do what it was asked to do. If the
/// user can fix it, the message ends with what to type.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the fields are in the messages, and named by what they hold")]
pub enum SshError {
    /// The name does not resolve.
    #[error(
        "cannot resolve the host name `{host}` ({reason}): check the name, or write its IP address"
    )]
    NoSuchHost { host: String, reason: String },
    /// OpenSSH's client does not say how it would reach the host.
    #[error("cannot use the SSH configuration of {host}: {reason}")]
    ClientSettings { host: String, reason: String },
    /// There is a configuration for OpenSSH's client, but no client to read it.
    #[error(
        "reading {} requires OpenSSH's client: type `apt-get install openssh-client`, or use \
         ?config=none",
        file.display()
    )]
    NoClient { file: PathBuf },
    /// A configuration of OpenSSH's client cannot be used.
    #[error("cannot use the SSH configuration {}: {reason}", file.display())]
    Configuration { file: PathBuf, reason: String },
    /// The address has no user name, and the name of this process's user is not known.
    #[error(
        "no user name for {host}, and the current user's name is unknown: write it as in \
         ssh://root@{host}, or set the environment variable USER"
    )]
    NoUser { host: String },
    /// The program that leads to the host failed.
    #[error("cannot reach {host} through `{command}`: {reason}")]
    Proxy { host: String, command: String, reason: String },
    /// Nothing listens on the port.
    #[error(
        "{host} refuses connections on port {port}: start its SSH server, or name the port it \
         listens on: ssh://user@{}:PORT",
        in_brackets(host)
    )]
    Refused { host: String, port: u16 },
    /// Nothing answers at the address.
    #[error(
        "{host} port {port} does not answer within {} s: check that the machine is up and no \
         firewall is in between; try `ssh -v -p {port} {host}`",
        limit.as_secs_f64()
    )]
    ConnectTimedOut { host: String, port: u16, limit: Duration },
    /// There is no route to the address, or the connection failed in another way.
    #[error("cannot connect to {host} port {port}: {source}; try `ssh -v -p {port} {host}`")]
    Connect { host: String, port: u16, source: io::Error },
    /// The server accepts the connection and then stays silent.
    #[error(
        "{host} port {port} did not complete {step} within {} s: check that it is an SSH server; try \
         `ssh -v -p {port} {host}`",
        limit.as_secs_f64()
    )]
    Silent { host: String, port: u16, step: &'static str, limit: Duration },
    /// The other side is not an SSH server, or does something that we do not understand.
    #[error(
        "{host} port {port} accepted the connection, but {step} failed: {reason}; check that it is an \
         SSH server; try `ssh -v -p {port} {host}`"
    )]
    Handshake { host: String, port: u16, step: &'static str, reason: String },
    /// Client and server have no algorithm of this kind in common.
    #[error(
        "{host} and sevbench have no {kind} in common: the server offers {theirs}; sevbench \
         supports {ours}; add one that sevbench supports to {} in the server's sshd_config",
        kind.setting()
    )]
    NoCommonAlgorithm { host: String, kind: AlgorithmKind, ours: String, theirs: String },
    /// No known_hosts file has the host's key.
    #[error(
        "the host key of {host} is unknown (fingerprint {fingerprint}): compare it with the output \
         of `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` (or the like) on the host itself, \
         then type `{add}`"
    )]
    HostKeyUnknown { host: String, fingerprint: String, add: String },
    /// Only a certificate authority of the host is known.
    #[error(
        "{} trusts {host} only through a certificate authority (@cert-authority), and sevbench \
         cannot check host certificates: compare the fingerprint {fingerprint} with the output of \
         `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` (or the like) on the host itself, then \
         {add}",
        known_hosts.display()
    )]
    HostKeyCertified { host: String, fingerprint: String, known_hosts: PathBuf, add: String },
    /// The host's key differs from the known one.
    #[error(
        "THE HOST KEY OF {host} HAS CHANGED (fingerprint now {fingerprint}): someone may be \
         intercepting the connection, or the machine was reinstalled; if you know that it was, \
         type `ssh-keygen -f {} -R '{entry}'`, then add the new key to that file with `ssh-keyscan`",
        known_hosts.display()
    )]
    HostKeyChanged { host: String, entry: String, fingerprint: String, known_hosts: PathBuf },
    /// The host's key is revoked.
    #[error(
        "the host key of {host} (fingerprint {fingerprint}) is marked @revoked in {}: give the \
         machine a new host key",
        known_hosts.display()
    )]
    HostKeyRevoked { host: String, fingerprint: String, known_hosts: PathBuf },
    /// A known_hosts file cannot be read.
    #[error("cannot read the known hosts in {}: {source}", path.display())]
    KnownHosts { path: PathBuf, source: io::Error },
    /// The named key file cannot be used.
    #[error("cannot use the key {}: {reason}", path.display())]
    Key { path: PathBuf, reason: String },
    /// The server accepts none of our keys.
    #[error(
        "{host} accepts no key for {user} (tried: {tried}): name one with ?key=PATH, or {install}"
    )]
    Authentication { host: String, user: String, tried: String, install: String },
    /// The guest has another architecture or operating system.
    #[error(
        "the guest is {found}, but the executable is for Linux {wanted}: use a guest of that \
         architecture, or build and run on a machine of the guest's architecture"
    )]
    OtherArchitecture { found: String, wanted: Architecture },
    /// A dynamically linked executable would need the guest's libraries.
    #[error(transparent)]
    Dynamic(#[from] DynamicExecutable),
    /// The guest has no working POSIX shell.
    #[error(
        "the guest's shell does not answer like a POSIX shell: {reason}; try `ssh -p PORT \
         USER@HOST uname -sm`"
    )]
    Shell { reason: String },
    /// The folder for the executable cannot be made, or is open to others.
    #[error(
        "cannot store the executable in the guest: {reason}; name another folder with ?dir=PATH"
    )]
    Directory { reason: String },
    /// The executable or a file does not fit, or arrived incomplete.
    #[error(
        "cannot write the {what} ({len_bytes} bytes) to {directory} in the guest: {reason}; \
         free some space there, or name another folder with ?dir=PATH"
    )]
    Upload { what: &'static str, directory: String, len_bytes: u64, reason: String },
    /// The executable or a file cannot be read on this side.
    #[error("cannot read the {what} {}: {source}", path.display())]
    Unreadable { what: &'static str, path: PathBuf, source: io::Error },
    /// The guest cannot run the executable.
    #[error(
        "the guest cannot run {path}: {reason}; if its folder is mounted noexec, name another with \
         ?dir=PATH"
    )]
    CannotRun { path: String, reason: String },
    /// The guest's shell ended before it started the executable.
    #[error("the guest did not start {path} ({ending}): {reason}")]
    NotStarted { path: String, ending: Ending, reason: String },
    /// A wait reached its limit.
    #[error("no answer from the guest within {} s while {step}", limit.as_secs_f64())]
    TimedOut { step: &'static str, limit: Duration },
    /// The server opens no further session.
    #[error(
        "the guest's SSH server refuses a session while {step} ({reason}): set MaxSessions in its \
         sshd_config to at least 1"
    )]
    NoSession { step: &'static str, reason: String },
    /// The connection broke.
    #[error("lost the connection to the guest while {step}: {reason}")]
    Lost { step: &'static str, reason: String },
    /// The user ended the wait.
    #[error("interrupted")]
    Interrupted,
}

/// The host as a URL spells it: an IPv6 address in brackets.
fn in_brackets(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}
