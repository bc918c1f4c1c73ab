//! `guest up` and the process that it starts, which holds the guest until `guest down`.

use super::ArmChoice;
use sevbench_guest::{GuestError, HeldGuest, Interrupt};
use sevbench_runner::cli::{CliError, FAILED, catch_signals, print_text, tell};
use sevbench_text::format_duration;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// The longest time that a held guest may take to come up, including its disks.
const UP_LIMIT: Duration = Duration::from_secs(900);
/// How often the interrupt is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// What the holding process prints before the reason if its guest does not come up.
const FAILED_MARK: &str = "failed: ";

/// Starts a process that holds the guest, and waits until it reports that the guest is up.
pub(super) fn up(choice: &ArmChoice) -> Result<u8, CliError> {
    choice.machine()?;
    let interrupt = catch_signals().map_err(CliError::failed)?;
    let mut process = start_hold(choice)?;
    let line = match wait_for_line(&mut process, &interrupt) {
        Ok(line) => line,
        Err(error) => {
            end_hold(&mut process);
            return Err(error);
        }
    };
    if line.is_empty() {
        let status = process.wait().map_err(CliError::failed)?;
        let text = format!("the process that should hold the guest ended ({status})");
        return Err(CliError::failed(text));
    }
    if let Some(reason) = line.strip_prefix(FAILED_MARK) {
        process.wait().ok();
        return Err(CliError::failed(reason.replace('\t', "\n")));
    }
    print_text(&format!(
        "{line}\nlog in with `cargo sevbench guest ssh`; stop it with `cargo sevbench guest down`\n"
    ))?;
    Ok(0)
}

fn start_hold(choice: &ArmChoice) -> Result<Child, CliError> {
    let program = std::env::current_exe().map_err(CliError::failed)?;
    let mut command = Command::new(program);
    command.args(["guest", "hold", "--testbed", &choice.testbed, "--arm", &choice.arm]);
    if let Some(config) = &choice.settings.config {
        command.arg("--config").arg(config);
    }
    // In a process group of its own, it gets no signals from this terminal.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
    command.spawn().map_err(CliError::failed)
}

/// The first line that the process prints, or an empty one if it prints none.
///
/// # Errors
/// If the user interrupts, or the guest takes too long.
fn wait_for_line(process: &mut Child, interrupt: &Interrupt) -> Result<String, CliError> {
    let (sender, first_line) = sync_channel(1);
    let output = process.stdout.take();
    std::thread::spawn(move || {
        let line = output.and_then(|output| BufReader::new(output).lines().next()?.ok());
        sender.send(line.unwrap_or_default()).ok();
    });
    let deadline = Instant::now() + UP_LIMIT;
    loop {
        match first_line.recv_timeout(POLL_INTERVAL) {
            Ok(line) => return Ok(line),
            Err(RecvTimeoutError::Disconnected) => return Ok(String::new()),
            Err(RecvTimeoutError::Timeout) if interrupt.is_set() => {
                return Err(CliError::interrupted(GuestError::Interrupted));
            }
            Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
            Err(RecvTimeoutError::Timeout) => {
                let limit = format_duration(UP_LIMIT);
                return Err(CliError::failed(format!("the guest is not up after {limit}")));
            }
        }
    }
}

/// Asks the process to end its guest, which takes some seconds, and waits for that.
fn end_hold(process: &mut Child) {
    // SAFETY: kill takes two numbers. The process is our child and has not been waited for.
    unsafe { libc::kill(process.id().cast_signed(), libc::SIGTERM) };
    process.wait().ok();
}

pub(super) fn hold(choice: &ArmChoice) -> Result<u8, CliError> {
    let machine = choice.machine()?;
    let interrupt = catch_signals().map_err(CliError::failed)?;
    let mut ready = |guest: &HeldGuest| {
        let HeldGuest { arm, user, port, .. } = guest;
        let line = format!("the guest `{arm}` is up at {user}@127.0.0.1 port {port}");
        match report(&line) {
            Ok(()) => detach_from_terminal(),
            // `up` was killed, so nobody knows of the guest.
            Err(_) => interrupt.set(),
        }
    };
    let held = HeldGuest::hold(&choice.arm, &machine, &interrupt, &mut tell, &mut ready);
    if let Err(error) = held {
        let reason = error.to_string().replace('\n', "\t");
        report(&format!("{FAILED_MARK}{reason}")).map_err(CliError::failed)?;
        return Ok(FAILED);
    }
    Ok(0)
}

/// Prints a line for the process that waits for it.
fn report(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush())
}

/// Closes this process's ends of the output pipes, so that a reader of `up` does not wait for it.
fn detach_from_terminal() {
    if let Ok(null) = File::options().write(true).open("/dev/null") {
        for descriptor in [libc::STDOUT_FILENO, libc::STDERR_FILENO] {
            // SAFETY: dup2 takes two numbers. Both are open descriptors.
            unsafe { libc::dup2(null.as_raw_fd(), descriptor) };
        }
    }
}
