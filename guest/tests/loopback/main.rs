//! Real loopback guests: this executable is the parent, the server and the process in the guest.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod life;
#[path = "../support/mod.rs"]
mod support;

use life::{busy_guest, server_pid};
use sevbench_guest::{
    Address, Ending, Executable, Guest, GuestError, Interrupt, Limits, Shipped, SshError,
    is_interrupt,
};
use sevbench_testing::{Skip, signal};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use support::*;

/// Starts a guest with a process in it, prints the process numbers of both, and waits to be killed.
pub(crate) const HOLD: &str = "--hold";

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(HOLD) {
        hold();
    }
    play_role().unwrap_or_else(|| {
        run(&[
            ("round_trip", round_trip),
            ("arguments_pass_unchanged", arguments_pass_unchanged),
            ("endings_are_reported", endings_are_reported),
            ("much_on_standard_error", much_on_standard_error),
            ("a_large_message", a_large_message),
            ("deadline_and_interrupt", deadline_and_interrupt),
            ("shut_down_leaves_nothing", life::shut_down_leaves_nothing),
            ("drop_leaves_nothing", life::drop_leaves_nothing),
            ("a_stopped_server_is_killed", life::a_stopped_server_is_killed),
            ("killed_parent_leaves_nothing", life::killed_parent_leaves_nothing),
            ("killed_server_is_a_lost_connection", life::killed_server_is_a_lost_connection),
            ("orphans_end_with_the_guest", life::orphans_end_with_the_guest),
            ("closed_channel_ends_the_process", life::closed_channel_ends_the_process),
            ("idle_server_uses_no_cpu", life::idle_server_uses_no_cpu),
            ("other_executable_is_not_a_server", other_executable_is_not_a_server),
            ("other_keys_are_refused", other_keys_are_refused),
        ])
    })
}

fn hold() -> ! {
    let mut guest = started(&Address::Loopback);
    let mut process = spawn_in_place(&mut guest, &[SPIN]);
    let pid = read_line(&mut process);
    say(&format!("{} {pid}", server_pid()));
    loop {
        std::thread::park();
    }
}

fn round_trip() -> CaseResult {
    let start = Instant::now();
    let mut guest = started(&Address::Loopback);
    let connected = start.elapsed();
    assert!(guest.host_key_fingerprint().starts_with("SHA256:"));
    let shipped = guest.ship(&this()).unwrap();
    assert!(shipped.uploaded);
    let path = Path::new(&shipped.path);
    assert!(path.starts_with(std::env::temp_dir()), "{}", path.display());
    assert_eq!((mode(path), mode(path.parent().unwrap())), (0o700, 0o700));
    assert!(!guest.ship(&this()).unwrap().uploaded, "it was there already");
    let mut process = spawn(&mut guest, &[ECHO]);
    assert_echoes(&mut process, b"hello");
    println!("  to an echo: {:.0?}, connected after {connected:.0?}", start.elapsed());
    let times: Vec<_> = (0..2000)
        .map(|_| {
            let start = Instant::now();
            assert_echoes(&mut process, &[7; 100]);
            start.elapsed()
        })
        .collect();
    let mut times = times;
    times.sort();
    println!("  round trip of 100 bytes: median {:.0?}, 95 % {:.0?}", times[1000], times[1900]);
    process.close_input().unwrap();
    assert_eq!(process.read(&mut [0; 10]).unwrap(), 0);
    assert_eq!(process.ending(), Ending::Exited(0));
    guest.shut_down().unwrap();
    Ok(())
}

fn arguments_pass_unchanged() -> CaseResult {
    let mut guest = started(&Address::Loopback);
    let arguments = [ARGUMENTS, "two words", "it's", "$HOME", "*", "", "--", "`id`", "a\\b\"c"];
    let mut process = spawn_in_place(&mut guest, &arguments);
    let mut said = String::new();
    process.read_to_string(&mut said).unwrap();
    assert_eq!(said, arguments[1..].join("\n") + "\n");
    Ok(())
}

fn endings_are_reported() -> CaseResult {
    let mut guest = started(&Address::Loopback);
    let mut process = spawn_in_place(&mut guest, &[EXIT, "7"]);
    assert_eq!(process.ending(), Ending::Exited(7));
    assert!(process.cannot_run().is_none());
    let mut process = spawn_in_place(&mut guest, &[SPIN]);
    let pid = read_line(&mut process).parse().unwrap();
    signal(pid, libc::SIGKILL);
    assert_eq!(process.read(&mut [0]).unwrap(), 0);
    let ending = process.ending();
    assert_eq!(
        (&ending, ending.to_string().as_str()),
        (&Ending::Signalled("KILL".into()), "killed by SIGKILL")
    );

    let shipped = Shipped { path: "/nonesuch".into(), uploaded: false };
    let mut process = guest.spawn(&shipped, &[ECHO]).unwrap();
    assert_eq!(process.read(&mut [0]).unwrap(), 0);
    let error = process.cannot_run().unwrap();
    assert!(
        matches!(error, SshError::CannotRun { .. }) && error.to_string().contains("not found"),
        "{error}"
    );
    Ok(())
}

