//! Client authentication.

use crate::REACH;
use crate::support::*;
use sevbench_guest::{GuestError, SshError};
use sevbench_testing::{Options, Sshd, eventually, make_key};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) fn key_of_each_type() -> CaseResult {
    let sshd = sshd!();
    for key_type in ["rsa", "ecdsa", "ed25519"] {
        let key = sshd.path(&format!("client_{key_type}"));
        make_key(&key, key_type);
        fs::copy(sshd.path(&format!("client_{key_type}.pub")), sshd.path("authorized_keys"))
            .unwrap();
        started(&sshd.address_without_key(&format!("&key={}", key.display())));
    }
    let key = sshd.path("client_pem");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-N", "", "-t", "rsa", "-m", "PEM", "-f"])
        .arg(&key)
        .status();
    assert!(made.unwrap().success());
    fs::copy(sshd.path("client_pem.pub"), sshd.path("authorized_keys")).unwrap();
    started(&sshd.address_without_key(&format!("&key={}", key.display())));
    Ok(())
}

pub(crate) fn key_not_accepted() -> CaseResult {
    let sshd = sshd!();
    make_key(&sshd.path("other"), "ed25519");
    let address = sshd.address_without_key(&format!("&key={}", sshd.path("other").display()));
    let error = refused(&address, &format!("`ssh-copy-id -p {}", sshd.port));
    assert!(matches!(error, GuestError::Ssh(SshError::Authentication { .. })));
    assert!(error.to_string().contains("other: refused"), "{error}");
    assert!(error.to_string().contains("?key=PATH"), "{error}");
    Ok(())
}

pub(crate) fn key_that_is_none() -> CaseResult {
    let sshd = sshd!();
    let refused = |name: &str, hint: &str| {
        let key = format!("&key={}", sshd.path(name).display());
        let error = refused(&sshd.address_without_key(&key), hint);
        assert!(matches!(error, GuestError::Ssh(SshError::Key { .. })), "{error}");
    };
    refused("nonesuch", "there is no such file");
    refused("key.pub", "without .pub");
    refused("sshd_config", "ssh-keygen -t ed25519");
    refused("", "directory");
    Ok(())
}

/// Needs a process of its own, since the environment names the agent's socket.
pub(crate) fn key_encrypted_and_in_agent() -> CaseResult {
    let sshd = sshd!();
    let key = sshd.path("key");
    let encrypt =
        Command::new("ssh-keygen").args(["-q", "-p", "-N", "secret", "-f"]).arg(&key).status();
    assert!(encrypt.unwrap().success());
    let error = refused(&sshd.address(""), &format!("`ssh-add {}`", key.display()));
    assert!(matches!(error, GuestError::Ssh(SshError::Key { .. })));

    let encrypt = Command::new("ssh-keygen")
        .args(["-q", "-p", "-P", "secret", "-N", "", "-f"])
        .arg(&key)
        .status();
    assert!(encrypt.unwrap().success());
    let socket = sshd.path("agent");
    let mut agent = Command::new("ssh-agent")
        .arg("-D")
        .arg("-a")
        .arg(&socket)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the agent listens", || socket.exists());
    let add = Command::new("ssh-add").arg("-q").arg(&key).env("SSH_AUTH_SOCK", &socket).status();
    let script = |home: &str, socket: &Path| {
        Command::new(std::env::current_exe().unwrap())
            .args([REACH, &sshd.address_without_key("").to_string()])
            .env("HOME", sshd.path(home))
            .env("SSH_AUTH_SOCK", socket)
            .output()
            .unwrap()
    };
    let by_agent = script("home", &socket);
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert!(add.unwrap().success());
    assert_eq!(String::from_utf8_lossy(&by_agent.stdout), "reached\n");

    let nothing = script("home", &socket);
    let said = String::from_utf8_lossy(&nothing.stdout).into_owned();
    assert!(said.contains("nothing: neither an SSH agent nor ~/.ssh has a key to offer"), "{said}");

    fs::create_dir_all(sshd.path("home/.ssh")).unwrap();
    fs::copy(&key, sshd.path("home/.ssh/id_ed25519")).unwrap();
    assert_eq!(String::from_utf8_lossy(&script("home", &socket).stdout), "reached\n");
    Ok(())
}
