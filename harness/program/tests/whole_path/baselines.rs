//! Tests of baselines: saved complete or not at all, replaced, and looked up before anything runs.

use serde_json::Value;
use sevbench_testing::{Lab, Ran, signal};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const SHORT: [&str; 4] = ["--quick", "--boots", "2", "trials/spin"];

fn baselines(lab: &Lab) -> Vec<String> {
    let entries = fs::read_dir(lab.home.path().join("baselines")).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// The folder of the suite `trials` in a baseline.
fn baseline(lab: &Lab, name: &str) -> PathBuf {
    lab.home.path().join("baselines").join(name).join("trials")
}

/// The id of the run that a baseline is a copy of, from either of its files.
fn run_of(lab: &Lab, name: &str) -> String {
    let read = |file| fs::read_to_string(baseline(lab, name).join(file)).unwrap();
    let summary: Value = serde_json::from_str(&read("summary.json")).unwrap();
    let header: Value = serde_json::from_str(read("run.ndjson").lines().next().unwrap()).unwrap();
    assert_eq!(summary["run"]["id"], header["id"]);
    header["id"].as_str().unwrap().to_owned()
}

#[test]
fn baseline_is_saved_compared_and_replaced() {
    let lab = Lab::new();
    let run = |more: &[&str]| lab.run(&[more, &SHORT].concat());
    run(&["--save-baseline", "main"]).expect(0, &["saved as the baseline `main`"]);
    let first = run_of(&lab, "main");
    assert_eq!(lab.summary()["run"]["id"], first.as_str());
    run(&["--baseline", "main", "--save-baseline", "main"])
        .expect(0, &["change since main", "saved as the baseline `main`"]);
    let change = &lab.summary()["comparisons"][0]["change"];
    assert_eq!(change["baseline"], "main");
    assert!(change["p_regressed_holm"].is_f64() && change["factor"]["low"].is_f64(), "{change}");
    assert_ne!(run_of(&lab, "main"), first, "the baseline was not replaced");
    assert_eq!(baselines(&lab), ["main"], "other folders are left");
}

#[test]
fn unusable_baseline_is_refused_before_anything_runs() {
    let lab = Lab::new();
    lab.run(&["--baseline", "main", "trials/spin"])
        .expect(2, &["there is no baseline `main`", "none yet", "--save-baseline main"]);
    assert_eq!(fs::read_dir(lab.home.path()).unwrap().count(), 0, "something was left behind");
    lab.run(&[&["--save-baseline", "v1"], &SHORT[..]].concat()).expect(0, &[]);
    lab.run(&["--baseline", "main", "trials/spin"]).expect(2, &["existing baselines: v1/trials;"]);
    lab.run(&["--baseline", "../v1", "trials/spin"]).expect(2, &["no dot at the start"]);
    lab.run(&["--save-baseline", "latest", "trials/spin"]).expect(2, &["is the newest run"]);
}

/// Two suites may have baselines of the same name, and neither replaces the other's.
#[test]
fn baseline_belongs_to_its_suite() {
    let lab = Lab::new();
    let save = || lab.run(&[&["--save-baseline", "v1"], &SHORT[..]].concat());
    let compare = |before: &str, now: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-sevbench"));
        let command = command.args(["compare", before, now]);
        Ran::of(command.env("SEVBENCH_HOME", lab.home.path()).output().unwrap())
    };
    save().expect(0, &[]);
    compare("v1", "latest").expect(0, &["trials/spin"]);
    let other = baseline(&lab, "v1").with_file_name("memory");
    fs::create_dir(&other).unwrap();
    let journal = fs::read_to_string(baseline(&lab, "v1").join("run.ndjson")).unwrap();
    let journal = sevbench_testing::unsealed(&journal);
    let of_memory = journal.replacen(r#""suite":"trials""#, r#""suite":"memory""#, 1);
    fs::write(other.join("run.ndjson"), &of_memory).unwrap();
    compare("v1", "latest").expect(2, &["name one of v1/memory, v1/trials"]);
    compare("v1/memory", "v1/trials").expect(0, &["trials/spin"]);
    let first = run_of(&lab, "v1");
    save().expect(0, &[]);
    assert_ne!(run_of(&lab, "v1"), first);
    assert_eq!(fs::read_to_string(other.join("run.ndjson")).unwrap(), of_memory);

    // An older version had no folder for the suite.
    fs::remove_dir_all(&other).unwrap();
    let name = baseline(&lab, "v1").parent().unwrap().to_owned();
    for file in ["run.ndjson", "summary.json"] {
        fs::rename(baseline(&lab, "v1").join(file), name.join(file)).unwrap();
    }
    lab.run(&[&["--baseline", "v1"], &SHORT[..]].concat()).expect(0, &["change since v1"]);
    save().expect(0, &[]);
    assert!(!name.join("run.ndjson").exists());
    compare("v1", "latest").expect(0, &["trials/spin"]);
}

/// A run without a result, or one that failed, replaces no baseline.
#[test]
fn empty_or_failed_run_is_not_saved() {
    let lab = Lab::new();
    lab.run(&[&["--save-baseline", "main"], &SHORT[..]].concat()).expect(0, &[]);
    let first = run_of(&lab, "main");
    for (bench, why) in [
        ("trials/skips", "not saved as the baseline `main`: no bench has a result"),
        ("trials/(spin|panics)", "not saved as the baseline `main`: a bench failed"),
    ] {
        lab.run(&["--quick", "--boots", "2", "--save-baseline", "main", bench]).expect(1, &[why]);
        assert_eq!(run_of(&lab, "main"), first);
    }
}

/// Standard output is written last: what cannot be printed is stored and saved all the same.
#[test]
fn full_standard_output_loses_nothing() {
    let lab = Lab::new();
    let mut command = lab.command(&[&["--save-baseline", "main"], &SHORT[..]].concat());
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = Ran::of(command.stdout(full).output().unwrap());
    ran.expect(1, &["cannot write to standard output", "saved as the baseline `main`"]);
    assert_eq!(lab.summary()["run"]["outcome"], "complete");
    assert_eq!(lab.summary()["run"]["id"], run_of(&lab, "main").as_str());
}

/// A gate that could not judge is refused before the run. A run that fails its gate is not saved.
#[test]
fn gate_refuses_a_baseline_too_noisy_to_judge() {
    let lab = Lab::new();
    // A busy machine may disturb a few rounds.
    let short = ["--boots", "7", "--rounds", "4", "--measurement-time", "40ms"];
    let run = |more: &[&str], bench: &str| lab.run(&[&short[..], more, &[bench]].concat());
    run(&["--save-baseline", "main"], "trials/spin").expect(0, &[]);
    let gate = ["--gate", "--baseline", "main"];
    run(&gate, "trials/rate").expect(2, &["the baseline `main` has no trials/rate in aa"]);
    let narrow = run(&[&gate[..], &["--margin", "0.0001"]].concat(), "trials/spin");
    narrow.expect(2, &["is too imprecise", "the interval of trials/spin in aa is ±"]);
    let first = run_of(&lab, "main");
    let slow = ["--treatment", "aa=loopback?spin=20", "--margin", "100", "--save-baseline", "main"];
    let failed = run(&[&gate[..], &slow].concat(), "trials/spin");
    failed.expect(
        3,
        &[
            "when one line is slower than before by twice the margin",
            "not saved as the baseline `main`",
        ],
    );
    assert_eq!(run_of(&lab, "main"), first);
    let single = ["--boots", "1", "--save-baseline", "one", "trials/spin"];
    lab.run(&single).expect(0, &[]);
    run(&["--gate", "--baseline", "one"], "trials/spin")
        .expect(2, &["`one` has too few boots of trials/spin in aa"]);
}

#[test]
fn incomplete_run_is_not_saved() {
    let lab = Lab::new();
    let long = ["--boots", "2", "--rounds", "200", "--measurement-time", "8s", "trials/spin"];
    let child = lab.start(&[&["--save-baseline", "main"], &long[..]].concat(), 3);
    signal(child.id(), libc::SIGINT);
    let ran = Ran::of(child.wait_with_output().unwrap());
    ran.expect(130, &["not saved as the baseline `main`: the run was interrupted"]);
    let stopped = ["--save-baseline", "main", "--treatment", "other=ssh://root@nonesuch.invalid"];
    lab.run(&[&stopped, &SHORT[..]].concat())
        .expect(1, &["not saved as the baseline `main`: the run is not complete"]);
    assert_eq!(baselines(&lab), Vec::<String>::new());
}

#[test]
fn baseline_that_cannot_be_saved_is_refused_before_anything_runs() {
    let lab = Lab::new();
    let refused = |words: &[&str]| {
        lab.run(&[&["--save-baseline", "main"], &SHORT[..]].concat()).expect(2, words);
    };
    fs::create_dir(lab.home.path().join("baselines")).unwrap();
    fs::write(lab.home.path().join("baselines/main"), "a file").unwrap();
    refused(&["baselines/main is something else; remove it"]);
    fs::remove_file(lab.home.path().join("baselines/main")).unwrap();
    fs::create_dir_all(baseline(&lab, "main")).unwrap();
    let other = baseline(&lab, "main").join("thesis.tex");
    fs::write(&other, "precious").unwrap();
    refused(&["baselines/main/trials is something else"]);
    assert!(other.exists());
}
