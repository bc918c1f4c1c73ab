//! Tests of wrong usage: status 2, what to type, and nothing left behind.

use sevbench_testing::{Lab, Ran};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

#[track_caller]
fn check(arguments: &[&str], words: &[&str]) {
    let lab = Lab::new();
    lab.run(arguments).expect(2, words);
    assert_eq!(fs::read_dir(lab.home.path()).unwrap().count(), 0, "files were left behind");
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
    check(&["--precision", "-1"], &["write a percentage from 0.001 to 100"]);
    check(&["--precision", "1e-300"], &["write a percentage from 0.001 to 100"]);
    check(&["--list", "--format", "json"], &["a list has no JSON form", "--format terse"]);
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

/// Its margins can neither run code nor be missed unnoticed.
#[test]
fn margins_that_others_can_write_are_used_with_a_warning() {
    let lab = Lab::new();
    let config = lab.home.path().join("sevbench.toml");
    fs::write(&config, "[[margin]]\nbenches = \".*\"\npercent = 42\n").unwrap();
    fs::set_permissions(&config, Permissions::from_mode(0o666)).unwrap();
    let mut command = lab.command(&["--quick", "--boots", "2", "--verbose", "spin", "--config"]);
    let ran = Ran::of(command.arg(&config).output().unwrap());
    ran.expect(
        0,
        &[
            "warning: only the margins of the configuration are used: other users can write to",
            &format!("`chmod go-w {}`", config.display()),
        ],
    );
    assert_eq!(lab.summary()["comparisons"][0]["margin"], 0.42);
}

/// A record in a container must stay readable outside it.
#[test]
fn records_follow_the_umask() {
    let lab = Lab::new();
    let script = "umask 027; exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(sevbench_testing::trials());
    command.args(["--bench", "--quick", "--boots", "1", "spin"]);
    command.env("SEVBENCH_HOME", lab.home.path());
    Ran::of(command.output().unwrap()).expect(0, &[]);
    let run = lab.home.path().join("latest").canonicalize().unwrap();
    let mode = |name: &str| fs::metadata(run.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(""), mode("run.ndjson"), mode("summary.json")], [0o750, 0o640, 0o640]);
}

/// Its process has ended, and another one has its number.
#[test]
fn file_of_a_guest_that_is_gone_ends_no_process() {
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().join("held-guest");
    fs::create_dir(&folder).unwrap();
    let mut other = Command::new("sleep").arg("60").spawn().unwrap();
    let guest = serde_json::json!({
        "holder": other.id(), "holder_start": 1, "arm": "nosev", "port": 1, "user": "root"
    });
    fs::write(folder.join("guest.json"), guest.to_string()).unwrap();
    for arguments in [["guest", "down"], ["guest", "ssh"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-sevbench"));
        command.args(arguments).env("SEVBENCH_CACHE", cache.path());
        let ran = Ran::of(command.output().unwrap());
        ran.expect(2, &["no guest is running: start one with `cargo sevbench guest up`"]);
    }
    assert!(other.try_wait().unwrap().is_none(), "the other process was ended");
    other.kill().unwrap();
    other.wait().unwrap();
}

/// Whoever links to a shared configuration wants to know that it is gone.
#[test]
fn configuration_that_is_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("sevbench.toml");
    for (target, reason) in [("/nowhere/shared.toml", "No such file"), ("/tmp", "a directory")] {
        std::os::unix::fs::symlink(target, &config).unwrap();
        let lab = Lab::new();
        let mut command = lab.command(&["--quick", "--boots", "1", "spin"]);
        let ran = Ran::of(command.current_dir(folder.path()).output().unwrap());
        ran.expect(2, &["sevbench.toml", reason]);
        fs::remove_file(&config).unwrap();
    }
}

/// It must match the whole id, which is easily forgotten.
#[test]
fn margin_that_matches_part_of_an_id_is_warned_about() {
    let lab = Lab::new();
    let config = lab.home.path().join("sevbench.toml");
    let margins = "[[margin]]\nbenches = \"spin\"\npercent = 42\n\
                   [[margin]]\nbenches = \"memory/.*\"\npercent = 42\n";
    fs::write(&config, margins).unwrap();
    let mut command = lab.command(&["--quick", "--boots", "1", "spin", "--config"]);
    let ran = Ran::of(command.arg(&config).output().unwrap());
    ran.expect(0, &["the [[margin]] for `spin`", "matches no whole id", "write `.*spin.*`"]);
    assert_eq!(ran.err.matches("[[margin]]").count(), 1, "another suite's is not: {ran:#?}");
}

/// An argument can come from anywhere, and is quoted in errors.
#[test]
fn control_characters_of_arguments_are_escaped() {
    for arguments in [["--baseline", "\u{202e}x"], ["--seed", "\u{2066}\u{9b}2J"]] {
        let ran = Lab::new().run(&arguments);
        assert_eq!(ran.status, Some(2), "{ran:#?}");
        assert!(!ran.err.contains(|c: char| "\u{202e}\u{2066}\u{9b}".contains(c)), "{ran:#?}");
        assert!(ran.err.contains("\\u{"), "{ran:#?}");
    }
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let status = Lab::new().command(&["--help"]).stdout(full()).status().unwrap();
    assert_eq!(status.code(), Some(1), "help that cannot be printed");
}

/// As cargo, nextest and editors pass them to every test of a workspace.
#[test]
fn flags_of_libtest_are_understood() {
    let run = |arguments: &[&str]| Lab::new().run_as_test(arguments);
    let listed = run(&["--list", "--format", "terse", "trials/(rate|spin)$"]);
    assert_eq!(listed.out, "trials/spin: benchmark\ntrials/rate: benchmark\n", "{listed:#?}");
    let ignored = run(&["--list", "--format", "terse", "--ignored"]);
    assert_eq!((ignored.status, ignored.out.as_str()), (Some(0), ""), "{ignored:#?}");
    run(&["trials/spin", "--exact", "--nocapture"]).expect(0, &["1 passed"]);
    let threads =
        ["--nocapture", "--test-threads", "2", "-q", "--skip", "rate", "trials/(rate|spin)"];
    run(&threads).expect(0, &["test trials/spin ... ok", "1 passed"]);
    run(&["--ignored"]).expect(0, &["0 passed, 0 failed, 0 skipped"]);
    // The name of a unit test, in `cargo test --all-targets NAME`.
    run(&["some_unit_test"]).expect(0, &["0 passed, 0 failed, 0 skipped"]);
}
