//! One run of a program: it ends within a limit, its output is bounded, and it never outlives us.

use crate::child::{Group, OwnedChild};
use crate::poll::poll;
use crate::stream::{Capture, Lines, Stream};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use thiserror::Error;

/// The most that each output may hold if nothing else is set.
const OUTPUT_LEN_MAX: usize = 16 << 20;
/// The time between two checks whether a program that has closed its outputs has ended. A shorter
/// one would disturb what the program measures.
const END_INTERVAL: Duration = Duration::from_millis(10);
/// The time between two checks for cancellation.
const CANCEL_INTERVAL: Duration = Duration::from_millis(200);

/// What a program wrote, and how it ended.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What was kept of its standard output.
    pub stdout: String,
    /// What was kept of its standard error.
    pub stderr: String,
}

/// Whether a program is in the user's path, or in one of the usual folders of root.
pub fn is_installed(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&folders).chain(usual).any(|folder| folder.join(program).is_file())
}

/// A program that gave no output.
#[derive(Debug, Error)]
pub enum ProgramError {
    /// It is not installed.
    #[error("`{name}` is not installed")]
    Missing {
        /// Its name.
        name: String,
    },
    /// It did not start, or its output was lost.
    #[error("cannot run `{name}`: {source}")]
    Run {
        /// Its name.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// It reached its time limit.
    #[error("`{name}` did not end within {} s and was killed", .limit.as_secs_f64())]
    TooLong {
        /// Its name.
        name: String,
        /// The limit.
        limit: Duration,
    },
    /// It wrote more than it may.
    #[error("`{name}` wrote more than {len_max} bytes and was killed")]
    TooMuch {
        /// Its name.
        name: String,
        /// The most it may write to one output.
        len_max: usize,
    },
    /// The caller cancelled it.
    #[error("`{name}` was cancelled")]
    Cancelled {
        /// Its name.
        name: String,
    },
}

/// A program that is about to be run. Its standard input is empty.
pub struct Program<'a> {
    command: &'a mut Command,
    limit: Duration,
    group: Group,
    grace: Duration,
    stdout: Capture,
    stderr: Capture,
    is_cancelled: Option<&'a dyn Fn() -> bool>,
    on_stderr_line: Option<&'a mut dyn FnMut(&str)>,
}

impl<'a> Program<'a> {
    /// A program that is killed after `limit`. If nothing else is set it gets a process group of
    /// its own, up to 16 MiB of each output are kept, and a program that writes more is killed.
    pub fn new(command: &'a mut Command, limit: Duration) -> Self {
        Self {
            command,
            limit,
            group: Group::Own,
            grace: Duration::ZERO,
            stdout: Capture::All(OUTPUT_LEN_MAX),
            stderr: Capture::All(OUTPUT_LEN_MAX),
            is_cancelled: None,
            on_stderr_line: None,
        }
    }

    /// Sets the process group.
    #[must_use]
    pub fn group(self, group: Group) -> Self {
        Self { group, ..self }
    }

    /// Gives the program this long to clean up after SIGTERM when it has to end.
    #[must_use]
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Sets what is kept of standard output.
    #[must_use]
    pub fn stdout(self, stdout: Capture) -> Self {
        Self { stdout, ..self }
    }

    /// Sets what is kept of standard error.
    #[must_use]
    pub fn stderr(self, stderr: Capture) -> Self {
        Self { stderr, ..self }
    }

    /// Ends the program within 200 ms after `is_cancelled` returns true.
    #[must_use]
    pub fn cancel_if(self, is_cancelled: &'a dyn Fn() -> bool) -> Self {
        Self { is_cancelled: Some(is_cancelled), ..self }
    }

    /// Reports each line of standard error as it arrives, without its line feed.
    #[must_use]
    pub fn on_stderr_line(self, report: &'a mut dyn FnMut(&str)) -> Self {
        Self { on_stderr_line: Some(report), ..self }
    }

