//! One run of an outside program, with a limit: it ends in time, says no more than it may, and never outlives the agent.
//! What its output means is not known here.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};
use thiserror::Error;

/// The most that a program may write to either output.
const OUTPUT_LEN_MAX: usize = 16 << 20;
/// How often a program that has closed its outputs is asked whether it has ended.
const END_INTERVAL: Duration = Duration::from_millis(10);

/// What a program left.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// A program that gave no output.
#[derive(Debug, Error)]
pub enum ProgramError {
    /// It is not installed.
    #[error("there is no program `{name}` here")]
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
    /// It was killed.
    #[error("`{name}` did not end within {} s and was killed", .limit.as_secs_f64())]
    TooLong {
        /// Its name.
        name: String,
        /// How long it had.
        limit: Duration,
    },
    /// It said more than a bench program has to say.
    #[error("`{name}` wrote more than {OUTPUT_LEN_MAX} bytes and was killed")]
    TooMuch {
        /// Its name.
        name: String,
    },
}

/// Runs a program to its end, or kills it after `limit`. It stays in the agent's process group, and the kernel kills it
/// when the calling thread ends: pass only programs that start no process in a session of its own.
///
/// # Errors
/// If it is missing, takes too long or says too much. How it ended is in the output.
pub fn run(command: &mut Command, limit: Duration) -> Result<Output, ProgramError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ProgramError::Missing { name: name.clone() },
        _ => ProgramError::Run { name: name.clone(), source },
    };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    end_with_us(command);
    let deadline = Instant::now() + limit;
    let mut program = Running(command.spawn().map_err(failed)?);
    let stdout = program.0.stdout.take().map(collect);
    let stderr = program.0.stderr.take().map(collect);
    let text = |output: Option<Receiver<io::Result<Vec<u8>>>>| {
        let Some(output) = output else { return Ok(String::new()) };
        match output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Ok(bytes)) if bytes.len() > OUTPUT_LEN_MAX => {
                Err(ProgramError::TooMuch { name: name.clone() })
            }
            Ok(Ok(bytes)) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Ok(Err(source)) => Err(ProgramError::Run { name: name.clone(), source }),
            Err(RecvTimeoutError::Timeout) => {
                Err(ProgramError::TooLong { name: name.clone(), limit })
            }
            Err(RecvTimeoutError::Disconnected) => {
                let source = io::Error::other("the reader of its output ended");
                Err(ProgramError::Run { name: name.clone(), source })
            }
        }
    };
    let (stdout, stderr) = (text(stdout)?, text(stderr)?);
    // It has closed its outputs, so this is short; asking it all the while would disturb what it measures.
    loop {
        match program.0.try_wait().map_err(failed)? {
            Some(status) => return Ok(Output { status, stdout, stderr }),
            None if Instant::now() >= deadline => {
                return Err(ProgramError::TooLong { name, limit });
            }
            None => thread::sleep(END_INTERVAL),
        }
    }
}

/// A child that does not outlive this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Where it has ended and was waited for, both do nothing.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Reads an output to its end, or to one byte more than there may be, on a thread of its own.
fn collect(output: impl Read + Send + 'static) -> Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = sync_channel(1);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = output.take(OUTPUT_LEN_MAX as u64 + 1).read_to_end(&mut bytes);
        // Nobody listens any more where the program was given up.
        sender.send(read.map(|_| bytes)).ok();
    });
    receiver
}

/// Has the kernel kill the child when the thread that starts it ends, and so also when the agent is killed.
fn end_with_us(command: &mut Command) {
    let parent = std::process::id();
    let prepare = move || {
        // SAFETY: prctl with these arguments and getppid take and return numbers; both are safe after fork.
        unsafe {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // Had we ended before that, nobody would send it.
            if libc::getppid().cast_unsigned() != parent {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
        Ok(())
    };
    // SAFETY: `prepare` calls only what is safe between fork and exec, and allocates nothing where it succeeds.
    unsafe { command.pre_exec(prepare) };
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    const AMPLE: Duration = Duration::from_secs(60);

    fn shell(script: &str, limit: Duration) -> Result<Output, ProgramError> {
        run(Command::new("sh").args(["-c", script]), limit)
    }

    #[test]
    fn both_outputs_and_the_status_are_kept_apart() {
        let output = shell("echo out; echo err >&2; exit 3", AMPLE).unwrap();
        let status = output.status.code();
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!(status, Some(3));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("sevbench-absent"), AMPLE).unwrap_err();
        assert!(matches!(error, ProgramError::Missing { .. }), "{error}");
        assert!(error.to_string().contains("`sevbench-absent`"));
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed() {
        // The second one has closed its outputs.
        for script in ["exec sleep 3600", "exec sleep 3600 >&- 2>&-"] {
            let error = shell(script, Duration::from_millis(50)).unwrap_err();
            assert!(matches!(error, ProgramError::TooLong { .. }), "{error}");
        }
    }

    #[test]
    fn a_program_that_says_too_much_is_killed() {
        let error = shell("exec cat /dev/zero", AMPLE).unwrap_err();
        assert!(matches!(error, ProgramError::TooMuch { .. }), "{error}");
    }

    #[test]
    fn a_program_is_in_our_process_group() {
        let output = shell("cut -d' ' -f5 /proc/$$/stat", AMPLE).unwrap();
        // SAFETY: getpgrp takes no arguments and returns a number.
        let group = unsafe { libc::getpgrp() };
        assert_eq!(output.stdout.trim(), group.to_string());
    }
}
