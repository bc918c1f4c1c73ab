//! What these tests share: a list of checks with its own `main`, and the part that runs inside a
//! guest.

#![allow(clippy::unwrap_used, dead_code, reason = "a test may panic, and each uses a part")]

use sevbench_guest::{
    Address, Executable, Guest, GuestError, Interrupt, LOOPBACK_SERVER_ARGUMENT, Limits,
    RemoteProcess, Shipped, serve_loopback,
};
use sevbench_testing::{Skip, skip_is_failure};
use std::io::{self, Read, Write};
use std::panic;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Echoes standard input.
pub(crate) const ECHO: &str = "--echo";
/// Prints its process number, then computes forever.
pub(crate) const SPIN: &str = "--spin";
/// Writes a lot to standard error, then prints `done`.
pub(crate) const SHOUT: &str = "--shout";
/// Exits with the given status.
pub(crate) const EXIT: &str = "--exit";
/// Prints its arguments, one per line.
pub(crate) const ARGUMENTS: &str = "--arguments";

pub(crate) const SHOUT_LEN: usize = 4 << 20;

/// A check passes, or is skipped with a reason; it fails by a panic.
pub(crate) type CaseResult = Result<(), Skip>;

pub(crate) type Check = (&'static str, fn() -> CaseResult);

/// The part of these executables that runs in a child or in a guest; `None` if the checks should
/// run.
pub(crate) fn play_role() -> Option<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first()?.as_str() {
        LOOPBACK_SERVER_ARGUMENT => return Some(serve_loopback()),
        ECHO => echo(),
        SPIN => {
            say(&std::process::id().to_string());
            loop {
                std::hint::spin_loop();
            }
        }
        SHOUT => {
            let line = "shout ".repeat(100);
            (0..SHOUT_LEN / line.len()).for_each(|_| eprintln!("{line}"));
            say("done");
        }
        EXIT => std::process::exit(arguments[1].parse().unwrap()),
        ARGUMENTS => arguments.iter().skip(1).for_each(|argument| say(argument)),
        _ => return None,
    }
    Some(ExitCode::SUCCESS)
}

fn echo() {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut piece = [0; 65536];
    while let Ok(len @ 1..) = input.read(&mut piece) {
        if output.write_all(&piece[..len]).and_then(|()| output.flush()).is_err() {
            return;
        }
    }
}

pub(crate) fn say(line: &str) {
    println!("{line}");
    io::stdout().flush().unwrap();
}

/// Which checks the flags of libtest select. Cargo, nextest and editors pass them.
#[derive(Default)]
struct Selection {
    filters: Vec<String>,
    skips: Vec<String>,
    exact: bool,
    ignored: bool,
    list: bool,
}

impl Selection {
    fn of_arguments() -> Self {
        let mut selection = Self::default();
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--list" => selection.list = true,
                "--exact" => selection.exact = true,
                "--ignored" => selection.ignored = true,
                "--skip" => selection.skips.extend(words.next()),
                // Flags with a value that changes nothing here.
                "--test-threads" | "--format" | "--color" | "--logfile" => drop(words.next()),
                flag if flag.starts_with('-') => {}
                _ => selection.filters.push(word),
            }
        }
        selection
    }

    fn selects(&self, name: &str) -> bool {
        let matches = |text: &String| if self.exact { name == text } else { name.contains(text) };
        let is_wanted = self.filters.is_empty() || self.filters.iter().any(matches);
        // None of them is ignored.
        is_wanted && !self.skips.iter().any(matches) && !self.ignored
    }
}

/// Runs the checks that the arguments select.
pub(crate) fn run(checks: &[Check]) -> ExitCode {
    let selection = Selection::of_arguments();
    let checks = checks.iter().filter(|(name, _)| selection.selects(name));
    if selection.list {
        checks.for_each(|(name, _)| say(&format!("{name}: test")));
        return ExitCode::SUCCESS;
    }
    let is_required = skip_is_failure();
    let mut failed = 0;
    for (name, check) in checks {
        let start = Instant::now();
        let verdict = match panic::catch_unwind(check) {
            Ok(Ok(())) => "ok".to_owned(),
            Ok(Err(Skip(reason))) if !is_required => format!("skipped: {reason}"),
            Ok(Err(Skip(reason))) => {
                failed += 1;
                format!("FAILED, since SEVBENCH_REQUIRE_VM allows no skip: {reason}")
            }
            Err(_) => {
                failed += 1;
                "FAILED".to_owned()
            }
        };
        println!("test {name} ... {verdict} ({:.2} s)", start.elapsed().as_secs_f64());
    }
    if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// This executable, hashed once, since an unoptimised hash takes a while.
pub(crate) fn this() -> Executable {
    static THIS: OnceLock<Executable> = OnceLock::new();
    THIS.get_or_init(|| Executable::current().unwrap()).clone()
}

pub(crate) fn short_limits() -> Limits {
    Limits {
        connect: Duration::from_secs(5),
        request: Duration::from_secs(20),
        ..Limits::default()
    }
}

pub(crate) fn start(address: &Address) -> Result<Guest, GuestError> {
    Guest::start(address, &std::env::current_exe().unwrap(), &short_limits(), &Interrupt::new())
}

pub(crate) fn started(address: &Address) -> Guest {
    start(address).unwrap_or_else(|error| panic!("{error}"))
}

/// The error of a start that must fail with a message that contains `hint`.
#[track_caller]
pub(crate) fn refused(address: &Address, hint: &str) -> GuestError {
    let Err(error) = start(address) else { panic!("{address} was let in") };
    let message = error.to_string();
    assert!(message.contains(hint), "`{message}` does not say `{hint}`");
    error
}

/// Makes a FIFO, which waits for a writer when it is opened for reading.
pub(crate) fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Ships this executable and runs it in the guest.
#[track_caller]
pub(crate) fn spawn(guest: &mut Guest, arguments: &[&str]) -> RemoteProcess {
    let shipped = guest.ship(&this()).unwrap_or_else(|error| panic!("{error}"));
    guest.spawn(&shipped, arguments).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs this executable in a loopback guest without uploading it, since that takes a while.
#[track_caller]
pub(crate) fn spawn_in_place(guest: &mut Guest, arguments: &[&str]) -> RemoteProcess {
    let path = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    let shipped = Shipped { path, uploaded: false };
    guest.spawn(&shipped, arguments).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
pub(crate) fn assert_echoes(process: &mut RemoteProcess, message: &[u8]) {
    process.set_deadline(Instant::now() + Duration::from_secs(20));
    process.write_all(message).unwrap();
    process.flush().unwrap();
    let mut answer = vec![0; message.len()];
    process.read_exact(&mut answer).unwrap();
    assert!(answer == message, "another message came back");
}

/// Reads a line from a process.
pub(crate) fn read_line(from: &mut impl Read) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while from.read(&mut byte).unwrap() > 0 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
