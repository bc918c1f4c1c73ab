//! The configuration of OpenSSH's client.

use crate::support::*;
use sevbench_guest::{Address, Guest, GuestError, HostUse, Interrupt, Limits, SshError, prepare};
use sevbench_testing::{Options, Sshd, eventually, is_alive};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

/// An address that is only a name of this configuration. Its hosts `jump` and `lab` are the server.
fn lab(sshd: &Sshd, more: &str) -> Address {
    let known_hosts = sshd.known_hosts();
    let server = format!(
        "HostName 127.0.0.1\nPort {}\nUser {}\nIdentityFile {}\nIdentityAgent none\n\
         UserKnownHostsFile {}\nGlobalKnownHostsFile none\n",
        sshd.port,
        sevbench_testing::user(),
        sshd.path("key").display(),
        known_hosts.display()
    );
    let file = sshd.path("ssh_config");
    fs::write(&file, format!("Host jump\n{server}Host lab\n{more}\n{server}")).unwrap();
    let text = format!("ssh://lab?config={}", file.display());
    Address::parse(&text).unwrap().0
}

pub(crate) fn host_of_the_configuration() -> CaseResult {
    let sshd = sshd!();
    let mut guest = started(&lab(&sshd, ""));
    assert_echoes(&mut spawn(&mut guest, &[ECHO]), b"hello");
    let error = refused(&Address::parse("ssh://lab?config=none").unwrap().0, "`lab`");
    assert!(matches!(error, GuestError::Ssh(SshError::NoSuchHost { .. })), "{error}");
    let error = refused(&Address::parse("ssh://lab?config=/nonesuch").unwrap().0, "`ssh -G lab`");
    assert!(error.to_string().contains("No such file"), "{error}");
    Ok(())
}

pub(crate) fn address_before_the_configuration() -> CaseResult {
    let sshd = sshd!();
    let Address::Ssh(mut address) = lab(&sshd, "User nonesuch\nPort 1") else { panic!() };
    refused(&Address::Ssh(address.clone()), "port 1");
    address.port = Some(sshd.port);
    refused(&Address::Ssh(address.clone()), "for nonesuch");
    address.user = Some(sevbench_testing::user());
    started(&Address::Ssh(address));
    Ok(())
}

pub(crate) fn host_key_alias() -> CaseResult {
    let sshd = sshd!();
    let key = fs::read_to_string(sshd.path("host_ed25519.pub")).unwrap();
    fs::write(sshd.known_hosts(), format!("the-lab {key}")).unwrap();
    refused(&lab(&sshd, ""), "is unknown");
    started(&lab(&sshd, "HostKeyAlias the-lab"));
    Ok(())
}

pub(crate) fn proxy_jump() -> CaseResult {
    let sshd = sshd!();
    for hops in ["jump", "jump,jump"] {
        let mut guest = started(&lab(&sshd, &format!("ProxyJump {hops}")));
        assert_echoes(&mut spawn(&mut guest, &[ECHO]), &[7; 100_000]);
        assert_eq!(guest.transport_retries(), None, "the connection is not ours");
    }
    let error = refused(&lab(&sshd, "ProxyJump nonesuch.invalid"), "through `ssh -o BatchMode=yes");
    assert!(error.to_string().contains("Could not resolve hostname nonesuch.invalid"), "{error}");
    Ok(())
}

pub(crate) fn proxy_command() -> CaseResult {
    let sshd = sshd!();
    let config = sshd.path("ssh_config");
    let forward = format!("ssh -F {} -W %h:%p jump", config.display());
    let mut guest = started(&lab(&sshd, &format!("ProxyCommand {forward} # %n")));
    assert_echoes(&mut spawn(&mut guest, &[ECHO]), b"hello");
    let error =
        refused(&lab(&sshd, "ProxyCommand sh -c 'echo no\x1bway >&2; exit 7'"), "exit status: 7");
    assert!(matches!(error, GuestError::Ssh(SshError::Proxy { .. })));
    assert!(error.to_string().contains("it said: no\\u{1b}way"), "{error}");
    refused(&lab(&sshd, "ProxyCommand nc %C"), "does not know the token %C");
    Ok(())
}

/// It is ended, with what it started.
pub(crate) fn silent_proxy_command() -> CaseResult {
    let sshd = sshd!();
    let file = sshd.path("pid");
    let command = format!("sh -c 'echo $$ > {}; sleep 100; true'", file.display());
    let limits = Limits { connect: Duration::from_millis(300), ..Limits::default() };
    let start = Instant::now();
    let address = lab(&sshd, &format!("ProxyCommand {command}"));
    let Err(error) = Guest::start(&address, &this(), &limits, &Interrupt::new()) else {
        panic!("it let us in")
    };
    assert!(error.to_string().contains("sent nothing for 0.3 s"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10));
    let pid = fs::read_to_string(file).unwrap().trim().parse().unwrap();
    eventually("the program has ended", || !is_alive(pid));
    Ok(())
}

pub(crate) fn settings_that_are_not_used() -> CaseResult {
    let sshd = sshd!();
    let told = |address: &Address| {
        let mut told = Vec::new();
        let mut tell = |line: &str| told.push(line.to_owned());
        let prepared = prepare(&[address], HostUse::Exclusive, &Interrupt::new(), &mut tell);
        prepared.map(|_| told)
    };
    let address = lab(&sshd, "Ciphers aes256-ctr\nStrictHostKeyChecking no\nForwardX11 no");
    let warning =
        "warning: sevbench does not use these SSH settings of lab: Ciphers, StrictHostKeyChecking";
    assert_eq!(told(&address).unwrap(), [warning]);
    assert_eq!(told(&lab(&sshd, "")).unwrap(), [""; 0]);
    let file = sshd.path("ssh_config");
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    let error = told(&address).unwrap_err().to_string();
    assert!(error.contains(&format!("`chmod go-w {}`", file.display())), "{error}");
    Ok(())
}
