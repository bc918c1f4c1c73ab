//! Tests of guests that fail: the message, a usable record, and nothing left behind.

use crate::Host;
use serde_json::Value;
use sevbench_testing::{Ran, eventually, is_alive, signal, wait_while_running};
use std::process::{Child, Stdio};
use std::time::Duration;

/// The longest time until two emulated guests are up with the executable in each.
const BOOTS: Duration = Duration::from_secs(300);
/// Long enough to be disturbed in its middle.
const LONG: [&str; 8] =
    ["--boots", "1", "--rounds", "400", "--measurement-time", "80s", "--timeout", "5s"];
/// No boot makes up for one that lost its guest.
const ONCE: [&str; 2] = ["--max-time", "1s"];

impl Host {
    /// Starts a run and waits until it has recorded three rounds.
    fn start(&self) -> Child {
        let mut command = self.command(&LONG);
        let child = command
            .args(ONCE)
            .arg("trials/spin")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_while_running(child, BOOTS, "some rounds are recorded", || self.lab.has_rounds(3))
    }

    fn rounds(&self) -> usize {
        self.lab.journal().iter().filter(|event| event["event"] == "round").count()
    }

    /// Waits for the end of a run whose guest failed, and checks that the measured rounds are
    /// usable.
    #[track_caller]
    fn assert_lost_guest(&self, child: Child, words: &[&str]) {
        Ran::of(child.wait_with_output().unwrap()).expect(1, words);
        let summary = self.lab.summary();
        let failed: Vec<&Value> = summary["failed"].as_array().unwrap().iter().collect();
        assert!(
            failed.iter().any(|row| row["bench"].is_null()),
            "no guest was reported as lost: {failed:?}"
        );
        assert!(self.rounds() >= 3);
        self.assert_nothing_runs();
    }
}

#[test]
fn killed_qemu_is_named_and_its_rounds_are_kept() {
    let Some(host) = Host::take() else { return };
    let child = host.start();
    signal(host.machines()[0], libc::SIGKILL);
    host.assert_lost_guest(child, &["failed: trials/spin", "QEMU ended (signal: 9 (SIGKILL))"]);
}

#[test]
fn stopped_qemu_times_out() {
    let Some(host) = Host::take() else { return };
    let child = host.start();
    signal(host.machines()[0], libc::SIGSTOP);
    host.assert_lost_guest(child, &["failed: trials/spin", "does not answer within 10 s"]);
}

/// A guest cannot tell that its QEMU was stopped for a while. The host can.
#[test]
fn round_of_a_stopped_qemu_is_excluded() {
    let Some(host) = Host::take() else { return };
    let mut command = host.command(&["--boots", "1", "--rounds", "4"]);
    command.args(["--measurement-time", "40s", "trials/spin"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let child = wait_while_running(child, BOOTS, "a round is recorded", || host.lab.has_rounds(1));
    // The next round has started by then. A stop between rounds disturbs nothing.
    std::thread::sleep(Duration::from_secs(2));
    let machines = host.machines();
    machines.iter().for_each(|machine| signal(*machine, libc::SIGSTOP));
    std::thread::sleep(Duration::from_secs(3));
    machines.iter().for_each(|machine| signal(*machine, libc::SIGCONT));
    Ran::of(child.wait_with_output().unwrap()).expect(0, &["trials/spin"]);
    let summary = host.lab.summary();
    let mut exclusions = summary["exclusions"].as_array().unwrap().iter();
    assert!(exclusions.any(|one| one["kind"] == "guest stopped"), "{summary}");
    host.assert_nothing_runs();
}

#[test]
fn killed_coordinator_ends_its_guests() {
    let Some(host) = Host::take() else { return };
    let mut child = host.start();
    let machines = host.machines();
    assert_eq!(machines.len(), 2);
    child.kill().unwrap();
    child.wait().unwrap();
    for machine in machines {
        eventually("QEMU has ended", || !is_alive(machine));
    }
    host.assert_nothing_runs();
}

/// A second run is refused while the first has guests, unless the user accepts it. An interrupt
/// ends each.
#[test]
fn concurrent_run_is_refused_and_interrupt_ends_the_first() {
    let Some(host) = Host::take() else { return };
    // Enough boots that the run is still going at the interrupt.
    let mut command = host.command(&["--boots", "20", "trials/spin"]);
    let first = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let first = wait_while_running(first, BOOTS, "a guest boots", || !host.machines().is_empty());
    let second = Ran::of(host.command(&["--boots", "1", "trials/spin"]).output().unwrap());
    second.expect(
        1,
        &[&format!("process {}", first.id()), "two runs at once would disturb each other"],
    );
    let mut command = host.command(&["--share-host", "--boots", "1", "trials/spin"]);
    let third = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let has_guests = || host.machines().len() > 2;
    let third = wait_while_running(third, BOOTS, "it has guests too", has_guests);
    signal(third.id(), libc::SIGINT);
    let warning = format!("warning: process {} (trials, user ", first.id());
    let third = Ran::of(third.wait_with_output().unwrap());
    third.expect(130, &[&warning, "the two runs disturb each other"]);
    signal(first.id(), libc::SIGINT);
    Ran::of(first.wait_with_output().unwrap()).expect(130, &["interrupted"]);
    host.assert_nothing_runs();
}

#[test]
fn kernel_panic_shows_the_end_of_the_console() {
    let Some(host) = Host::take() else { return };
    host.set("kernel_command_line = \"rdinit=/no/such/init\"");
    let ran = Ran::of(host.command(&["--boots", "1", "trials/spin"]).output().unwrap());
    ran.expect(1, &["the guest did not come up", "QEMU ended", "Kernel panic - not syncing"]);
    host.assert_nothing_runs();
}

#[test]
fn silent_ssh_server_times_out() {
    let Some(host) = Host::take() else { return };
    host.set("kernel_command_line = \"systemd.mask=ssh.service\"");
    let arguments = ["--boots", "1", "--boot-timeout", "12s", "trials/spin"];
    let ran = Ran::of(host.command(&arguments).output().unwrap());
    ran.expect(1, &["its SSH server does not answer within 12 s", "the end of its console"]);
    host.assert_nothing_runs();
}
