//! What is refused before any guest is started, with a word on what to do.

use crate::{Host, has};
use sevbench_testing::{Lab, Ran};
use std::fs;
use std::process::Command;

fn run(settings: &str, change: impl FnOnce(&mut Command)) -> Ran {
    let lab = Lab::new();
    let config = lab.home.path().join("sevbench.toml");
    fs::write(&config, settings).unwrap();
    let mut command = lab.command(&["--testbed", "qemu", "--config"]);
    command.arg(&config).args(["--boots", "1", "trials/spin"]);
    change(&mut command);
    let ran = Ran::of(command.output().unwrap());
    // Nothing was recorded.
    assert_eq!(fs::read_dir(lab.home.path()).unwrap().count(), 1);
    ran
}

#[test]
fn without_an_image_the_command_that_makes_one_is_named() {
    let Some(_host) = Host::take() else { return };
    let cache = tempfile::tempdir().unwrap();
    let ran = run("", |command| {
        command.env("SEVBENCH_CACHE", cache.path());
    });
    ran.expect(2, &["there is no image of the guest yet: type `cargo sevbench guest build`"]);
}

#[test]
fn settings_that_cannot_be_are_refused_with_their_line() {
    run("[machine]\nvcpus = \"many\"\n", |_| ()).expect(2, &["sevbench.toml is wrong", "line 2"]);
    run("[machine]\nsweet = 1\n", |_| ()).expect(2, &["line 2", "sweet"]);
}

#[test]
fn more_than_the_host_has_is_refused() {
    let Some(_host) = Host::take() else { return };
    run("[machine]\nmemory_mib = 16000000\n", |_| ()).expect(2, &["lower memory_mib"]);
    run("[machine]\nvcpus = 1024\n", |_| ()).expect(2, &["lower vcpus"]);
}

#[test]
fn what_the_host_lacks_is_named() {
    let Some(_host) = Host::take() else { return };
    run("[machine]\nfirmware = \"/no/firmware\"\n", |_| ()).expect(2, &["no firmware"]);
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap();
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    if !flags.split_whitespace().any(|flag| flag == "svm" || flag == "vmx") {
        run("[machine]\naccelerator = \"kvm\"\n", |_| ())
            .expect(2, &["KVM is not usable here: this CPU offers neither svm nor vmx"]);
        let lab = Lab::new();
        let ran = lab.run(&["--testbed", "snp", "--boots", "1", "trials/spin"]);
        ran.expect(
            2,
            &[
                "cannot run a `snp` guest",
                "KVM: this CPU offers neither svm nor vmx",
                "processor's SEV",
            ],
        );
    }
}

/// No machine can be made without QEMU, and that is what is said.
#[test]
fn without_qemu_the_package_is_named() {
    if !has("mmdebstrap") {
        return;
    }
    let Some(_host) = Host::take() else { return };
    let empty = tempfile::tempdir().unwrap();
    let lab = Lab::new();
    let mut command = lab.command(&["--testbed", "qemu", "--boots", "1", "trials/spin"]);
    let ran = Ran::of(command.env("PATH", empty.path()).output().unwrap());
    ran.expect(2, &["QEMU: missing", "apt-get install qemu-system-x86"]);
}

/// A QEMU that is older than any that is supported.
#[test]
fn a_qemu_that_is_too_old_is_refused() {
    let Some(_host) = Host::take() else { return };
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("qemu-system-x86_64");
    fs::write(&old, "#!/bin/sh\necho 'QEMU emulator version 5.2.0 (Debian 1:5.2)'\n").unwrap();
    fs::set_permissions(&old, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let ran = run("", |command| {
        command.env("PATH", path);
    });
    ran.expect(2, &["QEMU: 5.2.0", "7.2 is the oldest"]);
}

/// A folder that is full when the data disks are made: nothing of them is left.
#[test]
fn a_full_disk_is_named_and_nothing_half_made_is_left() {
    let Some(_host) = Host::take() else { return };
    let cache = tempfile::tempdir().unwrap();
    let small = cache.path().join("disks");
    fs::create_dir(&small).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
        .arg(&small)
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        println!("skipped: a file system cannot be mounted here without more rights");
        return;
    }
    let images = dirs_cache().join("images");
    std::os::unix::fs::symlink(images, cache.path().join("images")).unwrap();
    let ran = run("[machine.data_disks]\nsize_mib = 16\n", |command| {
        command.env("SEVBENCH_CACHE", cache.path());
    });
    let left = fs::read_dir(&small).unwrap().count();
    assert!(Command::new("umount").arg(&small).status().unwrap().success());
    ran.expect(1, &["cannot make the data disk", "No space left on device", "SEVBENCH_CACHE"]);
    assert_eq!(left, 0);
}

/// Where images are kept when nothing else is said.
fn dirs_cache() -> std::path::PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("SEVBENCH_CACHE")
        .map(std::path::PathBuf::from)
        .or_else(|| {
            set("XDG_CACHE_HOME").map(|cache| std::path::Path::new(&cache).join("sevbench"))
        })
        .unwrap_or_else(|| std::path::Path::new(&set("HOME").unwrap()).join(".cache/sevbench"))
}
