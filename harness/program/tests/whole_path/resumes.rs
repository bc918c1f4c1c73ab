//! Tests of unfinished runs that are continued.

use serde_json::Value;
use sevbench_testing::{Lab, Ran, signal};
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

/// Three boots of two benches.
const PLAN: [&str; 8] =
    ["--boots", "3", "--rounds", "20", "--measurement-time", "600ms", "--seed", "5"];
const BENCHES: &str = "trials/(spin|rate)";

/// Starts the run, and ends it with a signal once it has this many rounds.
fn ended_by(lab: &Lab, number: i32, rounds: usize) -> Ran {
    let child = lab.start(&[&PLAN[..], &[BENCHES]].concat(), rounds);
    signal(child.id(), number);
    Ran::of(child.wait_with_output().unwrap())
}

fn journal_path(lab: &Lab) -> PathBuf {
    let runs = fs::read_dir(lab.home.path()).unwrap().flatten().map(|run| run.path());
    let mut runs: Vec<PathBuf> = runs.filter(|run| !run.is_symlink()).collect();
    assert_eq!(runs.len(), 1, "not exactly one run: {runs:?}");
    runs.remove(0).join("run.ndjson")
}

/// Each (boot, bench) whose rounds all ran.
fn measured(journal: &[Value]) -> BTreeSet<(u64, String)> {
    let measured = journal.iter().filter(|event| event["event"] == "measured");
    let key = |event: &Value| {
        (event["boot"].as_u64().unwrap(), event["bench"].as_str().unwrap().to_owned())
    };
    measured.map(key).collect()
}

#[track_caller]
fn assert_complete(lab: &Lab) {
    let (journal, summary) = (lab.journal(), lab.summary());
    for bench in ["trials/spin", "trials/rate"] {
        let boots = measured(&journal).iter().filter(|(_, id)| id == bench).count();
        assert_eq!(boots, 3, "{bench}");
    }
    assert_eq!(summary["run"]["outcome"], "complete");
    for comparison in summary["comparisons"].as_array().unwrap() {
        // A boot that was cut short counts too, with its rounds.
        assert!((3..=4).contains(&comparison["slowdown"]["boots"].as_u64().unwrap()));
    }
    assert_eq!(journal.iter().filter(|event| event["event"] == "calibration").count(), 2);
    lab.assert_nothing_runs();
}

