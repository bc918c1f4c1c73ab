//! The agent: serves the coordinator's requests inside a guest, over the standard input and output
//! that it was started with. Everything else that is printed goes to standard error. It knows
//! nothing about arms, rounds or statistics.

mod interference;
mod streams;
mod worker;

use crate::data_files::DataFiles;
use crate::frame::FrameError;
use crate::link::BenchAnswer;
use crate::message::{
    Conditions, Hello, Reply, Request, read_request, write_greeting, write_reply,
};
use crate::suite::Suite;
use interference::Interference;
use sevbench_facts::{Facts, sha256_of_self};
use sevbench_text::{format_duration, nanoseconds};
use std::fs::File;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};
use streams::take_protocol;
pub use streams::{OutputToError, empty_standard_input};
pub use worker::DIFFERENT_LISTS_HINT;
use worker::Worker;

/// An agent that receives no request for this long ends: by then, the coordinator's machine has
/// presumably vanished from the network.
const IDLE_MAX: Duration = Duration::from_secs(6 * 3600);

/// The same once the coordinator sends heartbeats: four of them.
const UNATTENDED_MAX: Duration = Duration::from_secs(60);

/// The parts in which an agent waits. If the guest's clock jumps, as after a pause, that ends one
/// part only, and what came during the pause is received in the next.
const WAIT_PARTS: u32 = 10;

/// Serves requests from standard input until it ends, then ends the process. Returns only if the
/// agent itself fails.
pub fn run_agent(suite: Suite) -> ExitCode {
    worker::record_panics();
    // The agent leads a process group, so that the external programs of a bench end with it.
    // SAFETY: setpgid takes no pointers. It fails for a session leader, which leads a group anyway.
    unsafe { libc::setpgid(0, 0) };
    match serve(suite) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn serve(suite: Suite) -> Result<(), FrameError> {
    let (input, mut out) = take_protocol()?;
    let suite = Arc::new(suite);
    write_greeting(&mut out, &hello(&suite)?)?;
    let messages = read_messages(input);
    let mut worker: Option<Worker> = None;
    let mut idle_max = IDLE_MAX;
    loop {
        let Some(message) = receive(&messages, idle_max) else {
            say(&format!("no message from the coordinator for {}", format_duration(idle_max)));
            end_group()
        };
        let Some((number, request)) = message else {
            idle_max = UNATTENDED_MAX;
            continue;
        };
        let interference = Interference::watch();
        let start = Instant::now();
        let answer = match request {
            Request::Start { bench, spin_factor, files } => {
                let files = DataFiles::shipped(files);
                let (next, answer) = Worker::start(&suite, &bench, spin_factor, files)?;
                worker = next;
                answer
            }
            Request::Drive(request) => match worker.take() {
                Some(running) => {
                    let (next, answer) = running.drive(request);
                    worker = next;
                    answer
                }
                None => BenchAnswer::Failed("no bench is set up".into()),
            },
        };
        let conditions = Conditions {
            guest_ns: Some(nanoseconds(start.elapsed())),
            steal_ns: interference.steal_ns(),
            clock_step_ns: interference.clock_step_ns(),
            ..Conditions::default()
        };
        write_reply(&mut out, number, &Reply { answer: answer.cut(), conditions })?;
    }
}

/// A request and its number, or `None` for a heartbeat.
type Message = Option<(u64, Request)>;

/// The next message, or `None` if there is none for this long. Does not return if the input ends.
fn receive(messages: &Receiver<Message>, limit: Duration) -> Option<Message> {
    (0..WAIT_PARTS).find_map(|_| match messages.recv_timeout(limit / WAIT_PARTS) {
        Ok(message) => Some(message),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => end_group(),
    })
}

fn hello(suite: &Suite) -> io::Result<Hello> {
    Ok(Hello {
        executable_sha256: sha256_of_self().map_err(io::Error::other)?,
        benches: suite.cases().iter().map(|case| case.id().to_owned()).collect(),
        facts: Facts::gather(),
        resident_bytes: resident_bytes(),
    })
}

/// Reads messages on a separate thread, which notices the end of the input while a body runs.
fn read_messages(mut input: File) -> Receiver<Message> {
    let (sender, messages) = sync_channel(1);
    std::thread::spawn(move || {
        loop {
            match read_request(&mut input) {
                Ok(message) => {
                    if sender.send(message).is_err() {
                        return;
                    }
                }
                Err(FrameError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    end_group()
                }
                Err(error) => {
                    say(&format!("cannot read the coordinator's request: {error}"));
                    end_group()
                }
            }
        }
    });
    messages
}

/// Prints a line on standard error, which may be closed. If the agent ends, the coordinator shows
/// the line.
fn say(text: &str) {
    writeln!(io::stderr(), "sevbench agent: {text}").ok();
}

/// Ends the agent and every process that its benches have started and not ended.
fn end_group() -> ! {
    // SAFETY: kill, getpgrp and getpid take no pointers. The group is killed only if this agent
    // leads it; otherwise only the agent exits.
    unsafe {
        if libc::getpgrp() == libc::getpid() {
            libc::kill(0, libc::SIGKILL);
        }
    }
    std::process::exit(1)
}

/// VmRSS of this process, or 0 if it cannot be read.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    kib.unwrap_or(0_u64) * 1024
}