    /// Runs the program to its end. The kernel kills it if the calling thread ends first.
    ///
    /// A program in [`Group::Inherited`] must not start processes that outlive it: only the
    /// program itself is killed.
    ///
    /// # Errors
    /// If the program is missing, takes too long, writes too much or is cancelled. A failing exit
    /// status is not an error here: it is in the output.
    pub fn run(self) -> Result<Output, ProgramError> {
        let name = self.command.get_program().to_string_lossy().into_owned();
        self.command.stdin(Stdio::null());
        self.command.stdout(self.stdout.stdio()).stderr(self.stderr.stdio());
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => ProgramError::Missing { name: name.clone() },
            _ => ProgramError::Run { name: name.clone(), source },
        };
        let child = OwnedChild::spawn(self.command, self.group, self.grace).map_err(failed)?;
        let mut running = Running {
            name,
            limit: self.limit,
            deadline: Instant::now() + self.limit,
            stdout: Stream::new(self.stdout),
            stderr: Stream::new(self.stderr),
            child,
            is_cancelled: self.is_cancelled,
            lines: self.on_stderr_line.map(Lines::new),
        };
        running.stdout.pipe = running.child.take_stdout().map(|pipe| OwnedFd::from(pipe).into());
        running.stderr.pipe = running.child.take_stderr().map(|pipe| OwnedFd::from(pipe).into());
        running.read_outputs()?;
        let status = running.wait()?;
        Ok(Output { status, stdout: running.stdout.text(), stderr: running.stderr.text() })
    }
}

/// A program that runs. Dropping it ends the program.
struct Running<'a> {
    name: String,
    limit: Duration,
    deadline: Instant,
    child: OwnedChild,
    stdout: Stream,
    stderr: Stream,
    is_cancelled: Option<&'a dyn Fn() -> bool>,
    lines: Option<Lines<'a>>,
}

impl Running<'_> {
    /// Reads both outputs until the program has closed them.
    fn read_outputs(&mut self) -> Result<(), ProgramError> {
        while self.stdout.pipe.is_some() || self.stderr.pipe.is_some() {
            let left = self.time_left()?;
            let slice = self.is_cancelled.map_or(left, |_| left.min(CANCEL_INTERVAL));
            let mut polled = [self.stdout.polled(), self.stderr.polled()];
            poll(&mut polled, slice).map_err(|error| self.failure(error))?;
            if polled[0].revents != 0 {
                self.stdout.read().map_err(|error| self.failure(error))?;
            }
            if polled[1].revents != 0 {
                let piece = self.stderr.read().map_err(|error| self.failure(error))?;
                if let Some(lines) = &mut self.lines {
                    lines.push(&piece);
                }
            }
            if let Some(len_max) = self.stdout.exceeded().or_else(|| self.stderr.exceeded()) {
                return Err(ProgramError::TooMuch { name: self.name.clone(), len_max });
            }
        }
        Ok(())
    }

    /// Waits for the end of a program that has closed its outputs.
    fn wait(&mut self) -> Result<ExitStatus, ProgramError> {
        loop {
            match self.child.try_wait().map_err(|error| self.failure(error))? {
                Some(status) => return Ok(status),
                None => thread::sleep(self.time_left()?.min(END_INTERVAL)),
            }
        }
    }

    /// The time until the deadline; an error if the program has to end now.
    fn time_left(&self) -> Result<Duration, ProgramError> {
        let name = || self.name.clone();
        if self.is_cancelled.is_some_and(|is_cancelled| is_cancelled()) {
            return Err(ProgramError::Cancelled { name: name() });
        }
        match self.deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(ProgramError::TooLong { name: name(), limit: self.limit }),
            left => Ok(left),
        }
    }

    fn failure(&self, source: io::Error) -> ProgramError {
        ProgramError::Run { name: self.name.clone(), source }
    }
}

#[cfg(test)]
#[path = "program_tests.rs"]
mod tests;
