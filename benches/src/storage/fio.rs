//! fio: finds it, runs a workload, and returns figures only from a report that passes every check.

pub mod job;
pub mod report;

use job::{Engine, Job, Workload};
use report::error::ReportError;
use report::{Figures, Report};
use sevbench_process::{Group, Output, Program, ProgramError};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;
use thiserror::Error;

/// How much longer than its ramp and runtime fio may take.
const OVERHEAD_MAX: Duration = Duration::from_secs(60);
/// How long fio may take to list its engines.
const ENGINE_LIST_MAX: Duration = Duration::from_secs(30);
/// How many bytes of fio's standard error an error message quotes.
const COMPLAINT_LEN_MAX: usize = 400;

/// The fio that is installed in this guest.
#[derive(Clone, Copy, Debug)]
pub struct Fio {
    engine: Engine,
}

/// fio cannot be used here, or its report failed a check.
#[derive(Debug, Error)]
pub enum FioError {
    /// fio did not run to its end.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// fio has no asynchronous engine that works here.
    #[error("fio supports neither io_uring nor libaio in this guest")]
    NoEngine,
    /// fio reported a failure.
    #[error("fio failed ({status}): {complaint}")]
    Failed {
        /// Its exit status.
        status: ExitStatus,
        /// The end of its standard error.
        complaint: String,
    },
    /// The report is missing or failed a check.
    #[error("cannot use fio's report: {0}")]
    Report(#[from] ReportError),
}

impl FioError {
    /// What the user can do if [`Fio::find`] failed.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Program(ProgramError::Missing { .. }) => {
                "type `apt-get install fio` in the guest, or add fio to your image's recipe"
            }
            Self::NoEngine => "install a fio with libaio, or a kernel with io_uring",
            _ => "type `fio --enghelp` in the guest to see what is wrong",
        }
    }
}

impl Fio {
    /// Finds fio and the best engine that both it and the kernel support.
    ///
    /// # Errors
    /// If fio is missing or has no asynchronous engine.
    pub fn find() -> Result<Self, FioError> {
        let output = run(Command::new("fio").arg("--enghelp"), ENGINE_LIST_MAX)?;
        let engine = Engine::choose(&output.stdout, kernel_has_io_uring());
        Ok(Self { engine: engine.ok_or(FioError::NoEngine)? })
    }

    /// Runs `workload` on `disk` and measures for `runtime` after a ramp.
    ///
    /// # Errors
    /// If fio fails or its report fails a check.
    pub fn run(
        self,
        workload: &Workload,
        disk: &Path,
        runtime: Duration,
    ) -> Result<Figures, FioError> {
        let job = Job::new(*workload, self.engine, runtime);
        let limit = job.ramp + runtime + OVERHEAD_MAX;
        let output = run(Command::new("fio").args(job.arguments(disk)), limit)?;
        if !output.status.success() {
            let complaint = end_of(output.stderr.trim(), COMPLAINT_LEN_MAX).to_owned();
            return Err(FioError::Failed { status: output.status, complaint });
        }
        Ok(Report::parse(&output.stdout)?.figures(&job, disk)?)
    }
}

/// Whether this kernel has io_uring and lets this process use it.
fn kernel_has_io_uring() -> bool {
    let no_parameters = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: the kernel rejects a null pointer with EFAULT, or the whole call with ENOSYS or
    // EPERM. It creates nothing.
    let result = unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, no_parameters) };
    let error = std::io::Error::last_os_error().raw_os_error();
    result == -1 && !matches!(error, Some(libc::ENOSYS | libc::EPERM))
}

/// Runs fio in the agent's process group, where it ends with the agent.
fn run(command: &mut Command, limit: Duration) -> Result<Output, ProgramError> {
    Program::new(command, limit).group(Group::Inherited).run()
}

/// The last `len_max` bytes of `text`, or up to three fewer so that no character is cut.
fn end_of(text: &str, len_max: usize) -> &str {
    let mut start = text.len().saturating_sub(len_max);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_of_a_text_never_cuts_a_character() {
        assert_eq!(end_of("abc", 10), "abc");
        assert_eq!(end_of("aäb", 2), "b");
        assert_eq!(end_of("", 2), "");
    }
}
