//! Tests of a run on two real guests: what it finds and what it records.

use crate::{Host, built_image};
use serde_json::Value;
use sevbench_testing::Ran;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn of_kind<'a>(journal: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    journal.iter().filter(move |event| event["event"] == kind)
}

/// One run serves all these checks, since boots take long.
#[test]
fn two_guests_are_measured_and_described_correctly() {
    let Some(host) = Host::take() else { return };
    let arguments =
        ["--quick", "--boots", "2", "--measurement-time", "1s", "trials/(spin|program)"];
    let ran = Ran::of(host.command(&arguments).output().unwrap());
    ran.expect(
        0,
        &[
            "plan: 2 benches, 2 arms (nosev, bounce) on qemu",
            "trials/spin",
            "trials/program/bandwidth",
            "boot/total",
            "no memory encryption",
            "MSR 0xC0010131: 0x0 (nothing is active)",
            "difference (declared): kernel command line: (none) in nosev; swiotlb=force in bounce",
        ],
    );
    assert!(!ran.out.contains("difference: "), "an undeclared difference in {}", ran.out);
    check_summary(&host.lab.summary());
    check_journal(&host.lab.journal());
    host.assert_nothing_runs();
}

fn check_summary(summary: &Value) {
    for arm in summary["run"]["arms"].as_array().unwrap() {
        assert_eq!((&arm["encryption"], &arm["verified"]), (&Value::from("none"), &Value::Null));
        assert_eq!(arm["evidence"].as_array().unwrap().len(), 4);
    }
    let comparisons = summary["comparisons"].as_array().unwrap();
    for comparison in comparisons {
        assert_eq!(comparison["slowdown"]["boots"], 2, "{comparison}");
        // A busy host may disturb the timings, but not what the guests are. One bench always has
        // the same value.
        let of_values = ["no steady state", "unequal rounds", "many rounds excluded", "no spread"];
        let flags = comparison["flags"].as_array().unwrap().iter();
        let others = flags.filter(|flag| !of_values.iter().any(|words| *flag == words));
        assert_eq!(others.count(), 0, "{comparison}");
    }
    let boots = comparisons.iter().filter(|c| c["bench"].as_str().unwrap().starts_with("boot/"));
    assert_eq!(boots.count(), 5);
}

fn check_journal(journal: &[Value]) {
    let boots: Vec<&Value> = of_kind(journal, "boot").collect();
    assert_eq!(boots.len(), 4);
    let ids: std::collections::BTreeSet<&str> =
        boots.iter().map(|boot| boot["facts"]["boot_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 4, "a guest was not rebooted");
    for boot in boots {
        let phases = ["qemu_ns", "kernel_ns", "ssh_ns", "start_ns", "ship_ns", "agent_ns"];
        for phase in phases {
            assert!(boot["phases"][phase].as_u64().unwrap() > 0, "{phase} in {boot}");
        }
        let used = boot["facts"]["swiotlb_used_bytes"].as_u64();
        let pool = boot["facts"]["details"]["bounce buffers"].as_str().unwrap();
        match boot["arm"] == "bounce" {
            true => assert!(used.unwrap() > 0 && pool == "64 MiB", "{used:?} {pool}"),
            false => assert!(used.unwrap_or(0) == 0 && pool == "none", "{used:?} {pool}"),
        }
        let command = boot["launch"]["command"].as_array().unwrap();
        assert!(command.iter().any(|word| word.as_str().unwrap().contains("sevbench-nvme")));
        // All arms share the data disks. QEMU's NVMe does not tell the guest that it is read-only.
        let drives = command.iter().filter(|word| word.as_str().unwrap().contains("readonly=on"));
        assert_eq!(drives.count(), 3);
        let details = boot["facts"]["details"].as_object().unwrap();
        let read_only = details.iter().filter(|(_, access)| **access == "read only");
        let disks: Vec<&String> = read_only.map(|(name, _)| name).collect();
        assert_eq!(disks, ["access to sda", "access to vdb"]);
    }
    for round in of_kind(journal, "round") {
        for arm in round["arms"].as_array().unwrap() {
            let [guest, host] = ["guest_ns", "host_ns"].map(|key| arm[key].as_u64().unwrap());
            assert!(guest < host * 101 / 100, "the guest's clock runs fast: {guest} of {host}");
        }
    }
}

/// The files of the built image serve as a user's own: a disk, a kernel, and keys already inside.
#[test]
fn custom_image_boots_with_its_kernel_and_keys() {
    let Some(host) = Host::take() else { return };
    let image = crate::built_image();
    let file = |name: &str| image.join(name).display().to_string();
    let lines = format!(
        "[machine.image]\ndisk = {:?}\nkernel = {:?}\ninitrd = {:?}\nroot = \
         \"LABEL=sevbench-root\"\n\
         key = {:?}\nhost_key = {:?}\n",
        file("root.img"),
        file("vmlinuz"),
        file("initrd"),
        file("client_key"),
        file("host_key.pub")
    );
    host.append(&lines);
    let arguments = ["--quick", "--boots", "1", "--measurement-time", "100ms", "trials/spin"];
    let ran = Ran::of(host.command(&arguments).output().unwrap());
    ran.expect(0, &["trials/spin", "conditional on this boot"]);
    let journal = host.lab.journal();
    let boot = of_kind(&journal, "boot").next().unwrap();
    assert_eq!(boot["launch"]["facts"]["image"], file("root.img"));
    host.assert_nothing_runs();
}

#[test]
fn held_guest_is_logged_in_to_and_shut_down() {
    let Some(host) = Host::take() else { return };
    let guest = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-sevbench"));
        command.arg("guest").args(arguments).env("SEVBENCH_HOME", host.lab.home.path());
        Ran::of(command.output().unwrap())
    };
    let up = ["up", "--config", host.config.to_str().unwrap()];
    guest(&up).expect(0, &["the guest `nosev` is up at root@127.0.0.1 port ", "guest down"]);
    assert_eq!(host.machines().len(), 1);
    guest(&up).expect(1, &["has guests on this host", "`cargo sevbench guest down`"]);
    let ran = guest(&["ssh", "uname -n; exit 7"]);
    assert_eq!((ran.status, ran.out.is_empty()), (Some(7), false), "{ran:#?}");
    let folder = built_image().ancestors().nth(2).unwrap().join("held-guest");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("client_key"))), (0o700, 0o600));
    guest(&["down"]).expect(0, &["the guest `nosev` is shut down"]);
    host.assert_nothing_runs();
    guest(&["down"]).expect(2, &["no guest is running"]);
}

/// They hold the keys of their guests.
#[test]
fn built_image_is_private() {
    let Some(_host) = Host::take() else { return };
    let image = built_image();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(image.parent().unwrap()), 0o700);
    for file in ["root.img", "client_key"] {
        assert_eq!(mode(&image.join(file)), 0o600, "{file}");
    }
}
