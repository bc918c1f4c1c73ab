//! Runs the bench executable `trials` in a folder of its own, and looks at what it leaves.

#![allow(dead_code, reason = "not every test that shares these parts uses them all")]

#[path = "../../../guest/tests/support/processes.rs"]
mod processes;
#[path = "../../../guest/tests/support/sshd.rs"]
pub(crate) mod sshd;

pub(crate) use processes::*;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Why a real part cannot be had; the name is what the servers of the guest's tests use.
pub(crate) enum Outcome {
    Skipped(String),
}

/// Prints why a test is skipped; where skips are not allowed, fails.
pub(crate) fn skip(Outcome::Skipped(reason): Outcome) {
    assert!(
        std::env::var("SEVBENCH_REQUIRE_VM").is_err(),
        "SEVBENCH_REQUIRE_VM is set, and: {reason}"
    );
    println!("skipped: {reason}");
}

/// The example `trials`, which cargo builds beside the tests.
pub(crate) fn trials() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples/trials");
    assert!(
        path.exists(),
        "{} is missing: run `cargo build -p sevbench --examples`",
        path.display()
    );
    path
}

/// A folder for runs, and what runs into it.
pub(crate) struct Lab {
    pub(crate) home: TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::Builder::new().prefix("sevbench-test-").tempdir().unwrap() }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(trials());
        command.arg("--bench").args(arguments).stdin(Stdio::null());
        command.env("SEVBENCH_HOME", self.home.path()).env_remove("RUST_BACKTRACE");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Starts a run and waits until its journal has so many rounds.
    pub(crate) fn start(&self, arguments: &[&str], rounds: usize) -> Child {
        let mut command = self.command(arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        self.wait_for_rounds(rounds);
        child
    }

    /// Waits until the journal has so many rounds; unoptimised executables start slowly.
    pub(crate) fn wait_for_rounds(&self, rounds: usize) {
        within(Duration::from_secs(60), "some rounds are recorded", || self.rounds() >= rounds);
    }

    pub(crate) fn has_rounds(&self, rounds: usize) -> bool {
        self.rounds() >= rounds
    }

    fn rounds(&self) -> usize {
        self.journal_text().lines().filter(|line| line.contains(r#""event":"round""#)).count()
    }

    fn journal_text(&self) -> String {
        let runs = fs::read_dir(self.home.path()).unwrap().flatten();
        let journals = runs
            .map(|run| run.path())
            .filter(|run| !run.is_symlink())
            .map(|run| run.join("run.ndjson"));
        journals.filter_map(|journal| fs::read_to_string(journal).ok()).collect()
    }

    pub(crate) fn journal(&self) -> Vec<Value> {
        self.journal_text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn summary(&self) -> Value {
        let path = self.home.path().join("latest/summary.json");
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    /// Processes that were started for this lab's runs, agents and servers included, with the argument.
    pub(crate) fn processes(&self, argument: &str) -> Vec<u32> {
        let mark = format!("SEVBENCH_HOME={}", self.home.path().display());
        let has = |file: PathBuf, text: &str| {
            fs::read(file).is_ok_and(|bytes| {
                bytes.split(|byte| *byte == 0).any(|part| part == text.as_bytes())
            })
        };
        let all = fs::read_dir("/proc").unwrap().flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.filter(|pid| {
            let folder = Path::new("/proc").join(pid.to_string());
            is_alive(*pid)
                && has(folder.join("environ"), &mark)
                && has(folder.join("cmdline"), argument)
        })
        .collect()
    }

    #[track_caller]
    pub(crate) fn assert_nothing_runs(&self) {
        for argument in ["--sevbench-agent", "--sevbench-loopback-server", "--bench"] {
            eventually(argument, || self.processes(argument).is_empty());
        }
    }
}

/// What a run printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The status is this, and standard output and error together say all of these.
    #[track_caller]
    pub(crate) fn expect(&self, status: i32, words: &[&str]) {
        assert_eq!(self.status, Some(status), "{self:#?}");
        for word in words {
            assert!(self.out.contains(word) || self.err.contains(word), "no `{word}` in {self:#?}");
        }
    }
}

/// What does not fit a schema of `fixtures`.
pub(crate) fn faults(schema: &str, document: &Value) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(schema);
    let schema = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(document).map(|error| error.to_string()).collect()
}