#[test]
fn killed_run_is_continued_and_loses_nothing() {
    let lab = Lab::new();
    ended_by(&lab, libc::SIGKILL, 50);
    let path = journal_path(&lab);
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(br#"{"event":"round","boot":"#).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let whole = &text[..=text.rfind('\n').unwrap()];
    lab.run(&["--resume"]).expect(
        0,
        &["continuing ", "its incomplete last line was removed", "plan: 2 benches", "3 boots"],
    );
    let after = fs::read_to_string(&path).unwrap();
    assert!(after.starts_with(whole), "the recorded events have changed");
    assert!(lab.journal().iter().any(|event| event["event"] == "resumed"));
    assert_complete(&lab);
    let before = lab.journal().len();
    lab.run(&["--resume"]).expect(0, &["nothing to continue: every run of `trials` is complete"]);
    assert_eq!(lab.journal().len(), before);
}

#[test]
fn interrupted_run_is_continued_with_the_same_flags() {
    let lab = Lab::new();
    ended_by(&lab, libc::SIGINT, 30).expect(130, &[]);
    let same = [&PLAN[..], &["--resume", "--save-baseline", "main", BENCHES]].concat();
    lab.run(&same).expect(0, &["continuing ", "saved as the baseline `main`"]);
    fs::remove_dir_all(lab.home.path().join("baselines")).unwrap();
    journal_path(&lab);
    assert_complete(&lab);
}

#[test]
fn resume_rejects_changed_settings() {
    let lab = Lab::new();
    ended_by(&lab, libc::SIGKILL, 3);
    let before = fs::read_to_string(journal_path(&lab)).unwrap();
    for (arguments, words) in [
        (&["--rounds", "4"][..], &["its number of rounds is 20, not 4; drop --rounds"][..]),
        (&["--boots", "4"], &["its number of boots is 3, not 4"]),
        (&["--precision", "1"], &["its precision is none, not 1 %"]),
        (&["--quick"], &["drop --quick"]),
        (&["--margin", "5"], &["drop --margin"]),
        (&["--no-pause"], &["drop --no-pause"]),
        (&["--seed", "6"], &["its seed is 5; drop --seed"]),
        (&["trials/spin"], &["it measures trials/spin, trials/rate"]),
        (
            &["--treatment", "b=loopback"],
            &["its arms are nosev=loopback, aa=loopback", "--testbed"],
        ),
    ] {
        let words =
            [words, &["cannot continue the run", "start a new run without --resume"]].concat();
        lab.run(&[&["--resume"], arguments].concat()).expect(2, &words);
    }
    let before = sevbench_testing::unsealed(&before);
    let other = before.replacen(r#""executable_sha256":""#, r#""executable_sha256":"0"#, 1);
    fs::write(journal_path(&lab), other).unwrap();
    lab.run(&["--resume"])
        .expect(2, &["this executable is not the one that started it", "build that one again"]);
    fs::write(journal_path(&lab), before).unwrap();
    lab.run(&["--resume", "--max-time", "1min"]).expect(0, &[]);
    assert_complete(&lab);
}

#[test]
fn resume_refuses_a_run_in_progress() {
    let lab = Lab::new();
    let child = lab.start(&[&PLAN[..], &[BENCHES]].concat(), 3);
    lab.run(&["--resume"]).expect(2, &["a run is still writing"]);
    signal(child.id(), libc::SIGTERM);
    Ran::of(child.wait_with_output().unwrap()).expect(130, &[]);
}

/// A clock can be set back, so it does not decide which run is the newest.
#[test]
fn newest_run_is_continued_whatever_the_clock_said() {
    let lab = Lab::new();
    ended_by(&lab, libc::SIGKILL, 3);
    let first = journal_path(&lab);
    let text = sevbench_testing::unsealed(&fs::read_to_string(&first).unwrap());
    fs::write(&first, text.replacen(r#""started":"20"#, r#""started":"29"#, 1)).unwrap();
    ended_by(&lab, libc::SIGKILL, 40);
    let newest = lab.home.path().join("latest").canonicalize().unwrap();
    assert_ne!(newest, first.parent().unwrap().canonicalize().unwrap());
    let newest = newest.file_name().unwrap().to_str().unwrap().to_owned();
    lab.run(&["--resume"]).expect(0, &[&format!("continuing {newest} ")]);
}

#[test]
fn resume_without_a_run_is_refused() {
    let lab = Lab::new();
    lab.run(&["--resume"])
        .expect(2, &["the suite `trials` has no run to continue", "without --resume"]);
    assert_eq!(fs::read_dir(lab.home.path()).unwrap().count(), 0);
}

#[test]
fn resume_restores_arms_of_the_command_line() {
    let lab = Lab::new();
    let spun = ["--treatment", "slow=loopback?spin=1.5", "--boots", "1", "--rounds", "40"];
    let child = lab.start(&[&spun[..], &["--measurement-time", "2s", "trials/spin"]].concat(), 3);
    signal(child.id(), libc::SIGKILL);
    child.wait_with_output().unwrap();
    let refused = "it has no second arm on the control's machine; drop --aa";
    lab.run(&["--resume", "--aa"]).expect(2, &[refused]);
    lab.run(&["--resume"]).expect(0, &["slowdown of 1.5 injected"]);
    assert_eq!(lab.summary()["run"]["arms"][1]["injected"], 1.5);
}

#[test]
fn resume_accepts_the_aa_flag_of_the_run() {
    let lab = Lab::new();
    let spun = ["--treatment", "slow=loopback?spin=1.5", "--aa", "--boots", "1", "--rounds", "40"];
    let child = lab.start(&[&spun[..], &["--measurement-time", "2s", "trials/spin"]].concat(), 3);
    signal(child.id(), libc::SIGKILL);
    child.wait_with_output().unwrap();
    lab.run(&["--resume", "--aa"]).expect(0, &["continuing "]);
    let summary = lab.summary();
    let names = [1, 2].map(|arm| summary["run"]["arms"][arm]["name"].clone());
    assert_eq!(names, ["slow", "aa"]);
}

#[test]
fn resume_refuses_a_changed_file() {
    let lab = Lab::new();
    let long = ["--boots", "2", "--rounds", "200", "--measurement-time", "8s", "reads-its-file"];
    let child = lab.start(&long, 3);
    signal(child.id(), libc::SIGINT);
    Ran::of(child.wait_with_output().unwrap()).expect(130, &[]);
    let path = journal_path(&lab);
    let text = sevbench_testing::unsealed(&fs::read_to_string(&path).unwrap());
    fs::write(&path, text.replacen(r#""Cargo.toml":""#, r#""Cargo.toml":"0"#, 1)).unwrap();
    lab.run(&["--resume"]).expect(2, &["the file Cargo.toml has changed since it began"]);
}

/// Its header is what a run is known by, so a damaged one must not pass for none.
#[test]
fn run_with_an_unreadable_header_is_named() {
    let lab = Lab::new();
    lab.run(&["--quick", "--boots", "1", "spin"]).expect(0, &[]);
    let complete = journal_path(&lab);
    let odd = lab.home.path().join("20260101T000000Z-trials");
    fs::create_dir(&odd).unwrap();
    let journal = odd.join("run.ndjson");
    let analyze = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cargo-sevbench"));
        Ran::of(command.arg("analyze").env("SEVBENCH_HOME", lab.home.path()).output().unwrap())
    };
    let named = |reason: &str| {
        let warning = "warning: this run is left out: ";
        analyze().expect(0, &[warning, reason, "trials/spin"]);
        lab.run(&["--resume"]).expect(2, &[warning, reason, "what can be read is complete"]);
    };
    fs::write(&journal, "").unwrap();
    named("20260101T000000Z-trials/run.ndjson is not the journal of a run");
    let text = fs::read_to_string(&complete).unwrap();
    fs::write(&journal, text.replacen("\"seed\":", "\"seed\":1", 1)).unwrap();
    named("line 1: its checksum does not match");
    fs::remove_file(&journal).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&journal).status().unwrap().success());
    named("it is not a regular file");
    lab.run(&["--quick", "--boots", "1", "spin"]).expect(0, &["trials/spin"]);
}

/// A header with a valid checksum may still be nonsense.
#[test]
fn resume_refuses_a_header_that_no_run_began_with() {
    let lab = Lab::new();
    ended_by(&lab, libc::SIGKILL, 3);
    let path = journal_path(&lab);
    let text = sevbench_testing::unsealed(&fs::read_to_string(&path).unwrap());
    let (header, events) = text.split_once('\n').unwrap();
    let header: serde_json::Value = serde_json::from_str(header).unwrap();
    let one_arm = vec![header["arms"][0].clone()];
    for (pointer, value, defect) in [
        ("/arms", serde_json::json!([]), "fewer than two arms"),
        ("/arms", one_arm.into(), "fewer than two arms"),
        ("/settings/boots", 4_294_967_295_u32.into(), "number of boots"),
        ("/settings/rounds", 4_294_967_295_u32.into(), "number of rounds"),
        ("/settings/rounds", 0.into(), "number of rounds"),
        ("/settings/warm_up_ns", u64::MAX.into(), "one of its times"),
        ("/settings/confidence", 0.into(), "confidence level"),
    ] {
        let mut forged = header.clone();
        *forged.pointer_mut(pointer).unwrap() = value;
        fs::write(&path, format!("{forged}\n{events}")).unwrap();
        lab.run(&["--resume"]).expect(2, &["its header is damaged: ", defect]);
    }
}
