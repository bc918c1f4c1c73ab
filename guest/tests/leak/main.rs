//! Probes of real processes and of a real machine for a secret. The searcher never holds the
//! secret: a child or a guest does.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod machine;
#[path = "../support/mod.rs"]
mod support;

use sevbench_guest::leak::{
    Dump, DumpMethod, LeakError, LeakProbe, SECRET_ARGUMENT, SearchResult, SecretReport,
    hold_secret, probe_for_secret, search,
};
use sevbench_guest::{Address, Executable, Interrupt};
use sevbench_testing::{Skip, eventually, is_alive};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use support::*;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(SECRET_ARGUMENT) {
        return hold_secret();
    }
    play_role().unwrap_or_else(|| run(&CHECKS))
}

const CHECKS: [Check; 9] = [
    ("secret_is_found_in_the_process_that_holds_it", found_in_its_process),
    ("secret_is_found_in_a_core_file", found_in_a_core_file),
    ("secret_is_not_found_in_another_process", not_found_elsewhere),
    ("secret_process_ends_with_its_input_and_repeats_its_report", ends_with_its_input),
    ("secret_process_ends_with_the_connection", ends_with_the_connection),
    ("interrupted_core_file_leaves_nothing_and_harms_no_process", interrupted_core_file),
    ("unsearchable_processes_are_refused_before_the_start", refused_before_the_start),
    ("guest_that_sevbench_did_not_boot_is_refused", no_machine),
    (
        "secret_in_a_real_guest_is_found_at_the_reported_address",
        machine::found_at_the_reported_address,
    ),
];

/// A child that holds a secret.
pub(crate) struct SecretProcess {
    pub(crate) child: Child,
    pub(crate) secret: SecretReport,
}

impl SecretProcess {
    pub(crate) fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(SECRET_ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let line = read_line(child.stdout.as_mut().unwrap());
        Self { child, secret: SecretReport::parse(&line).unwrap() }
    }

    fn searched_in(&self, dump: &Dump) -> SearchResult {
        search(dump, &self.secret, &mut |_| Ok(())).unwrap()
    }
}

impl Drop for SecretProcess {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// All 1024 copies are found, and the first is shown with the bytes around it.
#[track_caller]
fn assert_found(result: &SearchResult) {
    assert!(result.hits >= 1024, "{} hits", result.hits);
    let first = result.first.as_ref().unwrap();
    assert_eq!(first.around.len(), (first.address - first.around_address) as usize + 64 + 32);
    assert!(result.nonzero_len >= 60_000 && result.nonzero_len <= result.read_len);
}

fn found_in_its_process() -> CaseResult {
    let holder = SecretProcess::start();
    assert_found(&holder.searched_in(&Dump::of_process(holder.child.id()).unwrap()));
    Ok(())
}

fn found_in_a_core_file() -> CaseResult {
    let holder = SecretProcess::start();
    match Dump::of_core(holder.child.id(), &Interrupt::new()) {
        Err(error @ LeakError::NoGdb) => return Err(Skip(error.to_string())),
        dump => assert_found(&holder.searched_in(&dump.unwrap())),
    }
    assert!(is_alive(holder.child.id()));
    Ok(())
}

fn not_found_elsewhere() -> CaseResult {
    let (holder, other) = (SecretProcess::start(), SecretProcess::start());
    let result = holder.searched_in(&Dump::of_process(other.child.id()).unwrap());
    assert_eq!((result.hits, result.first), (0, None));
    assert!(result.nonzero_pages > 16);
    Ok(())
}

fn ends_with_its_input() -> CaseResult {
    let mut holder = SecretProcess::start();
    drop(holder.child.stdin.take());
    let line = read_line(holder.child.stdout.as_mut().unwrap());
    assert_eq!(SecretReport::parse(&line).unwrap(), holder.secret);
    let mut rest = Vec::new();
    holder.child.stdout.as_mut().unwrap().read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    assert!(holder.child.wait().unwrap().success());
    Ok(())
}

fn ends_with_the_connection() -> CaseResult {
    let mut guest = started(&Address::Loopback);
    let mut process = spawn_in_place(&mut guest, &[SECRET_ARGUMENT]);
    SecretReport::parse(&read_line(&mut process)).unwrap();
    let holders = || processes_with(SECRET_ARGUMENT);
    assert_eq!(holders().len(), 1);
    drop(process);
    drop(guest);
    eventually("the secret process is gone", || holders().is_empty());
    Ok(())
}

fn interrupted_core_file() -> CaseResult {
    let holder = SecretProcess::start();
    let interrupt = Interrupt::new();
    interrupt.set();
    match Dump::of_core(holder.child.id(), &interrupt) {
        Err(LeakError::Interrupted) => {}
        Err(error @ LeakError::NoGdb) => return Err(Skip(error.to_string())),
        other => panic!("{other:?}"),
    }
    let id = holder.child.id();
    let status = || std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    eventually("nobody holds it any more", || status().contains("TracerPid:\t0"));
    eventually("it goes on", || status().contains("State:\tS"));
    Ok(())
}

fn refused_before_the_start() -> CaseResult {
    let look = |process_id| LeakProbe {
        method: DumpMethod::Mem,
        process_id: Some(process_id),
        memory_len: 1,
    };
    let executable = Executable::current().unwrap();
    assert!(matches!(look(std::process::id()).check(&executable), Err(LeakError::OurOwn { .. })));
    assert!(matches!(look(999_999_999).check(&executable), Err(LeakError::NoProcess { .. })));
    let mut child = Command::new("true").spawn().unwrap();
    eventually("it has ended", || !is_alive(child.id()));
    assert!(matches!(look(child.id()).check(&executable), Err(LeakError::NoMemory { .. })));
    child.wait().unwrap();
    let shell = Executable::read(Path::new("/bin/sh")).unwrap();
    let error = look(child.id()).check(&shell).unwrap_err().to_string();
    assert!(error.contains("dynamically linked (needs /lib"), "{error}");
    assert!(error.contains("type `RUSTFLAGS='-C target-feature=+crt-static' cargo"), "{error}");
    Ok(())
}

fn no_machine() -> CaseResult {
    let mut guest = started(&Address::Loopback);
    let look = LeakProbe { method: DumpMethod::Mem, process_id: None, memory_len: 1 << 30 };
    let looked = probe_for_secret(&mut guest, &this(), &look, &Interrupt::new(), &mut |_| {});
    assert!(matches!(looked, Err(LeakError::NoMachine)));
    Ok(())
}

/// Processes of this executable that were started with an argument.
fn processes_with(argument: &str) -> Vec<u32> {
    let ours = std::env::current_exe().unwrap();
    let is_ours = |pid: &u32| {
        let exe = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        exe == ours && line.split(|byte| *byte == 0).any(|word| word == argument.as_bytes())
    };
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(is_ours).collect()
}
