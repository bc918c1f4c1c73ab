//! Tests of wrong usage: status 2, what to type, and nothing left behind.

use sevbench_testing::Lab;
use std::process::Command;

#[track_caller]
fn check(arguments: &[&str], words: &[&str]) {
    let lab = Lab::new();
    lab.run(arguments).expect(2, words);
    assert_eq!(std::fs::read_dir(lab.home.path()).unwrap().count(), 0, "files were left behind");
}

#[test]
fn wrong_usage_says_what_to_type() {
    check(&["--bots", "3"], &["--boots"]);
    check(&["--boots", "0"], &["1..=10000"]);
    check(&["--testbed", "moon"], &["there is no testbed `moon`", "loopback"]);
    check(&["spim"], &["no bench matches `spim`", "trials/spin", "--list"]);
    check(&["("], &["not a regular expression", "--exact"]);
    check(&["--treatment", "ssh://host"], &["--treatment NAME=URL"]);
    check(&["--treatment", "a=ftp://host"], &["ssh://[user@]host[:port][?key=PATH]"]);
    check(&["--treatment", "snp=loopback"], &["has no protection"]);
    check(&["--treatment", "a=loopback?spin=0"], &["spin=1.10"]);
    check(&["--control", "ssh://root@host"], &["add --treatment NAME=URL"]);
    check(&["--confidence-level", "95"], &["between 0 and 1"]);
    check(&["--margin", "-3"], &["percentage"]);
    check(&["--precision", "-1"], &["write a percentage above 0"]);
    check(&["--boots", "-1"], &["1..=10000"]);
}

/// People who come from criterion learn which flag serves.
#[test]
fn flags_of_criterion_are_accepted_or_answered() {
    check(&["--sample-size", "10"], &["--rounds", "is a flag of criterion"]);
    check(&["--profile-time=5"], &["perf record"]);
    check(&["--load-baseline", "main"], &["cargo sevbench compare"]);
    check(&["--output-format", "bencher"], &["--format json"]);
    Lab::new().run(&["--noplot", "--list"]).expect(0, &["trials/spin: bench"]);
}

#[test]
fn list_names_every_bench() {
    Lab::new().run(&["--list"]).expect(0, &["trials/spin: bench", "trials/never-returns: bench"]);
}

#[test]
fn unknown_run_is_refused_with_the_existing_ones() {
    let lab = Lab::new();
    lab.run(&["--quick", "--boots", "2", "spin"]).expect(0, &[]);
    let mut analyze = Command::new(env!("CARGO_BIN_EXE_cargo-sevbench"));
    let output = analyze
        .args(["analyze", "nonesuch"])
        .env("SEVBENCH_HOME", lab.home.path())
        .output()
        .unwrap();
    let ran = sevbench_testing::Ran::of(output);
    ran.expect(2, &["`nonesuch` names no run, no baseline and no table", "-trials"]);
}
