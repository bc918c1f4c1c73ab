//! A connection through a program, such as another SSH client that forwards it.

use super::client_settings::ProxyCommand;
use crate::escape;
use sevbench_process::{Group, OwnedChild, TailReader};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Duration;

/// How long a program whose connection has failed may take to end by itself, so that it says why.
const END_LIMIT: Duration = Duration::from_secs(2);
/// How long its standard error may stay open after that. A process that it left behind can hold it.
const READ_LIMIT: Duration = Duration::from_millis(500);

/// The program whose standard streams are the connection. Dropping it ends the program.
pub(super) struct Proxy {
    child: OwnedChild,
    stderr: TailReader,
    command: String,
}

impl Proxy {
    /// Starts the program. Returns the other end of its standard streams.
    pub(super) fn start(command: &ProxyCommand) -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let output = theirs.try_clone()?;
        let mut spawned = command.command();
        spawned
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(OwnedFd::from(output)))
            .stderr(Stdio::piped())
            .env("SSH_ASKPASS_REQUIRE", "never");
        let mut child = OwnedChild::spawn(&mut spawned, Group::Session, Duration::ZERO)?;
        // It holds the other end, whose closing tells us that the program has ended.
        drop(spawned);
        let stderr = child.take_stderr().ok_or_else(|| io::Error::other("it has no output"))?;
        let stderr = TailReader::spawn("proxy", stderr)?;
        ours.set_nonblocking(true)?;
        Ok((Self { child, stderr, command: command.to_string() }, ours))
    }

    /// How the program ended, or `problem` if it still ran; and its standard error.
    pub(super) fn explain(&mut self, problem: &str) -> String {
        let ending = match self.child.wait_up_to(END_LIMIT) {
            true => self.child.try_wait().ok().flatten(),
            false => None,
        };
        self.child.end();
        self.stderr.join_within(READ_LIMIT);
        let said = escape::for_terminal(&self.stderr.text());
        let ended =
            ending.map_or_else(|| problem.to_owned(), |status| format!("it exited ({status})"));
        match said.is_empty() {
            true => format!("{ended}; it printed nothing"),
            false => format!("{ended}; it printed: {said}"),
        }
    }

    pub(super) fn command(&self) -> &str {
        &self.command
    }
}