fn much_on_standard_error() -> CaseResult {
    let mut guest = started(&Address::Loopback);
    let mut process = spawn_in_place(&mut guest, &[SHOUT]);
    process.set_deadline(Instant::now() + Duration::from_secs(20));
    let mut said = String::new();
    process.read_to_string(&mut said).unwrap();
    assert_eq!(said, "done\n");
    let tail = process.stderr_tail();
    assert!(tail.len() <= 16 << 10 && tail.ends_with("shout shout"), "{}", tail.len());
    assert_eq!(process.ending(), Ending::Exited(0));
    Ok(())
}

fn a_large_message() -> CaseResult {
    let mut guest = started(&Address::Loopback);
    let mut process = spawn_in_place(&mut guest, &[ECHO]);
    let message: Vec<u8> = (0..1_u32 << 20).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
    let start = Instant::now();
    (0..8).for_each(|_| assert_echoes(&mut process, &message));
    println!("  8 MiB echoed, 1 MiB at a time, in {:.0?}", start.elapsed());
    Ok(())
}

fn deadline_and_interrupt() -> CaseResult {
    let interrupt = Interrupt::new();
    let mut guest =
        Guest::start(&Address::Loopback, &this().path, &Limits::default(), &interrupt).unwrap();
    let mut process = spawn_in_place(&mut guest, &[ECHO]);
    process.set_deadline(Instant::now() + Duration::from_millis(50));
    let error = process.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    process.set_deadline(Instant::now() + Duration::from_secs(60));
    interrupt.set();
    let error = process.read_exact(&mut [0]).unwrap_err();
    assert!(is_interrupt(&error), "{error:?}");
    assert!(matches!(guest.ship(&this()), Err(GuestError::Interrupted)));
    assert_eq!(process.ending(), Ending::Exited(0), "the way down is not interrupted");
    let again = Guest::start(&Address::Loopback, &this().path, &Limits::default(), &interrupt);
    assert!(matches!(again, Err(GuestError::Interrupted)));
    guest.shut_down().unwrap();
    Ok(())
}

fn other_executable_is_not_a_server() -> CaseResult {
    let shell = Executable::read(Path::new("/bin/sh")).unwrap();
    let result = Guest::start(&Address::Loopback, &shell.path, &short_limits(), &Interrupt::new());
    let Err(error) = result else { panic!("a shell is a server?") };
    let message = error.to_string();
    assert!(matches!(error, GuestError::Loopback(_)), "{message}");
    assert!(message.contains("before it listened (exit status: 2): "), "{message}");
    Ok(())
}

/// Others may find the port, but they do not have the key.
fn other_keys_are_refused() -> CaseResult {
    let (_guest, _process, server, ..) = busy_guest();
    let Some(port) = listening_port(server) else {
        return Err(Skip("cannot find the server's port".into()));
    };
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
    if !made.is_ok_and(|status| status.success()) {
        return Err(Skip("ssh-keygen is not installed".into()));
    }
    let known_hosts = folder.path().join("known_hosts");
    let scan =
        Command::new("ssh-keyscan").args(["-p", &port.to_string(), "127.0.0.1"]).output().unwrap();
    fs::File::create(&known_hosts).unwrap().write_all(&scan.stdout).unwrap();
    let address = format!(
        "ssh://sevbench@127.0.0.1:{port}?key={}&known_hosts={}",
        key.display(),
        known_hosts.display()
    );
    let error = refused(&Address::parse(&address).unwrap().0, "ssh-copy-id");
    assert!(matches!(error, GuestError::Ssh(SshError::Authentication { .. })), "{error}");
    Ok(())
}

/// The port on which a process listens, from the inodes of its sockets.
fn listening_port(pid: u32) -> Option<u16> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let links: Vec<_> = descriptors.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok()).collect();
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let socket = PathBuf::from(format!("socket:[{}]", fields[9]));
        let port = fields[1].rsplit(':').next()?;
        (fields[3] == "0A" && links.contains(&socket))
            .then(|| u16::from_str_radix(port, 16).ok())?
    })
}
