//! The parent's side of the loopback server: starts it, holds its keys, ends it, and leaves nothing
//! behind.

use super::error::LoopbackError;
use super::greeting::LINE_LEN_MAX;
use super::{Greeting, HOME_PREFIX, LOOPBACK_SERVER_ARGUMENT};
use crate::escape;
use crate::key::make_key_pair;
use crate::limits::{Interrupt, Limits, is_interrupt};
use crate::wait::Wait;
use russh::keys::ssh_key::PublicKey;
use sevbench_process::TailReader;
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How long the server has to end by itself before it is killed.
const END_LIMIT: Duration = Duration::from_secs(3);

/// A server in a child process. Dropping it ends it.
pub(crate) struct LoopbackServer {
    pub(crate) port: u16,
    pub(crate) host_key: PublicKey,
    /// In OpenSSH's format. It exists in memory only.
    pub(crate) client_key: String,
    home: PathBuf,
    process: ServerProcess,
}

impl LoopbackServer {
    /// Starts `executable` as a server, and waits until it listens.
    pub(crate) fn start(
        executable: &Path,
        limits: &Limits,
        interrupt: &Interrupt,
    ) -> Result<Self, LoopbackError> {
        let failed = |reason: String| LoopbackError::Server { reason };
        let (client_key, public_key) =
            make_key_pair().map_err(|error| failed(error.to_string()))?;
        let mut process = ServerProcess::spawn(executable)
            .map_err(|error| failed(format!("{}: {error}", executable.display())))?;
        let greeting = match process.greet(&public_key, &Wait::new(interrupt, limits.connect)) {
            Ok(line) => Greeting::from_line(&line).ok_or_else(|| {
                failed(format!(
                    "it printed `{}`: a `main` must not print before it calls `bench_main`",
                    line.escape_debug()
                ))
            })?,
            Err(error) if is_interrupt(&error) => return Err(LoopbackError::Interrupted),
            Err(error) => return Err(failed(process.end().in_words(&error.to_string()))),
        };
        let Greeting { port, host_key, home } = greeting;
        Ok(Self { port, host_key, client_key, home, process })
    }

    /// Explains a problem with the connection to the server, with what the server said.
    pub(crate) fn explain(&self, problem: &str) -> LoopbackError {
        let reason = match self.process.stderr_text() {
            said if said.is_empty() => problem.to_owned(),
            said => format!("{problem}; it said: {said}"),
        };
        LoopbackError::Server { reason }
    }

    /// Ends the server and everything that it started.
    pub(crate) fn shut_down(mut self) -> Result<(), LoopbackError> {
        let end = self.process.end();
        self.remove_home().map_err(|error| LoopbackError::Server {
            reason: end.in_words(&format!("cannot remove {}: {error}", self.home.display())),
        })
    }

    /// The server removes its folder itself, unless it was killed.
    fn remove_home(&self) -> io::Result<()> {
        let name = self.home.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !name.starts_with(HOME_PREFIX) {
            return Ok(());
        }
        match fs::remove_dir_all(&self.home) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for LoopbackServer {
    fn drop(&mut self) {
        self.process.end();
        // Nobody is left to report an error to.
        self.remove_home().ok();
    }
}

/// The child process, its pipes, and its standard error.
struct ServerProcess {
    child: Child,
    /// The server lives for as long as this is open.
    stdin: Option<ChildStdin>,
    /// Closed when the server ends, since no other process inherits it.
    stdout: ChildStdout,
    stderr: Option<TailReader>,
}

/// How the server ended, and what it said.
struct ServerEnd {
    status: Option<ExitStatus>,
    stderr: String,
}

impl ServerEnd {
    fn in_words(&self, problem: &str) -> String {
        let status = self.status.map(|status| format!(" ({status})")).unwrap_or_default();
        let said =
            if self.stderr.is_empty() { String::new() } else { format!(": {}", self.stderr) };
        format!("{problem}{status}{said}")
    }
}

impl ServerProcess {
    fn spawn(executable: &Path) -> io::Result<Self> {
        let mut child = Command::new(executable)
            .arg0("sevbench-loopback")
            .arg(LOOPBACK_SERVER_ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C then reaches only the parent, which shuts the server down cleanly.
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take();
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(io::Error::other("its pipes are missing"));
        };
        let mut process = Self { child, stdin, stdout, stderr: None };
        // If the thread cannot be started, `process` is dropped, and the child with it.
        process.stderr = Some(TailReader::spawn("loopback-stderr", stderr)?);
        Ok(process)
    }

    /// Sends the server the client's key, and returns its answer.
    fn greet(&mut self, public_key: &str, wait: &Wait) -> io::Result<String> {
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        // If the server has ended already, reading reports it better.
        stdin.write_all(format!("{public_key}\n").as_bytes()).ok();
        self.read_line(wait)
    }

    fn read_line(&mut self, wait: &Wait) -> io::Result<String> {
        let mut line = Vec::new();
        let mut byte = [0];
        while line.len() < LINE_LEN_MAX {
            wait.until_ready(self.stdout.as_raw_fd(), libc::POLLIN)?;
            match (self.stdout.read(&mut byte)?, byte[0]) {
                (0, _) => return Err(io::Error::other("the server ended before it listened")),
                (_, b'\n') => return Ok(String::from_utf8_lossy(&line).into_owned()),
                (_, byte) => line.push(byte),
            }
        }
        Err(io::Error::other("the server's greeting is too long"))
    }

    fn stderr_text(&self) -> String {
        self.stderr.as_ref().map_or_else(String::new, |stderr| escape::for_terminal(&stderr.text()))
    }

    /// Ends the server by closing its input, and kills it after the limit.
    fn end(&mut self) -> ServerEnd {
        self.stdin = None;
        let wait = Wait::uninterrupted(END_LIMIT);
        if wait.until_closed(self.stdout.as_raw_fd()).is_err() {
            // It may be stopped or stuck.
            self.child.kill().ok();
        }
        let status = self.child.wait().ok();
        if let Some(stderr) = &mut self.stderr {
            stderr.join();
        }
        ServerEnd { status, stderr: self.stderr_text() }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.end();
    }
}
