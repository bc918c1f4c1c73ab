//! Runs the bench executable `trials` in a private folder, and reads the records there.

use crate::announce::announce;
use crate::processes::{eventually, processes_of};
use crate::workspace::fixture;
use serde_json::Value;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Why a test cannot run here: this machine lacks a real part, such as a server.
#[derive(Debug)]
pub struct Skip(pub String);

/// Whether a skipped test is a failure: `SEVBENCH_REQUIRE_VM` is set and not empty.
pub fn skip_is_failure() -> bool {
    std::env::var_os("SEVBENCH_REQUIRE_VM").is_some_and(|value| !value.is_empty())
}

/// Prints why a test is skipped; where skips are not allowed, fails.
pub fn skip(Skip(reason): Skip) {
    assert!(!skip_is_failure(), "SEVBENCH_REQUIRE_VM is set, but this test cannot run: {reason}");
    announce(&format!("skipped: {reason}"));
}

/// The example `trials`. See [`example`].
pub fn trials() -> PathBuf {
    static TRIALS: OnceLock<PathBuf> = OnceLock::new();
    TRIALS.get_or_init(|| example("trials")).clone()
}

/// An example, which cargo builds beside the tests. With `cargo test --test …`, cargo does not
/// build it; a missing or outdated one is refused.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    let build = "run `cargo build -p cargo-sevbench --examples`";
    assert!(path.exists(), "{} is missing: {build}", path.display());
    let built = fs::metadata(&path).unwrap().modified().unwrap();
    // Cargo lists the sources as `target: source source …`.
    let list = fs::read_to_string(path.with_extension("d")).unwrap();
    let mut sources = list.split_once(": ").unwrap().1.split_whitespace();
    let is_newer =
        |source: &&str| fs::metadata(source).is_ok_and(|source| source.modified().unwrap() > built);
    if let Some(source) = sources.find(is_newer) {
        panic!("{} is older than {source}: {build}", path.display());
    }
    path
}

/// A private `SEVBENCH_HOME`, and a private folder for temporary files. Dropping the lab removes
/// both, with all its runs.
pub struct Lab {
    /// The folder of the runs.
    pub home: TempDir,
    temporary: TempDir,
}

impl Lab {
    /// An empty lab.
    #[expect(clippy::new_without_default, reason = "it creates a folder")]
    pub fn new() -> Self {
        let folder = || tempfile::Builder::new().prefix("sevbench-test-").tempdir().unwrap();
        Self { home: folder(), temporary: folder() }
    }

