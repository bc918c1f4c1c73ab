//! Runs of real programs: what is kept, and what ends them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use std::cell::Cell;

const AMPLE: Duration = Duration::from_secs(60);

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn run(script: &str, limit: Duration) -> Result<Output, ProgramError> {
    Program::new(&mut shell(script), limit).run()
}

#[test]
fn outputs_and_status_are_kept_apart() {
    let output = run("echo out; echo err >&2; exit 3", AMPLE).unwrap();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("out\n", "err\n"));
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn missing_program_is_named() {
    let error = Program::new(&mut Command::new("sevbench-absent"), AMPLE).run().unwrap_err();
    assert!(matches!(error, ProgramError::Missing { .. }), "{error}");
    assert!(error.to_string().contains("`sevbench-absent`"));
}

#[test]
fn program_that_takes_too_long_is_killed() {
    // The second has closed its outputs, the third never stops writing.
    for script in
        ["exec sleep 3600", "exec sleep 3600 >&- 2>&-", "while :; do echo more; sleep 0.01; done"]
    {
        let error = run(script, Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, ProgramError::TooLong { .. }), "{script}: {error}");
    }
}

#[test]
fn program_that_writes_too_much_is_killed() {
    for script in ["exec cat /dev/zero", "exec cat /dev/zero >&2"] {
        let error = run(script, AMPLE).unwrap_err();
        assert!(matches!(error, ProgramError::TooMuch { len_max: OUTPUT_LEN_MAX, .. }), "{error}");
    }
}

#[test]
fn output_of_the_largest_size_is_kept_whole() {
    let mut command = shell("head -c 1000 /dev/zero");
    let output = Program::new(&mut command, AMPLE).stdout(Capture::All(1000)).run().unwrap();
    assert_eq!(output.stdout.len(), 1000);
}

#[test]
fn start_of_an_endless_output_is_kept() {
    let mut command = shell("yes 2>/dev/null | head -c 1000000; true");
    let output = Program::new(&mut command, AMPLE).stdout(Capture::Start(4097)).run().unwrap();
    assert_eq!((output.stdout.len(), output.status.success()), (4097, true));
}

#[test]
fn tail_of_a_long_output_is_kept() {
    let mut command = shell("yes | head -c 1000000 >&2; echo end >&2");
    let program = Program::new(&mut command, AMPLE).stdout(Capture::Discard);
    let output = program.stderr(Capture::Tail).run().unwrap();
    assert_eq!(output.stderr.len(), 16 << 10);
    assert!(output.stderr.ends_with("y\nend\n"));
}

#[test]
fn lines_are_reported_as_they_arrive() {
    let mut lines = Vec::new();
    let mut report = |line: &str| lines.push(line.to_owned());
    let mut command = shell("echo one >&2; printf 'two\\nth' >&2; printf 'ree' >&2");
    let program = Program::new(&mut command, AMPLE).stderr(Capture::Tail);
    program.on_stderr_line(&mut report).run().unwrap();
    assert_eq!(lines, ["one", "two", "three"]);
}

#[test]
fn cancelled_program_ends_with_its_group() {
    let checks = Cell::new(0);
    let is_cancelled = || {
        checks.set(checks.get() + 1);
        checks.get() > 2
    };
    let mut command = shell("sleep 3600 | cat");
    let error = Program::new(&mut command, AMPLE).cancel_if(&is_cancelled).run().unwrap_err();
    assert!(matches!(error, ProgramError::Cancelled { .. }), "{error}");
}

#[test]
fn program_stays_in_our_process_group_if_asked_to() {
    // SAFETY: getpgrp takes no arguments and returns a number.
    let ours = unsafe { libc::getpgrp() }.to_string();
    let group = |group| {
        let mut command = shell("cut -d' ' -f5 /proc/$$/stat");
        Program::new(&mut command, AMPLE).group(group).run().unwrap().stdout.trim().to_owned()
    };
    assert_eq!(group(Group::Inherited), ours);
    assert_ne!(group(Group::Own), ours);
}
