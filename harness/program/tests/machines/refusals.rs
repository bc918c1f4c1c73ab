//! Tests of what is refused before any guest starts, and of the advice.

use crate::{Host, has};
use sevbench_testing::{Lab, Ran, Skip, skip};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

fn run(settings: &str, change: impl FnOnce(&mut Command)) -> Ran {
    let lab = Lab::new();
    let config = lab.home.path().join("sevbench.toml");
    fs::write(&config, settings).unwrap();
    let mut command = lab.command(&["--testbed", "qemu", "--config"]);
    command.arg(&config).args(["--boots", "1", "trials/spin"]);
    change(&mut command);
    let ran = Ran::of(command.output().unwrap());
    // Only the configuration is there: nothing was recorded.
    assert_eq!(fs::read_dir(lab.home.path()).unwrap().count(), 1);
    ran
}

#[test]
fn missing_image_names_the_build_command() {
    let Some(_host) = Host::take() else { return };
    let cache = tempfile::tempdir().unwrap();
    let ran = run("", |command| {
        command.env("SEVBENCH_CACHE", cache.path());
    });
    ran.expect(2, &["the guest's image has not been built yet: type `cargo sevbench guest build`"]);
}

#[test]
fn invalid_settings_are_refused_with_their_line() {
    run("[machine]\nvcpus = \"many\"\n", |_| ())
        .expect(2, &["sevbench.toml is not valid", "line 2"]);
    run("[machine]\nsweet = 1\n", |_| ()).expect(2, &["line 2", "sweet"]);
}

#[test]
fn guests_larger_than_the_host_are_refused() {
    let Some(_host) = Host::take() else { return };
    run("[machine]\nmemory_mib = 16000000\n", |_| ()).expect(2, &["lower memory_mib"]);
    run("[machine]\nvcpus = 1024\n", |_| ()).expect(2, &["lower vcpus"]);
}

#[test]
fn missing_host_features_are_named() {
    let Some(_host) = Host::take() else { return };
    run("[machine]\nfirmware = \"/no/firmware\"\n", |_| ())
        .expect(2, &["no firmware /no/firmware"]);
    let folder = tempfile::tempdir().unwrap();
    let firmware = folder.path().join("OVMF.fd");
    fs::write(&firmware, "firmware").unwrap();
    fs::set_permissions(&firmware, Permissions::from_mode(0o666)).unwrap();
    let firmware = firmware.display();
    run(&format!("[machine]\nfirmware = \"{firmware}\"\n"), |_| ())
        .expect(2, &[&format!("type `chmod go-w {firmware}`")]);
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

#[test]
fn missing_qemu_names_its_package() {
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

#[test]
fn old_qemu_is_refused() {
    let Some(_host) = Host::take() else { return };
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("qemu-system-x86_64");
    fs::write(&old, "#!/bin/sh\necho 'QEMU emulator version 5.2.0 (Debian 1:5.2)'\n").unwrap();
    fs::set_permissions(&old, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let ran = run("", |command| {
        command.env("PATH", path);
    });
    ran.expect(2, &["QEMU: 5.2.0", "the oldest supported version is 7.2"]);
}

/// The disk fills up while the data disks are being created. All of them are removed.
#[test]
fn full_disk_is_named_and_no_partial_disk_is_left() {
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
        return skip(Skip("no permission to mount a file system here".into()));
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

/// The default folder of images.
fn dirs_cache() -> std::path::PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("SEVBENCH_CACHE")
        .map(std::path::PathBuf::from)
        .or_else(|| {
            set("XDG_CACHE_HOME").map(|cache| std::path::Path::new(&cache).join("sevbench"))
        })
        .unwrap_or_else(|| std::path::Path::new(&set("HOME").unwrap()).join(".cache/sevbench"))
}
