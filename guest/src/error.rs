//! What can go wrong with a guest; what the user can mend ends with what to type.

use crate::{Ending, ImageError};
use sevbench_facts::Protection;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

/// A guest that could not be reached or used.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "the fields are named by what they hold, and each is in its message"
)]
pub enum GuestError {
    /// The name does not resolve.
    #[error(
        "there is no host `{host}` ({reason}): check the name, or write its number (a Host of ~/.ssh/config is not \
         looked up)"
    )]
    NoSuchHost { host: String, reason: String },
    /// Nothing listens at the port.
    #[error(
        "{host} refuses connections at port {port}: start its SSH server, or name the port that it listens at, as in \
         ssh://user@{host}:PORT"
    )]
    Refused { host: String, port: u16 },
    /// Nothing answers at the address.
    #[error("{host} port {port} does not answer within {} s: is the machine up, and no firewall in between? try `ssh -v -p {port} {host}`", limit.as_secs_f64())]
    ConnectTimedOut { host: String, port: u16, limit: Duration },
    /// No way to the address.
    #[error("cannot connect to {host} port {port}: {source}; try `ssh -v -p {port} {host}`")]
    Connect { host: String, port: u16, source: io::Error },
    /// It accepts connections and then says nothing.
    #[error("{host} port {port} accepts connections but says nothing for {} s during {step}: is it an SSH server? try `ssh -v -p {port} {host}`", limit.as_secs_f64())]
    Silent { host: String, port: u16, step: &'static str, limit: Duration },
    /// The other side is no SSH server, or has nothing in common with us.
    #[error(
        "{host} port {port} accepts connections but {step} failed: {reason}; is it an SSH server? try \
         `ssh -v -p {port} {host}`"
    )]
    Handshake { host: String, port: u16, step: &'static str, reason: String },
    /// The host's key is not in any known_hosts file.
    #[error(
        "the host key of {host} is not known (its fingerprint is {fingerprint}): compare that with \
         `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` (or the like) on the host itself, then type \
         `ssh-keyscan -p {port} {host} >> {}`",
        known_hosts.display()
    )]
    HostKeyUnknown { host: String, port: u16, fingerprint: String, known_hosts: PathBuf },
    /// The host's key is another than the known one.
    #[error(
        "THE HOST KEY OF {host} HAS CHANGED (its fingerprint is now {fingerprint}): somebody may be in between, or the \
         machine was installed anew; if you know that it was, type `ssh-keygen -f {} -R '{entry}'` and add the new key",
        known_hosts.display()
    )]
    HostKeyChanged { host: String, entry: String, fingerprint: String, known_hosts: PathBuf },
    /// The host's key is marked as revoked.
    #[error(
        "the host key of {host} (fingerprint {fingerprint}) is marked @revoked in {}: give the machine a new host key",
        known_hosts.display()
    )]
    HostKeyRevoked { host: String, fingerprint: String, known_hosts: PathBuf },
    /// A file of known hosts cannot be read.
    #[error("cannot read the known hosts in {}: {source}", path.display())]
    KnownHosts { path: PathBuf, source: io::Error },
    /// A key file that was named cannot be used.
    #[error("cannot use the key {}: {reason}", path.display())]
    Key { path: PathBuf, reason: String },
    /// No key was accepted.
    #[error(
        "{host} accepts no key for {user} (tried: {tried}): name one with ?key=PATH, or install one with \
         `ssh-copy-id -p {port} {user}@{host}`"
    )]
    Authentication { host: String, port: u16, user: String, tried: String },
    /// Another processor or kernel.
    #[error(
        "the guest is {found}, and the executable is for Linux {wanted}: name a guest of that kind, or run cargo on a \
         machine of the guest's kind"
    )]
    OtherArchitecture { found: String, wanted: String },
    /// A dynamic executable would need the guest's libraries.
    #[error(
        "the bench executable cannot go into a guest: it is dynamically linked (needs {interpreter}); unset RUSTFLAGS \
         (it overrides .cargo/config.toml), or add `-C target-feature=+crt-static` to it, and build again"
    )]
    Dynamic { interpreter: String },
    /// The guest has no POSIX shell that answers.
    #[error(
        "the guest's shell does not answer as a POSIX shell does: {reason}; try `ssh -p PORT USER@HOST uname -sm`"
    )]
    Shell { reason: String },
    /// The folder for the executable cannot be made, or others can get at it.
    #[error(
        "cannot keep the executable in the guest: {reason}; name another folder with ?dir=PATH"
    )]
    Directory { reason: String },
    /// The executable does not fit, or was cut short.
    #[error(
        "cannot put the executable ({len_bytes} bytes) into {directory} of the guest: {reason}; make room there, or name \
         another folder with ?dir=PATH"
    )]
    Upload { directory: String, len_bytes: u64, reason: String },
    /// The executable on this side cannot be read.
    #[error("cannot read the executable {}: {source}", path.display())]
    Executable { path: PathBuf, source: io::Error },
    /// The guest cannot run the executable.
    #[error(
        "the guest cannot run {path}: {reason}; if its folder is mounted noexec, name another with ?dir=PATH"
    )]
    CannotRun { path: String, reason: String },
    /// The executable ended before it could begin.
    #[error("the guest did not start {path} ({ending}): {reason}")]
    NotStarted { path: String, ending: Ending, reason: String },
    /// A wait that reached its limit.
    #[error("no answer from the guest within {} s while {step}", limit.as_secs_f64())]
    TimedOut { step: &'static str, limit: Duration },
    /// The connection broke.
    #[error("the connection to the guest was lost while {step}: {reason}")]
    Lost { step: &'static str, reason: String },
    /// The stand-in for a guest did not start.
    #[error("cannot start the loopback guest: {reason}")]
    Loopback { reason: String },
    /// No program to make machines with.
    #[error(
        "qemu-system-x86_64 is missing: type `apt-get install qemu-system-x86` (version 9.1 or later for SEV-SNP)"
    )]
    NoQemu,
    /// No firmware for a machine.
    #[error(
        "no firmware for the guest: type `apt-get install ovmf`, or name one with ?firmware=PATH"
    )]
    NoFirmware,
    /// KVM was asked for.
    #[error(
        "KVM is not usable here: {reason}; leave out accelerator=kvm to have the guest emulated"
    )]
    NoKvm { reason: String },
    /// The processor or the kernel cannot protect a guest so.
    #[error("this machine cannot run a {protection} guest: {reason}")]
    NoProtection { protection: Protection, reason: String },
    /// The host lacks something.
    #[error("this host cannot run a `{arm}` guest; what fails of `cargo sevbench doctor`:{failed}")]
    Obstacles { arm: &'static str, failed: String },
    /// Another run has guests here.
    #[error(
        "{holder} has guests on this host, and two at once would disturb each other: wait until it has ended, or type `cargo sevbench guest down` if it is a guest by hand"
    )]
    HostBusy { holder: String },
    /// The lock cannot be taken.
    #[error("cannot take the lock of this host's guests: {reason}")]
    HostLock { reason: String },
    /// The files of a guest by hand.
    #[error("cannot write to {}: {source}", path.display())]
    ByHand { path: PathBuf, source: io::Error },
    /// The host is too small.
    #[error("{reason}")]
    NoRoom { reason: String },
    /// A file that is to be a data disk.
    #[error("cannot make the data disk {}: {source}; make room there, or set SEVBENCH_CACHE to a folder elsewhere", path.display())]
    DataDisk { path: PathBuf, source: io::Error },
    /// A block device that is to be a data disk.
    #[error("{} cannot be a data disk: {reason}", path.display())]
    DataDevice { path: PathBuf, reason: String },
    /// There is no image to boot.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// QEMU does not start, or does not answer.
    #[error("QEMU did not start the guest: {reason}")]
    Qemu { reason: String },
    /// The machine was started, and did not come up.
    #[error(
        "the guest did not come up: {reason}; QEMU said: {said}; the end of its console:\n{console}"
    )]
    Boot { reason: String, said: String, console: String },
    /// The user ended the wait.
    #[error("interrupted")]
    Interrupted,
}
