//! The configuration of OpenSSH's client.

use crate::support::*;
use russh::keys::{PublicKeyBase64, parse_public_key_base64};
use sevbench_guest::{Address, Guest, GuestError, HostUse, Interrupt, Limits, SshError, prepare};
use sevbench_testing::{Options, Sshd, eventually, is_alive};
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
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

pub(crate) fn host_alias_from_ssh_config() -> CaseResult {
    let sshd = sshd!();
    let mut guest = started(&lab(&sshd, ""));
    assert_echoes(&mut spawn(&mut guest, &[ECHO]), b"hello");
    let error = refused(&Address::parse("ssh://lab?config=none").unwrap().0, "`lab`");
    assert!(matches!(error, GuestError::Ssh(SshError::NoSuchHost { .. })), "{error}");
    let error = refused(
        &Address::parse("ssh://lab?config=/nonesuch").unwrap().0,
        "the SSH configuration of lab",
    );
    assert!(error.to_string().contains("No such file"), "{error}");
    Ok(())
}

pub(crate) fn address_overrides_ssh_config() -> CaseResult {
    let sshd = sshd!();
    let Address::Ssh(mut address) = lab(&sshd, "User nonesuch\nPort 1") else { panic!() };
    refused(&Address::Ssh(address.clone()), "port 1");
    address.port = Some(sshd.port);
    refused(&Address::Ssh(address.clone()), "for nonesuch");
    address.user = Some(sevbench_testing::user());
    started(&Address::Ssh(address));
    Ok(())
}

/// It is neither an option of OpenSSH's client nor of ours.
pub(crate) fn host_that_looks_like_an_option() -> CaseResult {
    let sshd = sshd!();
    let Address::Ssh(mut address) = lab(&sshd, "") else { panic!() };
    address.host = "-oHostName=127.0.0.1".into();
    refused(&Address::Ssh(address), "hostname contains invalid characters");
    let parsed = Address::parse("ssh://-oHostName=127.0.0.1");
    assert!(parsed.unwrap_err().to_string().contains("it names no host"));
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
    assert!(error.to_string().contains("it printed: no\\u{1b}way"), "{error}");
    refused(&lab(&sshd, "ProxyCommand nc %C"), "does not know the token %C");
    Ok(())
}

/// It is ended, with what it started.
pub(crate) fn silent_proxy_command() -> CaseResult {
    let sshd = sshd!();
    let file = sshd.path("pid");
    let command = format!("sh -c 'echo $$ > {}; sleep 100; true'", file.display());
    let start = Instant::now();
    let address = lab(&sshd, &format!("ConnectTimeout 3\nProxyCommand {command}"));
    refused(&address, "did not complete");
    assert!(start.elapsed() < Duration::from_secs(10));
    let pid = fs::read_to_string(file).unwrap().trim().parse().unwrap();
    eventually("the program has ended", || !is_alive(pid));
    Ok(())
}

/// An agent may list its keys and then wait for its user, who does not answer.
pub(crate) fn agent_that_does_not_sign() -> CaseResult {
    let sshd = sshd!();
    let socket = sshd.path("agent");
    let listener = UnixListener::bind(&socket).unwrap();
    let public_key = fs::read_to_string(sshd.path("key.pub")).unwrap();
    let public_key = parse_public_key_base64(public_key.split(' ').nth(1).unwrap()).unwrap();
    let mut list = vec![12, 0, 0, 0, 1];
    for text in [public_key.public_key_bytes(), b"a key".to_vec()] {
        list.extend((text.len() as u32).to_be_bytes());
        list.extend(text);
    }
    std::thread::spawn(move || {
        // The first connection only looks whether it answers.
        let clients: Vec<_> = listener
            .incoming()
            .take(2)
            .map(|client| {
                let mut client = client.unwrap();
                client.read_exact(&mut [0; 5]).unwrap();
                let answer = [&(list.len() as u32).to_be_bytes()[..], &list].concat();
                // The first does not wait for all of it.
                client.write_all(&answer).ok();
                client
            })
            .collect();
        std::thread::sleep(Duration::from_secs(30));
        drop(clients);
    });
    let interrupt = Interrupt::new();
    let setter = interrupt.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(1500));
        setter.set();
    });
    let address = lab(&sshd, &format!("IdentityAgent {}", socket.display()));
    let executable = this();
    let start = Instant::now();
    let result = Guest::start(&address, &executable.path, &Limits::default(), &interrupt);
    assert!(matches!(result, Err(GuestError::Interrupted)), "{:?}", result.err());
    assert!((1..10).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    Ok(())
}

pub(crate) fn known_hosts_of_the_system() -> CaseResult {
    let sshd = sshd!();
    // A file with a space in its name, and a name in upper case.
    let system = sshd.path("known hosts");
    let key = fs::read_to_string(sshd.path("host_ed25519.pub")).unwrap();
    let file = |text: &str| fs::write(&system, format!("{text}{key}")).unwrap();
    fs::write(sshd.known_hosts(), "").unwrap();
    let more = format!("HostKeyAlias lab\nGlobalKnownHostsFile \"{}\" /none", system.display());
    file("LAB ");
    started(&lab(&sshd, &more));
    // What the system revokes is revoked, whatever file the address names.
    file("@revoked * ");
    let Address::Ssh(mut address) = lab(&sshd, &more) else { panic!() };
    fs::write(sshd.known_hosts(), format!("lab {key}")).unwrap();
    address.known_hosts = Some(sshd.known_hosts());
    refused(&Address::Ssh(address), &format!("is marked @revoked in {}", system.display()));
    refused(&lab(&sshd, "RevokedHostKeys /x"), "RevokedHostKeys to /x, which sevbench cannot");
    Ok(())
}

pub(crate) fn ignored_settings_are_warned_about() -> CaseResult {
    let sshd = sshd!();
    let told = |address: &Address| {
        let mut told = Vec::new();
        let mut tell = |line: &str| told.push(line.to_owned());
        let prepared = prepare(&[address], HostUse::Exclusive, &Interrupt::new(), &mut tell);
        prepared.map(|_| told)
    };
    let address = lab(&sshd, "Ciphers aes256-ctr\nStrictHostKeyChecking no\nForwardX11 no");
    let warning =
        "warning: sevbench ignores these SSH settings for lab: Ciphers, StrictHostKeyChecking";
    assert_eq!(told(&address).unwrap(), [warning]);
    assert_eq!(told(&lab(&sshd, "")).unwrap(), [""; 0]);
    let file = sshd.path("ssh_config");
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    let error = told(&address).unwrap_err().to_string();
    assert!(error.contains(&format!("`chmod go-w {}`", file.display())), "{error}");
    Ok(())
}
