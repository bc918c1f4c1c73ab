//! Tests of benches that fail or skip: each has its reason, none a number, and the others run.

use sevbench_testing::{Lab, Ran, eventually, is_alive};
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, Stdio};

#[test]
fn failures_are_reported_and_the_other_benches_run() {
    let lab = Lab::new();
    let ran = lab.run(&[
        "--quick",
        "--boots",
        "2",
        "spin|panics|wrong-|skips|ends-the-process|lacks-its",
    ]);
    ran.expect(
        1,
        &[
            "failed: trials/panics in nosev, boot 1: panicked: one is not above one",
            "trials.rs:",
            "failed: trials/lacks-its-file in nosev, boot 1: panicked:",
            "declare the file with Bench::file, embed it with include_bytes!",
            "failed: trials/wrong-result in aa, boot 2: panicked: a wrong byte at offset 7",
            "the agent ended (exit status 9); its last output:",
            "this is the last output",
            "skipped: trials/skips in aa, nosev: this guest has no flux capacitor (hint: add one)",
            "trials/spin",
        ],
    );
    let summary = lab.summary();
    let measured: Vec<_> =
        summary["comparisons"].as_array().unwrap().iter().map(|c| c["bench"].clone()).collect();
    assert_eq!(measured, ["trials/spin"]);
    lab.assert_nothing_runs();
}

#[test]
fn endless_body_is_ended_at_the_time_limit() {
    let lab = Lab::new();
    let ran = lab.run(&["--quick", "--boots", "1", "--timeout", "3s", "never-returns|spin"]);
    ran.expect(
        1,
        &["failed: trials/never-returns in", "no answer within 3s", "--timeout", "trials/spin"],
    );
    lab.assert_nothing_runs();
}

#[test]
fn test_mode_runs_each_body_once() {
    let lab = Lab::new();
    let ran = lab.run(&["--test", "spin|skips|panics|program"]);
    ran.expect(
        1,
        &[
            "test trials/spin ... ok",
            "test trials/program ... ok",
            "test trials/skips ... skipped",
            "test trials/panics ... FAILED",
            "2 passed, 1 failed, 1 skipped",
        ],
    );
}

/// A body that prints or reads, or whose child does, is measured like any other.
#[test]
fn bodies_may_print_and_read() {
    let lab = Lab::new();
    let benches = "noisy|fresh-environment";
    lab.run(&["--quick", "--boots", "2", benches])
        .expect(0, &["trials/noisy", "trials/fresh-environment"]);
    let mut command = lab.command(&["--test", "noisy"]);
    // A pipe that stays open: a body that reads it would wait for ever.
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let input = child.stdin.take();
    eventually("the test ends", || !is_alive(child.id()));
    drop(input);
    Ran::of(child.wait_with_output().unwrap()).expect(0, &["test trials/noisy ... ok"]);
}

#[test]
fn long_failure_is_cut() {
    let lab = Lab::new();
    let ran = lab.run(&["--quick", "--boots", "2", "boasts|spin"]);
    ran.expect(
        1,
        &["failed: trials/boasts in nosev, boot 1: panicked: boast boast", "more bytes)"],
    );
    assert!(ran.out.len() + ran.err.len() < 500_000, "the whole text was printed");
    assert_eq!(lab.summary()["comparisons"].as_array().unwrap().len(), 1);
}

