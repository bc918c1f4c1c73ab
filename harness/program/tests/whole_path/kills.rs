//! Tests of kills during a run: the message and status, a usable journal, and no process left.

use sevbench_testing::{Lab, Ran, eventually, is_alive, signal, wait_while_running};
use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

/// Long enough to be killed in its middle.
const LONG: [&str; 7] =
    ["--boots", "2", "--rounds", "200", "--measurement-time", "8s", "trials/(spin|rate)"];

/// The folder of the only run. `latest` is set a moment after the first round is written.
fn only_run(lab: &Lab) -> PathBuf {
    let entries = fs::read_dir(lab.home.path()).unwrap().flatten().map(|entry| entry.path());
    let runs: Vec<_> = entries.filter(|path| !path.is_symlink()).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs[0].clone()
}

fn analyzed(lab: &Lab) -> Ran {
    let mut analyze = Command::new(env!("CARGO_BIN_EXE_cargo-sevbench"));
    analyze.arg("analyze").arg(only_run(lab)).env("SEVBENCH_HOME", lab.home.path());
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

/// All values are stored by then, so there is nothing to wait for. The summary is held up, since
/// its file is a FIFO that nobody reads.
#[test]
fn signal_after_the_last_round_ends_the_run_at_once() {
    let lab = Lab::new();
    let child = lab.start(&["--quick", "--boots", "6", "trials/spin"], 1);
    let run = only_run(&lab);
    let fifo = run.join("summary.json.tmp");
    let path = CString::new(fifo.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path is a C string that outlives the call.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    let has_ended = || lab.journal_text().contains(r#""event":"end""#);
    let limit = Duration::from_secs(60);
    let mut child = wait_while_running(child, limit, "the run has ended", has_ended);
    sleep(Duration::from_millis(500));
    assert!(is_alive(child.id()), "the summary was written to a FIFO");
    signal(child.id(), libc::SIGINT);
    eventually("the run ends", || !is_alive(child.id()));
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGINT));
    fs::remove_file(fifo).unwrap();
    analyzed(&lab).expect(0, &["complete", "trials/spin"]);
}

/// `timeout` signals a process and then its group; a terminal that closes sends SIGHUP twice.
#[test]
fn two_signals_at_once_are_one() {
    for (first, second) in [(libc::SIGTERM, libc::SIGTERM), (libc::SIGHUP, libc::SIGTERM)] {
        let lab = Lab::new();
        let child = lab.start(&LONG, 5);
        signal(child.id(), first);
        sleep(Duration::from_millis(5));
        signal(child.id(), second);
        Ran::of(child.wait_with_output().unwrap()).expect(130, &["trials/"]);
        assert_eq!(lab.summary()["run"]["outcome"], "interrupted");
        lab.assert_nothing_runs();
    }
}

/// As with Ctrl-S in a terminal, or a pipe that nobody reads.
#[test]
fn blocked_standard_error_keeps_no_signal_from_ending_a_run() {
    let lab = Lab::new();
    let mut command = lab.command(&LONG);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Fill the pipe. Its other end is never read.
    let pipe = child.stderr.take().unwrap();
    let mut filler = fs::OpenOptions::new();
    let filler = filler.write(true).custom_flags(libc::O_NONBLOCK);
    let mut filler = filler.open(format!("/proc/{}/fd/2", child.id())).unwrap();
    while filler.write(&[b'x'; 4096]).is_ok() {}
    let child = lab.wait_for_rounds(child, 3);
    signal(child.id(), libc::SIGTERM);
    let ran = Ran::of(child.wait_with_output().unwrap());
    ran.expect(130, &["trials/"]);
    drop(pipe);
    lab.assert_nothing_runs();
}

/// Its values are in the open file still.
#[test]
fn run_whose_folder_is_moved_has_a_result() {
    let lab = Lab::new();
    let child = lab.start(&["--quick", "--boots", "6", "trials/spin"], 1);
    let run = only_run(&lab);
    fs::rename(&run, run.with_extension("moved")).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    ran.expect(1, &["trials/spin", "error: cannot write ", "summary.json: No such file"]);
}

/// Each would disturb the other.
#[test]
fn loopback_run_beside_another_is_warned() {
    // Runs of other tests hold the lock now and then, so this test takes the place of the first.
    let is_open = |folder: &&str| {
        fs::metadata(folder).is_ok_and(|folder| folder.is_dir() && folder.mode() & 0o002 != 0)
    };
    let folder = ["/run/lock", "/tmp"].into_iter().find(is_open).unwrap();
    let path = Path::new(folder).join("sevbench-loopback.lock");
    // A run has made it, whoever was first.
    Lab::new().run(&["--quick", "--boots", "1", "trials/rate"]).expect(0, &[]);
    let lock = fs::File::open(path).unwrap();
    lock.lock().unwrap();
    let second = Lab::new().run(&["--quick", "--boots", "1", "trials/rate"]);
    let warning = format!("warning: process {} (", std::process::id());
    let words = "is using this host as well: the two runs disturb each other";
    second.expect(0, &[&warning, words]);
}

/// The folder of the only run without a round.
fn never_began(lab: &Lab) -> PathBuf {
    let runs = fs::read_dir(lab.home.path()).unwrap().flatten().map(|run| run.path());
    let has_no_round = |run: &PathBuf| {
        let text = fs::read_to_string(run.join("run.ndjson"));
        text.is_ok_and(|text| !text.contains(r#""event":"round""#))
    };
    let found: Vec<_> = runs.filter(has_no_round).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

/// The newest run that has a value: one that was killed, but not one that never began.
#[test]
fn newest_run_with_a_value_is_shown_and_named() {
    let lab = Lab::new();
    let analyze = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-sevbench"));
        Ran::of(command.arg("analyze").env("SEVBENCH_HOME", lab.home.path()).output().unwrap())
    };
    let title = |ran: &Ran| ran.out.lines().next().unwrap_or_default().to_owned();
    lab.run(&["--quick", "--boots", "2", "trials/rate"]).expect(0, &[]);
    let first = lab.summary()["run"]["id"].as_str().unwrap().to_owned();
    assert_eq!(title(&analyze()), format!("run {first}: complete"));

    let mut command = lab.command(&LONG);
    let before = lab.journal().iter().filter(|event| event["event"] == "round").count();
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut child = lab.wait_for_rounds(child, before + 5);
    child.kill().unwrap();
    child.wait().unwrap();
    let killed = analyze();
    killed.expect(0, &["trials/", "the record is incomplete"]);
    assert!(title(&killed).ends_with(": truncated") && !title(&killed).contains(&first));
    let latest = fs::read_link(lab.home.path().join("latest")).unwrap();
    assert_eq!(title(&killed), format!("run {}: truncated", latest.display()));

    let nowhere = "other=ssh://root@nonesuch.invalid";
    lab.run(&["--treatment", nowhere, "trials/rate"]).expect(1, &["no bench has a result"]);
    assert_eq!(title(&analyze()), title(&killed), "a run without a value is shown");
    assert_eq!(fs::read_link(lab.home.path().join("latest")).unwrap(), latest);

    // An older run that is continued does not become the newest one.
    lab.run(&["--quick", "--boots", "1", "trials/rate"]).expect(0, &[]);
    let newest = fs::read_link(lab.home.path().join("latest")).unwrap();
    assert_ne!(newest, latest);
    fs::remove_dir_all(never_began(&lab)).unwrap();
    let mut command = lab.command(&["--resume", "--max-time", "1s"]);
    Ran::of(command.output().unwrap()).expect(0, &["continuing "]);
    assert_eq!(fs::read_link(lab.home.path().join("latest")).unwrap(), newest);
    assert_eq!(title(&analyze()), format!("run {}: complete", newest.display()));
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

/// As under nohup.
#[test]
fn ignored_hangup_stays_ignored() {
    let lab = Lab::new();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(sevbench_testing::trials());
    command.args(["--bench", "--boots", "1", "--rounds", "60", "--measurement-time", "2s"]);
    command.args(["trials/spin"]).env("SEVBENCH_HOME", lab.home.path()).stdin(Stdio::null());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let child = lab.wait_for_rounds(child, 3);
    signal(child.id(), libc::SIGHUP);
    Ran::of(child.wait_with_output().unwrap()).expect(0, &["trials/spin"]);
    assert_eq!(lab.summary()["run"]["outcome"], "complete");
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
fn boot_that_lost_its_guest_is_made_up_for() {
    let lab = Lab::new();
    let short =
        ["--boots", "2", "--rounds", "40", "--measurement-time", "1s", "trials/(spin|rate)"];
    let child = lab.start(&short, 3);
    signal(lab.processes("--sevbench-loopback-server")[0], libc::SIGKILL);
    let ran = Ran::of(child.wait_with_output().unwrap());
    ran.expect(0, &["boot 1: the connection to the guest was lost", "failed: the guest in"]);
    let summary = lab.summary();
    assert_eq!(summary["run"]["outcome"], "complete");
    for comparison in summary["comparisons"].as_array().unwrap() {
        let boots = comparison["slowdown"]["boots"].as_u64().unwrap();
        assert!(boots >= 2, "{comparison}");
    }
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
    assert!(fs::read_dir(temporary.path()).unwrap().count() > 0);
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("the guest folders are gone", || {
        fs::read_dir(temporary.path()).unwrap().count() == 0
    });
}

/// If the servers are killed too, the next run removes what they left.
#[test]
fn next_run_removes_the_folder_of_a_killed_server() {
    let (lab, temporary) = (Lab::new(), tempfile::tempdir().unwrap());
    let (old, young) = (
        temporary.path().join("sevbench-loopback-old"),
        temporary.path().join("sevbench-loopback-young"),
    );
    fs::create_dir_all(old.join("bin")).unwrap();
    fs::create_dir(&young).unwrap();
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    fs::File::open(&old).unwrap().set_modified(hour_ago).unwrap();
    let mut command = lab.command(&["--quick", "--boots", "1", "trials/rate"]);
    command.env("TMPDIR", temporary.path());
    Ran::of(command.output().unwrap()).expect(0, &[]);
    assert!(!old.exists(), "it was left");
    assert!(young.exists(), "its server may just be starting");
}
