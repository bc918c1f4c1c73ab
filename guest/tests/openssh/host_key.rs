//! Which host keys are trusted.

use crate::support::*;
use sevbench_guest::{GuestError, SshError};
use sevbench_testing::{Options, Sshd, make_key};
use std::fs;
use std::process::Command;

pub(crate) fn host_key_unknown() -> CaseResult {
    let sshd = sshd!();
    fs::write(sshd.known_hosts(), "# nothing\n").unwrap();
    let hint =
        format!("`ssh-keyscan -p {} 127.0.0.1 >> {}`", sshd.port, sshd.known_hosts().display());
    let error = refused(&sshd.address(""), &hint);
    assert!(matches!(error, GuestError::Ssh(SshError::HostKeyUnknown { .. })));
    let key =
        Command::new("ssh-keygen").arg("-lf").arg(sshd.path("host_ed25519.pub")).output().unwrap();
    let fingerprint = String::from_utf8(key.stdout).unwrap();
    let fingerprint = fingerprint.split(' ').nth(1).unwrap();
    assert!(error.to_string().contains(fingerprint), "{error}");
    // The suggested command works.
    let scan = format!(
        "ssh-keyscan -p {} 127.0.0.1 >> {} 2>/dev/null",
        sshd.port,
        sshd.known_hosts().display()
    );
    assert!(Command::new("sh").args(["-c", &scan]).status().unwrap().success());
    started(&sshd.address("")).shut_down().unwrap();
    fs::remove_file(sshd.known_hosts()).unwrap();
    let error = refused(&sshd.address(""), "known_hosts");
    assert!(matches!(error, GuestError::Ssh(SshError::KnownHosts { .. })));
    mkfifo(&sshd.known_hosts());
    refused(&sshd.address(""), "it is not a regular file");
    Ok(())
}

pub(crate) fn host_key_changed() -> CaseResult {
    let sshd = sshd!();
    make_key(&sshd.path("other"), "ed25519");
    let other = fs::read_to_string(sshd.path("other.pub")).unwrap();
    let name = format!("[127.0.0.1]:{}", sshd.port);
    fs::write(sshd.known_hosts(), format!("{name} {other}")).unwrap();
    let hint = format!("`ssh-keygen -f {} -R '{name}'`", sshd.known_hosts().display());
    assert!(matches!(
        refused(&sshd.address(""), &hint),
        GuestError::Ssh(SshError::HostKeyChanged { .. })
    ));
    Ok(())
}

pub(crate) fn host_key_revoked() -> CaseResult {
    let sshd = sshd!();
    let known = fs::read_to_string(sshd.known_hosts()).unwrap();
    fs::write(
        sshd.known_hosts(),
        format!("{known}@revoked * {}", known.split_once(' ').unwrap().1),
    )
    .unwrap();
    let error = refused(&sshd.address(""), "@revoked");
    assert!(matches!(error, GuestError::Ssh(SshError::HostKeyRevoked { .. })));
    Ok(())
}

pub(crate) fn host_key_certified() -> CaseResult {
    let sshd = sshd!();
    let authority = fs::read_to_string(sshd.path("key.pub")).unwrap();
    fs::write(sshd.known_hosts(), format!("@cert-authority *.0.0.1,x {authority}")).unwrap();
    let error = refused(&sshd.address(""), "cannot check host certificates");
    assert!(matches!(error, GuestError::Ssh(SshError::HostKeyCertified { .. })));
    fs::write(sshd.known_hosts(), format!("@cert-authority *.example {authority}")).unwrap();
    refused(&sshd.address(""), "is unknown");
    Ok(())
}

/// As in OpenSSH, an entry without a port confirms a key for every port, but contradicts none.
pub(crate) fn host_key_of_another_port() -> CaseResult {
    let sshd = sshd!();
    make_key(&sshd.path("other"), "ed25519");
    let own = fs::read_to_string(sshd.path("host_ed25519.pub")).unwrap();
    let other = fs::read_to_string(sshd.path("other.pub")).unwrap();
    fs::write(sshd.known_hosts(), format!("127.0.0.1 {other}[127.0.0.1]:1 {other}")).unwrap();
    let error = refused(&sshd.address(""), "is unknown");
    assert!(matches!(error, GuestError::Ssh(SshError::HostKeyUnknown { .. })));
    fs::write(sshd.known_hosts(), format!("127.0.0.1 {own}")).unwrap();
    started(&sshd.address(""));
    Ok(())
}

pub(crate) fn host_key_hashed() -> CaseResult {
    let sshd = sshd!();
    let odd = "\n@cert-authority * ssh-ed25519 AAAA\nhost ssh-unheard-of AAAA\n\x07garbage\n";
    let known = fs::read_to_string(sshd.known_hosts()).unwrap();
    fs::write(sshd.known_hosts(), &known).unwrap();
    let hash = Command::new("ssh-keygen").arg("-Hf").arg(sshd.known_hosts()).output().unwrap();
    assert!(hash.status.success());
    let hashed = fs::read_to_string(sshd.known_hosts()).unwrap();
    assert!(hashed.starts_with("|1|"));
    fs::write(sshd.known_hosts(), format!("{odd}{hashed}{odd}")).unwrap();
    started(&sshd.address(""));
    Ok(())
}

pub(crate) fn host_key_by_pattern() -> CaseResult {
    let sshd = sshd!();
    let own = fs::read_to_string(sshd.path("host_ed25519.pub")).unwrap();
    for pattern in ["[127.0.0.*]:*", "!10.*,127.0.0.?", "host,[127.0.0.1]:*"] {
        fs::write(sshd.known_hosts(), format!("{pattern} {own}")).unwrap();
        started(&sshd.address(""));
    }
    fs::write(sshd.known_hosts(), format!("*,![127.*,!127.* {own}")).unwrap();
    let error = refused(&sshd.address(""), "is unknown");
    assert!(matches!(error, GuestError::Ssh(SshError::HostKeyUnknown { .. })));
    Ok(())
}

/// The server has several keys, only one is known, and libssh2 may prefer another.
pub(crate) fn host_key_of_each_type() -> CaseResult {
    const TYPES: [&str; 3] = ["rsa", "ecdsa", "ed25519"];
    let sshd = sshd!(host_keys: &TYPES);
    for key_type in TYPES {
        sshd.know(&[key_type]);
        started(&sshd.address(""));
    }
    Ok(())
}
