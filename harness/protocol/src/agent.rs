//! The agent: serves the protocol inside a guest. Its standard output belongs to the protocol, its log goes to
//! standard error. It knows nothing of arms, rounds or statistics.

mod interference;
mod worker;

use crate::frame::{FrameError, read_frame, write_frame};
use crate::link::BenchAnswer;
use crate::message::{AGENT_ARGUMENT, Hello, Reply, Request, write_greeting};
use crate::suite::{BenchEntry, Suite};
use interference::Interference;
use sevbench_facts::{Facts, sha256_of_self};
use sevbench_text::nanoseconds;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};
use worker::Worker;

/// Exit status of wrong usage.
const USAGE: u8 = 2;

/// An agent that hears nothing for so long ends: its coordinator's machine has vanished from the network.
const IDLE_MAX: Duration = Duration::from_secs(6 * 3600);

/// The whole of an executable that is an agent and nothing else.
pub fn agent_main(suite: &'static str, benches: &[&dyn BenchEntry]) -> ExitCode {
    match Suite::new(suite, benches) {
        Ok(suite) if std::env::args_os().nth(1).is_some_and(|first| first == AGENT_ARGUMENT) => {
            run_agent(suite)
        }
        Ok(_) => {
            eprintln!(
                "error: this executable is an agent only; build it with sevbench's feature `runner` to measure with it"
            );
            ExitCode::from(USAGE)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(USAGE)
        }
    }
}

/// Serves requests from standard input until it ends.
pub fn run_agent(suite: Suite) -> ExitCode {
    worker::record_panics();
    // A group of its own, so that a bench's outside programs end with the agent.
    // SAFETY: setpgid takes no pointers; for a session leader it fails, and the group is its own already.
    unsafe { libc::setpgid(0, 0) };
    match serve(suite) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sevbench agent: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(suite: Suite) -> Result<(), FrameError> {
    let mut out = io::stdout().lock();
    let suite = Arc::new(suite);
    write_greeting(&mut out, &hello(&suite)?)?;
    let requests = read_requests();
    let mut worker: Option<Worker> = None;
    loop {
        let request = match requests.recv_timeout(IDLE_MAX) {
            Ok(request) => request,
            Err(RecvTimeoutError::Timeout) => {
                eprintln!("sevbench agent: nothing heard for {} s", IDLE_MAX.as_secs());
                end_group();
            }
            Err(RecvTimeoutError::Disconnected) => end_group(),
        };
        let interference = Interference::watch();
        let start = Instant::now();
        let answer = match request {
            Request::Start { bench, spin_factor } => {
                let (next, answer) = Worker::start(&suite, &bench, spin_factor)?;
                worker = next;
                answer
            }
            Request::Drive(command) => match worker.take() {
                Some(running) => {
                    let (next, answer) = running.drive(command);
                    worker = next;
                    answer
                }
                None => BenchAnswer::Failed("no bench is set up".into()),
            },
        };
        let guest_ns = nanoseconds(start.elapsed());
        let (steal_ns, clock_step_ns) = (interference.steal_ns(), interference.clock_step_ns());
        write_frame(&mut out, &Reply { answer, guest_ns, steal_ns, clock_step_ns })?;
    }
}

fn hello(suite: &Suite) -> io::Result<Hello> {
    Ok(Hello {
        executable_sha256: sha256_of_self().map_err(io::Error::other)?,
        suite_digest: suite.digest(),
        facts: Facts::gather(),
        resident_bytes: resident_bytes(),
    })
}

/// Reads requests on a thread of its own, so that the end of the input is seen while a body runs.
fn read_requests() -> Receiver<Request> {
    let (sender, requests) = sync_channel(1);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            match read_frame(&mut input) {
                Ok(request) => {
                    if sender.send(request).is_err() {
                        return;
                    }
                }
                Err(FrameError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    end_group()
                }
                Err(error) => {
                    eprintln!("sevbench agent: the coordinator's request: {error}");
                    end_group()
                }
            }
        }
    });
    requests
}

/// Ends the agent and every process that its benches have started and left.
fn end_group() -> ! {
    // SAFETY: kill and getpgrp take no pointers. The group is this agent's own, made in `run_agent`; where it
    // could not be made, only the agent itself ends.
    unsafe {
        if libc::getpgrp() == libc::getpid() {
            libc::kill(0, libc::SIGKILL);
        }
    }
    std::process::exit(1)
}

/// VmRSS of this process; 0 where /proc is not readable.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    kib.unwrap_or(0_u64) * 1024
}
