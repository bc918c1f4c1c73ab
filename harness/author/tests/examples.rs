//! Each example runs.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command;

#[test]
fn each_example_lists_its_benches_and_runs_them_once() {
    for (name, ids) in [
        ("async", &["futures/datagram"][..]),
        ("hash", &["hash/sha256/4KiB", "hash/sha256/256KiB", "hash/sha256/16MiB"]),
        ("program", &["program/dd"]),
        ("sort", &["sort/stable", "sort/unstable"]),
        ("threads", &["threads/round-trip"]),
    ] {
        let run = |argument: &str| {
            let output = Command::new(sevbench_testing::example(name)).arg(argument).output();
            let output = output.unwrap();
            assert!(output.status.success(), "{name}: {output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        assert!(run("--list").lines().eq(ids.iter().map(|id| format!("{id}: bench"))), "{name}");
        let tested = run("--test");
        for id in ids {
            let is_fine = [" ... ok", " ... skipped: this guest has one CPU"];
            assert!(is_fine.iter().any(|end| tested.contains(&format!("{id}{end}"))), "{tested}");
        }
    }
}
