//! Tests with two real OpenSSH servers as control and treatment, and with misbehaving guests.

use sevbench_protocol::PROTOCOL_VERSION;
use sevbench_testing::{Lab, Options, Ran, Skip, Sshd, skip};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Starts a server, or skips the test if there is none.
macro_rules! sshd {
    () => {
        match Sshd::start(&Options::default()) {
            Ok(sshd) => sshd,
            Err(reason) => return skip(reason),
        }
    };
}

fn compare(lab: &Lab, control: &Sshd, treatment: &Sshd, more: &[&str]) -> Ran {
    let (control, treatment) =
        (control.address("").to_string(), format!("other={}", treatment.address("")));
    let arguments = ["--quick", "--boots", "3", "--control", &control, "--treatment", &treatment];
    lab.run(&[&arguments[..], more].concat())
}

#[test]
fn two_servers_of_one_machine_are_an_aa_comparison() {
    let (control, treatment, lab) = (sshd!(), sshd!(), Lab::new());
    let ran = compare(&lab, &control, &treatment, &["spin|rate"]);
    ran.expect(
        0,
        &[
            "trials/spin",
            "conditional on this boot",
            "treatment: other (ssh://",
            "this compares a machine with itself (A/A)",
        ],
    );
    assert_eq!(lab.summary()["run"]["arms"][1]["repeats_control"], true);
    let boots: Vec<_> =
        lab.journal().into_iter().filter(|event| event["event"] == "boot").collect();
    assert_eq!(boots.len(), 6);
    let uploads = boots.iter().filter(|boot| boot["uploaded"] == true).count();
    assert_eq!(uploads, 2, "the executable is uploaded once to each machine");
    lab.assert_nothing_runs();
}

/// While one arm measures, the other's server asks whether its client is alive, and is answered.
#[test]
fn idle_connection_survives_client_alive_checks() {
    let configuration = "ClientAliveInterval 1\nClientAliveCountMax 2".to_owned();
    let options = Options { configuration, ..Options::default() };
    let servers = [Sshd::start(&options), Sshd::start(&options)];
    let [Ok(control), Ok(treatment)] = servers else {
        return skip(Skip("OpenSSH's server is not installed".into()));
    };
    let lab = Lab::new();
    let (control, treatment) =
        (control.address("").to_string(), format!("other={}", treatment.address("")));
    let arguments = ["--boots", "1", "--rounds", "1", "--measurement-time", "6s", "trials/slow"];
    let arms = ["--control", &control, "--treatment", &treatment];
    lab.run(&[&arms[..], &arguments].concat()).expect(0, &["trials/slow"]);
}

/// The server allows one channel at a time, also when an agent is replaced.
#[test]
fn one_session_is_enough() {
    let options = Options { configuration: "MaxSessions 1".into(), ..Options::default() };
    let servers = [Sshd::start(&options), Sshd::start(&options)];
    let [Ok(control), Ok(treatment)] = servers else {
        return skip(Skip("OpenSSH's server is not installed".into()));
    };
    let lab = Lab::new();
    let ran = compare(&lab, &control, &treatment, &["ends-the-process|spin|rate"]);
    ran.expect(1, &["the agent ended (exit status 9)", "trials/spin", "trials/rate"]);
    let summary = lab.summary();
    assert_eq!(summary["comparisons"].as_array().unwrap().len(), 2);
    let failed = summary["failed"].as_array().unwrap();
    assert!(failed.iter().all(|row| row["bench"] == "trials/ends-the-process"), "{failed:?}");
}

#[test]
fn claimed_protection_is_not_believed() {
    let (control, treatment, lab) = (sshd!(), sshd!(), Lab::new());
    let (control, treatment) =
        (control.address("").to_string(), format!("snp={}", treatment.address("")));
    let arguments =
        ["--quick", "--boots", "2", "--control", &control, "--treatment", &treatment, "spin"];
    lab.run(&arguments).expect(0, &["sev-snp claimed, not verified"]);
    assert_eq!(lab.summary()["run"]["arms"][1]["verified"], false);
}