/// On a file system of 32 KiB, the journal fits at first but then fills it.
#[test]
fn full_disk_keeps_the_recorded_rounds() {
    let lab = Lab::new();
    let script = "mount -t tmpfs -o size=32k none \"$SEVBENCH_HOME\" && shift 0 && \"$@\"; \
                  status=$?; cp -r \"$SEVBENCH_HOME\"/*/run.ndjson \"$KEEP\"; exit $status";
    let keep = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new("unshare");
    command.args(["-rm", "sh", "-c", script, "sh"]).arg(sevbench_testing::trials());
    command.args([
        "--bench",
        "--quick",
        "--rounds",
        "1000",
        "--boots",
        "1",
        "--measurement-time",
        "1s",
        "spin",
    ]);
    command.env("SEVBENCH_HOME", lab.home.path()).env("KEEP", keep.path());
    let ran = sevbench_testing::Ran::of(command.output().unwrap());
    if ran.err.contains("unshare") || ran.err.contains("mount:") {
        return sevbench_testing::skip(sevbench_testing::Skip(ran.err));
    }
    ran.expect(1, &["cannot write", "No space left on device", "free some space", "trials/spin"]);
    let kept = std::fs::read_to_string(keep.path().join("run.ndjson")).unwrap();
    assert!(kept.lines().filter(|line| line.contains(r#""event":"round""#)).count() > 10);
    lab.assert_nothing_runs();
}

/// As with `2>&1 | head -1`.
#[test]
fn closed_output_does_not_end_a_run() {
    let lab = Lab::new();
    let mut command = lab.command(&["--quick", "--boots", "2", "spin"]);
    let mut run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((run.stdout.take(), run.stderr.take()));
    assert_eq!(run.wait().unwrap().code(), Some(0));
    assert_eq!(lab.summary()["run"]["outcome"], "complete");
    lab.assert_nothing_runs();
}

/// Standard output and error of a terminal that was closed: writing fails with EIO.
fn closed_terminal() -> (File, File) {
    let flags = libc::O_RDWR | libc::O_NOCTTY;
    // SAFETY: the calls take numbers and a path that outlives them; the descriptor is ours alone.
    let master = unsafe {
        let descriptor = libc::posix_openpt(flags);
        assert!(libc::grantpt(descriptor) == 0 && libc::unlockpt(descriptor) == 0);
        OwnedFd::from_raw_fd(descriptor)
    };
    let mut number: libc::c_uint = 0;
    // SAFETY: this request writes one number to where the pointer leads.
    assert_eq!(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTN, &raw mut number) }, 0);
    let mut options = File::options();
    let terminal = options.read(true).write(true).custom_flags(libc::O_NOCTTY);
    let terminal = terminal.open(format!("/dev/pts/{number}")).unwrap();
    (terminal.try_clone().unwrap(), terminal)
}

/// As with `| head -1` and in a terminal that its user has closed, for whatever is printed.
#[test]
fn closed_output_is_no_failure_of_any_command() {
    let lab = Lab::new();
    lab.run(&["--quick", "--boots", "1", "spin"]).expect(0, &[]);
    let sevbench = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-sevbench"));
        command.args(arguments).env("SEVBENCH_HOME", lab.home.path());
        command
    };
    let commands = || {
        [
            lab.command(&["--list"]),
            lab.command(&["--test", "spin"]),
            lab.command(&["--quick", "--boots", "1", "spin"]),
            sevbench(&["analyze"]),
            sevbench(&["analyze", "--format", "json"]),
            sevbench(&["guest", "command"]),
        ]
    };
    for mut command in commands() {
        let mut run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop((run.stdout.take(), run.stderr.take()));
        assert_eq!(run.wait().unwrap().code(), Some(0), "closed pipes: {command:?}");
    }
    for mut command in commands() {
        let (out, err) = closed_terminal();
        let status = command.stdout(out).stderr(err).status().unwrap();
        assert_eq!(status.code(), Some(0), "a closed terminal: {command:?}");
    }
    lab.assert_nothing_runs();
}

#[test]
fn result_that_cannot_be_printed_is_stored() {
    let lab = Lab::new();
    let mut command = lab.command(&["--quick", "--boots", "2", "spin"]);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ran = Ran::of(command.stdout(full).stderr(Stdio::piped()).output().unwrap());
    ran.expect(1, &["error: cannot write to standard output: No space left"]);
    assert_eq!(lab.summary()["run"]["outcome"], "complete");
}

/// A list may be made at run time, so that one arm has what another lacks.
#[test]
fn bench_that_is_not_in_every_list_is_skipped() {
    let lab = Lab::new();
    let lists = sevbench_testing::example("lists");
    lab.run_example(&lists, &["--quick", "--boots", "2"]).expect(
        0,
        &[
            "lists/everywhere",
            "skipped: lists/only in the coordinator in aa, nosev: the list of benches that is made \
             in this arm lacks it (hint: list it everywhere;",
            "skipped: lists/only in the guest in aa, nosev: the list of benches that the \
             coordinator makes lacks it (hint:",
        ],
    );
    assert_eq!(lab.summary()["comparisons"].as_array().unwrap().len(), 1);
    let lab = Lab::new();
    let ran = lab.run_example(&lists, &["--quick", "--boots", "1", "everywhere"]);
    assert!(!ran.out.contains("skipped"), "{ran:#?}");
}

/// It is copied into every arm. What it held is part of the record.
#[test]
fn declared_file_is_where_the_body_runs() {
    let lab = Lab::new();
    let arguments = ["--quick", "--boots", "2", "reads-its-file"];
    lab.run(&arguments).expect(0, &["trials/reads-its-file"]);
    lab.run(&["--test", "reads-its-file"]).expect(0, &["test trials/reads-its-file ... ok"]);
    let journal = lab.journal();
    assert_eq!(journal[0]["files"]["Cargo.toml"].as_str().map(str::len), Some(64));
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = lab.command(&arguments);
    let ran = Ran::of(command.current_dir(elsewhere.path()).output().unwrap());
    ran.expect(
        2,
        &["cannot read Cargo.toml, a file of the bench trials/reads-its-file: No such file"],
    );
}
