//! The life of one QEMU: started, watched until its guest answers, paused, ended. It leaves only
//! its console's log.

use super::boot::{BootWatch, console_end};
use super::command::QEMU;
use super::console::ConsoleLog;
use super::error::QemuError;
use super::launch::{Launch, LaunchRecord};
use super::opening::{Opened, open};
use super::qmp::Qmp;
use crate::escape;
use crate::image::Seed;
use crate::limits::{Interrupt, Limits, is_interrupt};
use crate::wait::Wait;
use serde_json::json;
use sevbench_process::{Group, OwnedChild, TailReader, inherit_descriptors};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long QEMU may take to answer on its control connection.
const CONTROL_LIMIT: Duration = Duration::from_secs(10);
/// How long it may take to answer at first, plus a share for each GiB of guest memory, which it
/// allocates first.
const START_LIMIT: Duration = Duration::from_secs(60);
const START_LIMIT_PER_GIB: Duration = Duration::from_secs(2);
/// How long QEMU has to end by itself before it is killed.
const END_LIMIT: Duration = Duration::from_secs(2);

/// A running QEMU. Dropping it ends it.
pub(crate) struct QemuProcess {
    program: RunningProgram,
    control: Qmp,
    console: ConsoleLog,
    console_path: PathBuf,
    /// The port on 127.0.0.1 that leads to the guest's SSH server.
    pub(crate) port: u16,
    /// The record of the launch.
    pub(crate) record: LaunchRecord,
    /// The phases of the boot.
    pub(crate) phases: BootPhases,
}

/// How long the phases of a boot took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BootPhases {
    /// From the start of QEMU until it answers. The guest's memory is then allocated.
    pub qemu: Duration,
    /// From then to the kernel's first line on the console; `None` if it was not seen.
    pub kernel: Option<Duration>,
    /// From then until the guest's SSH server answers.
    pub ssh: Duration,
}

impl QemuProcess {
    /// Starts a machine and waits until its SSH server answers.
    pub(crate) fn start(
        launch: &Launch<'_>,
        seed: Option<&Seed>,
        limits: &Limits,
        interrupt: &Interrupt,
    ) -> Result<Self, QemuError> {
        let started = Instant::now();
        let failed = |error: io::Error| QemuError::Start { reason: error.to_string() };
        let log = launch.machine.console.as_deref();
        let (console, console_writer) = ConsoleLog::start(log).map_err(failed)?;
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let (console_fd, control_fd) = (console_writer.as_raw_fd(), theirs.as_raw_fd());
        let arguments = launch.arguments(console_fd, control_fd, seed.map(Seed::descriptor));
        let mut inherited = vec![console_fd, control_fd];
        inherited.extend(seed.map(Seed::descriptor));
        let mut program = RunningProgram::spawn(&arguments, inherited)?;
        drop((console_writer, theirs));
        let process = program.child.id();
        let wait = Wait::new(interrupt, start_limit(launch.machine.settings.memory_mib));
        let Opened { control, version, query_sev, port } =
            open(ours, process, launch, &wait).map_err(|error| program.explain(&error))?;
        let qemu = started.elapsed();
        let command = [QEMU.to_owned()].into_iter().chain(arguments).collect();
        let mut process = Self {
            program,
            control,
            console,
            console_path: log.unwrap_or(Path::new("/dev/null")).into(),
            port,
            record: launch.record(&version, query_sev, command),
            phases: BootPhases { qemu, ..BootPhases::default() },
        };
        process.wait_for_ssh(&Wait::new(interrupt, limits.boot), limits)?;
        Ok(process)
    }

    fn wait_for_ssh(&mut self, wait: &Wait, limits: &Limits) -> Result<(), QemuError> {
        let started = Instant::now();
        let mut watch = BootWatch::new(self.console_path.clone(), self.port, started);
        while !watch.poll() {
            if let Ok(Some(status)) = self.program.child.try_wait() {
                let reason = format!("QEMU ended ({status}) before the guest answered");
                return Err(self.boot_failure(reason));
            }
            match wait.slice() {
                Ok(_) => {}
                Err(error) if is_interrupt(&error) => return Err(QemuError::Interrupted),
                Err(_) => {
                    let limit = limits.boot.as_secs();
                    let reason = format!("its SSH server does not answer within {limit} s");
                    return Err(self.boot_failure(reason));
                }
            }
        }
        self.phases.kernel = watch.kernel;
        self.phases.ssh = started.elapsed() - watch.kernel.unwrap_or_default();
        Ok(())
    }