#[test]
fn unreachable_machine_stops_the_run() {
    let (control, lab) = (sshd!(), Lab::new());
    let known = control.address("").to_string();
    let unknown_host = "other=ssh://root@nonesuch.invalid";
    lab.run(&["--control", &known, "--treatment", unknown_host, "spin"]).expect(
        1,
        &[
            "failed: the guest in other, boot 1: cannot resolve the host name `nonesuch.invalid`",
            "no bench has a result",
        ],
    );
    control.know(&[]);
    lab.run(&["--control", &known, "--treatment", "other=loopback", "spin"])
        .expect(1, &["host key", "ssh-keyscan"]);
    lab.assert_nothing_runs();
}

/// Makes the server run an impostor as the agent, which prints `answer` in `printf` syntax.
fn pretend(sshd: &Sshd, answer: &str) {
    let impostor = sshd.path("impostor");
    script(&impostor, &format!("printf '{answer}'; sleep 5"));
    // The command that starts the agent ends in `exec "$0" "$@"`. Replace `$0` by the impostor.
    let forced = sshd.path("forced");
    let replaced = format!(
        "case \"$SSH_ORIGINAL_COMMAND\" in *--sevbench-agent*)\n\
         SSH_ORIGINAL_COMMAND=$(printf %s \"$SSH_ORIGINAL_COMMAND\" | sed 's|exec \"$0\"|exec \
         {}|');;\nesac\n\
         exec sh -c \"$SSH_ORIGINAL_COMMAND\"",
        impostor.display()
    );
    script(&forced, &replaced);
    let key = fs::read_to_string(sshd.path("key.pub")).unwrap();
    fs::write(sshd.path("authorized_keys"), format!("command=\"{}\" {key}", forced.display()))
        .unwrap();
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn foreign_output_instead_of_the_protocol_is_refused() {
    let (control, treatment) = (sshd!(), sshd!());
    let greeting = |version: u16| format!(r"SEVBENCH\{version:03o}\000");
    let [next, current] = [PROTOCOL_VERSION + 1, PROTOCOL_VERSION].map(greeting);
    let other_version = format!("the agent speaks protocol version {}", PROTOCOL_VERSION + 1);
    let long = format!(r"{current}\377\377\377\377");
    let senseless = format!(r"{current}\004\000\000\000\377\377\377\377");
    for (answer, words) in [
        ("Welcome to this machine", "the guest sent `Welcome ` instead of the agent"),
        (&next, &other_version),
        (&long, "a frame of 4294967295 bytes exceeds the limit"),
        (&senseless, "cannot decode a frame"),
    ] {
        let lab = Lab::new();
        pretend(&treatment, answer);
        compare(&lab, &control, &treatment, &["spin"])
            .expect(1, &["failed: the guest in other", words]);
    }
}

#[test]
fn silent_agent_times_out() {
    let (control, treatment, lab) = (sshd!(), sshd!(), Lab::new());
    pretend(&treatment, "");
    compare(&lab, &control, &treatment, &["--timeout", "2s", "spin"])
        .expect(1, &["no answer within 2s"]);
}

#[test]
fn lost_connection_fails_the_bench() {
    let (control, treatment, lab) = (sshd!(), sshd!(), Lab::new());
    let (here, there) =
        (control.address("").to_string(), format!("other={}", treatment.address("")));
    let arguments = ["--control", &here, "--treatment", &there, "--boots", "1", "--rounds", "100"];
    let child =
        lab.start(&[&arguments[..], &["--measurement-time", "5s", "trials/spin"]].concat(), 3);
    treatment.kill();
    let ran = Ran::of(child.wait_with_output().unwrap());
    let lost = "failed: trials/spin in other, boot 1: the connection to the guest was lost";
    ran.expect(1, &[lost, "raise ClientAliveInterval"]);
    lab.assert_nothing_runs();
}