    /// The command of a bench run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(&trials(), arguments)
    }

    /// Runs the benches as `cargo test` does.
    pub fn run_as_test(&self, arguments: &[&str]) -> Ran {
        let mut command = self.in_lab(&trials());
        Ran::of(command.args(arguments).output().unwrap())
    }

    fn command_of(&self, executable: &Path, arguments: &[&str]) -> Command {
        let mut command = self.in_lab(executable);
        command.arg("--bench").args(arguments);
        command
    }

    fn in_lab(&self, executable: &Path) -> Command {
        let mut command = Command::new(executable);
        command.stdin(Stdio::null());
        command.env("SEVBENCH_HOME", self.home.path()).env_remove("RUST_BACKTRACE");
        command.env("TMPDIR", self.temporary.path());
        with_default_signals(&mut command);
        command
    }

    /// Runs the benches to the end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Runs the benches of another executable to the end.
    pub fn run_example(&self, executable: &Path, arguments: &[&str]) -> Ran {
        Ran::of(self.command_of(executable, arguments).output().unwrap())
    }

    /// Starts a run and waits until its journal has this many rounds.
    pub fn start(&self, arguments: &[&str], rounds: usize) -> Child {
        let mut command = self.command(arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        self.wait_for_rounds(child, rounds)
    }

    /// Waits until the journal of this run has this many rounds, and returns the run. Unoptimised
    /// executables start slowly.
    pub fn wait_for_rounds(&self, child: Child, rounds: usize) -> Child {
        wait_while_running(child, Duration::from_secs(60), "the journal has enough rounds", || {
            self.rounds() >= rounds
        })
    }

    /// Whether the journals hold at least this many rounds.
    pub fn has_rounds(&self, rounds: usize) -> bool {
        self.rounds() >= rounds
    }

    fn rounds(&self) -> usize {
        self.journal_text().lines().filter(|line| line.contains(r#""event":"round""#)).count()
    }

    /// The text of all journals. Its last line may be incomplete.
    pub fn journal_text(&self) -> String {
        let runs = fs::read_dir(self.home.path()).unwrap().flatten();
        let journals = runs
            .map(|run| run.path())
            .filter(|run| !run.is_symlink())
            .map(|run| run.join("run.ndjson"));
        journals.filter_map(|journal| fs::read_to_string(journal).ok()).collect()
    }

    /// The events of all journals.
    pub fn journal(&self) -> Vec<Value> {
        self.journal_text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The newest run's summary.
    pub fn summary(&self) -> Value {
        let path = self.home.path().join("latest/summary.json");
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    /// The processes of this lab's runs that have this argument, including agents and servers.
    pub fn processes(&self, argument: &str) -> Vec<u32> {
        // The home of a loopback guest is a temporary folder; its processes see nothing else.
        processes_of(&[self.home.path(), self.temporary.path()], argument)
    }

    /// Asserts that no coordinator, agent or loopback server of this lab is alive.
    #[track_caller]
    pub fn assert_nothing_runs(&self) {
        for argument in ["--sevbench-agent", "--sevbench-loopback-server", "--bench"] {
            eventually(argument, || self.processes(argument).is_empty());
        }
    }
}

/// The lines of a journal without their checksums, so that a test may change them.
pub fn unsealed(journal: &str) -> String {
    let unseal = |line: &str| match line.rsplit_once(r#","crc32":""#) {
        Some((before, _)) => format!("{before}}}\n"),
        None => format!("{line}\n"),
    };
    journal.lines().map(unseal).collect()
}

/// Waits up to `limit` until `holds` returns true. Panics with the run's output if the limit
/// passes, or at once if the run ends first.
#[track_caller]
pub fn wait_while_running(
    mut child: Child,
    limit: Duration,
    what: &str,
    holds: impl Fn() -> bool,
) -> Child {
    let end = Instant::now() + limit;
    while !holds() {
        let status = child.try_wait().unwrap();
        if status.is_some() && !holds() {
            let ran = Ran::of(child.wait_with_output().unwrap());
            panic!("the run ended before {what}: {ran:#?}");
        }
        if Instant::now() >= end {
            child.kill().unwrap();
            let ran = Ran::of(child.wait_with_output().unwrap());
            panic!("timed out after {limit:?} waiting until {what}: {ran:#?}");
        }
        sleep(Duration::from_millis(5));
    }
    child
}

/// The output and the exit status of a run.
#[derive(Debug)]
pub struct Ran {
    /// The exit status, or `None` after a signal.
    pub status: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// From the output of a finished process.
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Asserts the status, and that standard output or error contains each of these texts.
    #[track_caller]
    pub fn expect(&self, status: i32, words: &[&str]) {
        assert_eq!(self.status, Some(status), "{self:#?}");
        for word in words {
            assert!(self.out.contains(word) || self.err.contains(word), "no `{word}` in {self:#?}");
        }
    }
}

/// How a document violates a JSON Schema from `fixtures`.
pub fn faults(schema: &str, document: &Value) -> Vec<String> {
    let schema = serde_json::from_str(&fixture(schema)).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(document).map(|error| error.to_string()).collect()
}

/// Resets the signals that end a run. A test may have been started with them ignored, as in the
/// background of a script.
fn with_default_signals(command: &mut Command) {
    let reset = || {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
            // SAFETY: it sets the default action, which is no function.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls only, which is safe between fork and exec.
    unsafe { command.pre_exec(reset) };
}
