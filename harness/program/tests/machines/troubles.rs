//! What may go wrong with a guest: the right message, a usable record, and nothing left.

use crate::Host;
use serde_json::Value;
use sevbench_testing::{Ran, eventually, is_alive, signal, within};
use std::process::{Child, Stdio};
use std::time::Duration;

/// Boots of two emulated guests, the executable's way into each included.
const BOOTS: Duration = Duration::from_secs(300);
/// Long enough to be hit in its middle.
const LONG: [&str; 8] =
    ["--boots", "1", "--rounds", "400", "--measurement-time", "80s", "--timeout", "5s"];

impl Host {
    /// Starts a run and waits until it has recorded some rounds.
    fn start(&self) -> Child {
        let mut command = self.command(&LONG);
        let child = command
            .arg("trials/spin")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        within(BOOTS, "some rounds are recorded", || self.lab.has_rounds(3));
        child
    }

    fn rounds(&self) -> usize {
        self.lab.journal().iter().filter(|event| event["event"] == "round").count()
    }

    /// Waits for the end of a run in which a guest failed, and checks that what was measured is still of use.
    #[track_caller]
    fn assert_lost_guest(&self, child: Child, words: &[&str]) {
        Ran::of(child.wait_with_output().unwrap()).expect(1, words);
        let summary = self.lab.summary();
        let failed: Vec<&Value> = summary["failed"].as_array().unwrap().iter().collect();
        assert!(failed.iter().any(|row| row["bench"].is_null()), "the guest is lost: {failed:?}");
        assert!(self.rounds() >= 3);
        self.assert_nothing_runs();
    }
}

#[test]
fn a_killed_qemu_is_named_and_its_rounds_are_kept() {
    let Some(host) = Host::take() else { return };
    let child = host.start();
    signal(host.machines()[0], libc::SIGKILL);
    host.assert_lost_guest(child, &["failed: trials/spin", "QEMU ended (signal: 9 (SIGKILL))"]);
}

#[test]
fn a_stopped_qemu_is_given_up_after_its_limit() {
    let Some(host) = Host::take() else { return };
    let child = host.start();
    signal(host.machines()[0], libc::SIGSTOP);
    host.assert_lost_guest(child, &["failed: trials/spin", "does not answer within 10 s"]);
}

#[test]
fn a_killed_coordinator_takes_its_guests_along() {
    let Some(host) = Host::take() else { return };
    let mut child = host.start();
    let machines = host.machines();
    assert_eq!(machines.len(), 2);
    child.kill().unwrap();
    child.wait().unwrap();
    for machine in machines {
        eventually("its QEMU is gone", || !is_alive(machine));
    }
    host.assert_nothing_runs();
}

/// The second run is refused while the first has guests, and the first ends them when it is interrupted in a boot.
#[test]
fn two_runs_at_once_are_refused_and_an_interrupt_ends_a_boot() {
    let Some(host) = Host::take() else { return };
    let mut command = host.command(&["--boots", "1", "trials/spin"]);
    let first = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    within(BOOTS, "a guest boots", || !host.machines().is_empty());
    let second = Ran::of(host.command(&["--boots", "1", "trials/spin"]).output().unwrap());
    second.expect(1, &[&format!("process {}", first.id()), "two at once would disturb each other"]);
    signal(first.id(), libc::SIGINT);
    Ran::of(first.wait_with_output().unwrap()).expect(130, &["interrupted"]);
    host.assert_nothing_runs();
}

#[test]
fn a_kernel_that_panics_shows_the_end_of_its_console() {
    let Some(host) = Host::take() else { return };
    host.set("kernel_command_line = \"rdinit=/no/such/init\"");
    let ran = Ran::of(host.command(&["--boots", "1", "trials/spin"]).output().unwrap());
    ran.expect(1, &["the guest did not come up", "QEMU ended", "Kernel panic - not syncing"]);
    host.assert_nothing_runs();
}

#[test]
fn a_guest_whose_ssh_server_never_answers_is_given_up() {
    let Some(host) = Host::take() else { return };
    host.set("kernel_command_line = \"systemd.mask=ssh.service\"");
    let arguments = ["--boots", "1", "--boot-timeout", "12s", "trials/spin"];
    let ran = Ran::of(host.command(&arguments).output().unwrap());
    ran.expect(1, &["its SSH server does not answer within 12 s", "the end of its console"]);
    host.assert_nothing_runs();
}