    /// The process number of QEMU.
    pub(crate) fn id(&self) -> u32 {
        self.program.child.id()
    }

    /// Stops or resumes the guest's CPUs.
    pub(crate) fn set_paused(&mut self, paused: bool) -> io::Result<()> {
        let command = if paused { "stop" } else { "cont" };
        let wait = Wait::uninterrupted(CONTROL_LIMIT);
        self.control.execute(command, json!({}), &wait).map(drop)
    }

    /// Explains a problem with the guest, with the end of what QEMU and the guest said.
    pub(crate) fn explain(&mut self, problem: &str) -> QemuError {
        match self.program.child.try_wait() {
            Ok(Some(status)) => self.boot_failure(format!("{problem}; QEMU ended ({status})")),
            _ => self.boot_failure(problem.to_owned()),
        }
    }

    /// Why the guest no longer responds; `None` if it does.
    pub(crate) fn defect(&mut self) -> Option<String> {
        if let Some(ended) = self.ended() {
            return Some(ended);
        }
        let wait = Wait::uninterrupted(CONTROL_LIMIT);
        match self.control.execute("query-status", json!({}), &wait) {
            Ok(status) => match status["status"].as_str() {
                Some("running" | "paused") => None,
                other => {
                    Some(format!("QEMU reports that the guest is {}", other.unwrap_or("lost")))
                }
            },
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let limit = CONTROL_LIMIT.as_secs();
                Some(format!(
                    "QEMU (process {}) does not answer within {limit} s",
                    self.program.child.id()
                ))
            }
            // A dying QEMU closes its connection before it can be waited for.
            Err(error) => {
                self.wait_for_end();
                let process = self.program.child.id();
                Some(self.ended().unwrap_or_else(|| format!("QEMU (process {process}): {error}")))
            }
        }
    }

    /// How QEMU ended, if it has.
    fn ended(&mut self) -> Option<String> {
        let status = self.program.child.try_wait().ok()??;
        let said = self.program.stderr_text();
        let said = if said.is_empty() { String::new() } else { format!("; it said: {said}") };
        Some(format!("QEMU ended ({status}){said}"))
    }

    /// Waits until QEMU has ended by itself, up to the limit.
    fn wait_for_end(&mut self) {
        self.program.child.wait_up_to(END_LIMIT);
    }

    fn boot_failure(&mut self, reason: String) -> QemuError {
        let said = match self.program.stderr_text() {
            said if said.is_empty() => "nothing".into(),
            said => said,
        };
        if !self.program.is_running() {
            self.console.wait();
        }
        QemuError::Boot { reason, said, console: console_end(&self.console_path) }
    }

    /// Ends QEMU with its `quit` command, and kills it after the limit.
    pub(crate) fn end(&mut self) {
        if self.program.is_running() {
            // Its disk is an overlay that vanishes with it, so the guest has nothing to save.
            self.control.execute("quit", json!({}), &Wait::uninterrupted(END_LIMIT)).ok();
            self.wait_for_end();
        }
        self.program.end();
    }
}

impl Drop for QemuProcess {
    fn drop(&mut self) {
        self.end();
    }
}

fn start_limit(memory_mib: u32) -> Duration {
    START_LIMIT + START_LIMIT_PER_GIB * memory_mib.div_ceil(1024)
}

/// QEMU's process and the end of what it says. Dropping it kills QEMU.
struct RunningProgram {
    child: OwnedChild,
    stderr: TailReader,
}

impl RunningProgram {
    fn spawn(arguments: &[String], inherited: Vec<RawFd>) -> Result<Self, QemuError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => QemuError::NoQemu,
            _ => QemuError::Start { reason: error.to_string() },
        };
        let mut command = Command::new(QEMU);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        inherit_descriptors(&mut command, inherited);
        let mut child =
            OwnedChild::spawn(&mut command, Group::Own, Duration::ZERO).map_err(failed)?;
        let stderr = child.take_stderr().ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        let stderr = TailReader::spawn("qemu-stderr", stderr).map_err(failed)?;
        Ok(Self { child, stderr })
    }

    /// Why QEMU did not answer.
    fn explain(&mut self, error: &io::Error) -> QemuError {
        if is_interrupt(error) {
            return QemuError::Interrupted;
        }
        self.end();
        let reason = match self.stderr_text() {
            said if said.is_empty() => error.to_string(),
            said => said,
        };
        QemuError::Start { reason }
    }

    fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn stderr_text(&self) -> String {
        escape::for_terminal(&self.stderr.text())
    }

    fn end(&mut self) {
        self.child.end();
        self.stderr.join();
    }
}
