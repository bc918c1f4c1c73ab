//! Files of a record that cannot get their names, since something else has them. (Failed writes and
//! syncs of the journal itself are tried where it is written.)

use crate::run::plan;
use sevbench_testing::{Lab, Ran, count_faults};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the lab's only run.
fn run_folder(home: &Path) -> PathBuf {
    let entries = fs::read_dir(home).unwrap().flatten().map(|entry| entry.path());
    let mut runs = entries.filter(|path| path.join("run.ndjson").exists() && !path.is_symlink());
    runs.next().unwrap()
}

/// Puts something there that cannot be replaced: a folder, or a file where a folder should be.
fn occupy(path: PathBuf) -> PathBuf {
    match path.ends_with("baselines") {
        true => fs::write(&path, "text").unwrap(),
        false => fs::create_dir(&path).unwrap(),
    }
    path
}

/// What fails is named, and the rest is done. The result is in the journal in any case.
#[test]
fn names_that_are_taken_lose_nothing() {
    const NAMES: [&str; 4] = ["summary.json", "summary.json.tmp", "latest", "baselines"];
    for name in NAMES {
        let lab = Lab::new();
        let home = lab.home.path();
        let is_of_run = name.starts_with("summary");
        // The link exists after the first round; a baseline that cannot be saved is refused early.
        let early = (name == "latest").then(|| occupy(home.join(name)));
        let child = lab.start(&plan("2", &["--save-baseline", "main"]), 1);
        let folder = if is_of_run { run_folder(home) } else { home.to_owned() };
        let taken = early.unwrap_or_else(|| occupy(folder.join(name)));
        let ran = Ran::of(child.wait_with_output().unwrap());
        ran.expect(1, &["error: cannot write ", "trials/spin"]);
        lab.assert_nothing_runs();
        // A baseline holds the summary, but does not depend on `latest`.
        let is_saved = home.join("baselines/main/trials/run.ndjson").exists();
        assert_eq!(is_saved, name == "latest", "{ran:#?}");
        fs::remove_dir(&taken).or_else(|_| fs::remove_file(&taken)).unwrap();
        let mut analyze = Command::new(env!("CARGO_BIN_EXE_cargo-sevbench"));
        analyze.arg("analyze").env("SEVBENCH_HOME", home);
        Ran::of(analyze.output().unwrap()).expect(0, &["complete", "trials/spin", "trials/rate"]);
        lab.run(&["--resume"]).expect(0, &["nothing to continue"]);
    }
    count_faults(NAMES.len(), "names that were taken survived");
}
