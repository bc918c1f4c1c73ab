//! The installed QEMU accepts the command line of every arm, up to the limits of the hardware.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use sevbench_guest::{MachineSettings, QemuMachine, Treatment, interactive_command};
use sevbench_testing::{Skip, skip};
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const QEMU: &str = "qemu-system-x86_64";
/// How long QEMU may take to refuse a machine.
const LIMIT: Duration = Duration::from_secs(60);

/// QEMU's messages if it accepts everything but lacks the hardware: KVM, a processor with SEV, or
/// its firmware.
const EDGES: [&str; 6] = [
    "KVM required",
    "vm-type SEV-SNP not supported by KVM",
    "accelerator does not support confidential guest",
    "failed to initialize kvm",
    "Could not access KVM kernel module",
    "Failed to open /dev/sev",
];

/// Whether the test can run; panics if it cannot but must.
fn has_qemu() -> bool {
    let found = Command::new(QEMU).arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        skip(Skip(format!("{QEMU} is not installed")));
    }
    found
}

/// The arm's command, with our own files instead of those that it names, and with stopped CPUs.
fn command(treatment: Treatment, accelerator: Option<&str>, folder: &Path) -> Vec<String> {
    let settings = MachineSettings { memory_mib: 256, ..MachineSettings::default() };
    let mut words = interactive_command(&QemuMachine::new(treatment, settings)).unwrap();
    for index in 1..words.len() {
        let empty = folder.join("empty");
        let word = match words[index - 1].as_str() {
            // QEMU reads these files while it creates the machine.
            "-kernel" | "-initrd" | "-append" => None,
            "-drive" => {
                let (start, _) = words[index].rsplit_once('=').unwrap();
                Some(format!("{start}={}", empty.display()))
            }
            "-netdev" => Some("user,id=net,restrict=on".into()),
            "-accel" => Some(accelerator.unwrap_or(&words[index]).to_owned()),
            "-serial" => Some("null".into()),
            // Warnings of TCG are not tested.
            "-cpu" if accelerator.is_some() => Some("max".into()),
            _ => continue,
        };
        words[index] = word.unwrap_or_default();
    }
    let unwanted = ["-kernel", "-initrd", "-append"];
    let mut kept = Vec::new();
    let mut rest = words.into_iter();
    while let Some(word) = rest.next() {
        if unwanted.contains(&word.as_str()) {
            rest.next();
        } else {
            kept.push(word);
        }
    }
    kept.push("-S".into());
    kept
}

/// QEMU's messages before it exits; `None` if it has created the machine and keeps running.
fn refusal(treatment: Treatment, accelerator: Option<&str>) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    fs::File::create(folder.path().join("empty")).unwrap().set_len(1 << 20).unwrap();
    let words = command(treatment, accelerator, folder.path());
    let mut control = words[1..].to_vec();
    control.extend(["-qmp".to_owned(), "stdio".to_owned()]);
    let mut qemu = Command::new(&words[0])
        .args(control)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut greeting = qemu.stdout.take().unwrap();
    let greeted = thread::spawn(move || greeting.read_exact(&mut [0; 6]).is_ok());
    let start = Instant::now();
    while !greeted.is_finished() {
        if start.elapsed() > LIMIT {
            qemu.kill().unwrap();
            panic!("QEMU neither made the machine of {treatment:?} nor refused it");
        }
        thread::sleep(Duration::from_millis(20));
    }
    let is_up = greeted.join().unwrap();
    if is_up {
        qemu.kill().unwrap();
    }
    let output = qemu.wait_with_output().unwrap();
    (!is_up).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn machines_without_protection_start() {
    if has_qemu() {
        for treatment in [Treatment::Nosev, Treatment::Bounce] {
            assert_eq!(refusal(treatment, Some("tcg")), None, "{treatment:?}");
        }
    }
}

/// Once as an arm is launched, and once under TCG, which gets past KVM to the protection's object.
#[test]
fn machines_with_protection_fail_only_for_lack_of_hardware() {
    if !has_qemu() {
        return;
    }
    for treatment in [Treatment::Sev, Treatment::SevEs, Treatment::Snp] {
        for accelerator in [None, Some("tcg")] {
            let Some(said) = refusal(treatment, accelerator) else {
                println!("{treatment:?} is made: this machine has the hardware");
                continue;
            };
            let at_edge = EDGES.iter().any(|edge| said.contains(edge));
            assert!(at_edge, "{treatment:?} with {accelerator:?}: {said}");
        }
    }
}
