//! Tests of kills during a run: the message and status, a usable journal, and no process left.

use sevbench_testing::{Lab, Ran, eventually, signal};
use std::process::{Command, Stdio};

/// Long enough to be killed in its middle.
const LONG: [&str; 7] =
    ["--boots", "2", "--rounds", "200", "--measurement-time", "8s", "trials/(spin|rate)"];

fn analyzed(lab: &Lab) -> Ran {
    let run = std::fs::read_dir(lab.home.path())
        .unwrap()
        .flatten()
        .find(|entry| !entry.path().is_symlink())
        .unwrap();
    let mut analyze = Command::new(env!("CARGO_BIN_EXE_cargo-sevbench"));
    analyze.arg("analyze").arg(run.path()).env("SEVBENCH_HOME", lab.home.path());
    Ran::of(analyze.output().unwrap())
}

#[test]
fn killed_coordinator_leaves_a_usable_journal_and_no_process() {
    let lab = Lab::new();
    let mut child = lab.start(&LONG, 5);
    child.kill().unwrap();
    child.wait().unwrap();
    lab.assert_nothing_runs();
    analyzed(&lab).expect(0, &["the record is incomplete", "conditional on this boot"]);
}

#[test]
fn interrupted_run_is_analysed_and_says_so() {
    for number in [libc::SIGINT, libc::SIGTERM] {
        let lab = Lab::new();
        let child = lab.start(&LONG, 5);
        signal(child.id(), number);
        let ran = Ran::of(child.wait_with_output().unwrap());
        ran.expect(130, &["interrupted: this result covers what was measured before", "record: "]);
        assert_eq!(lab.summary()["run"]["outcome"], "interrupted");
        lab.assert_nothing_runs();
    }
}

#[test]
fn killed_agent_fails_its_bench_and_the_next_bench_runs() {
    let lab = Lab::new();
    let short =
        ["--boots", "1", "--rounds", "40", "--measurement-time", "2s", "trials/(spin|rate)"];
    let child = lab.start(&short, 3);
    signal(lab.processes("--sevbench-agent")[0], libc::SIGKILL);
    let ran = Ran::of(child.wait_with_output().unwrap());
    ran.expect(1, &["failed: trials/", "the agent ended (killed by SIGKILL)"]);
    assert_eq!(lab.summary()["comparisons"].as_array().unwrap().len(), 1);
    lab.assert_nothing_runs();
}

#[test]
fn killed_guest_loses_only_its_boot() {
    let lab = Lab::new();
    let short =
        ["--boots", "2", "--rounds", "40", "--measurement-time", "1s", "trials/(spin|rate)"];
    let child = lab.start(&short, 3);
    signal(lab.processes("--sevbench-loopback-server")[0], libc::SIGKILL);
    let ran = Ran::of(child.wait_with_output().unwrap());
    ran.expect(1, &["boot 1: the connection to the guest was lost", "failed: the guest in"]);
    let boots = |event: &serde_json::Value| {
        (event["event"] == "round").then(|| event["boot"].as_u64().unwrap())
    };
    assert!(lab.journal().iter().filter_map(boots).any(|boot| boot == 2));
    lab.assert_nothing_runs();
}

#[test]
fn killed_run_leaves_no_guest_folder() {
    let lab = Lab::new();
    let temporary = tempfile::tempdir().unwrap();
    let mut command = lab.command(&LONG);
    let command =
        command.env("TMPDIR", temporary.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = lab.wait_for_rounds(command.spawn().unwrap(), 3);
    assert!(std::fs::read_dir(temporary.path()).unwrap().count() > 0);
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("the guest folders are gone", || {
        std::fs::read_dir(temporary.path()).unwrap().count() == 0
    });
}
