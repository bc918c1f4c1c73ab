//! Machines that cannot be reached, and connections that break.

use crate::support::*;
use sevbench_guest::{
    Address, ClientConfig, Ending, Guest, GuestError, Interrupt, Limits, SshAddress, SshError,
};
use sevbench_testing::{Options, Sshd, free_port, signal};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

pub(crate) fn no_such_host() -> CaseResult {
    let (address, _) = Address::parse("ssh://root@nonesuch.invalid").unwrap();
    assert!(matches!(
        refused(&address, "check the name"),
        GuestError::Ssh(SshError::NoSuchHost { .. })
    ));
    Ok(())
}

/// An address on which this check listens, or nobody does.
fn address_at(port: u16) -> Address {
    Address::Ssh(SshAddress {
        user: Some("root".into()),
        host: "127.0.0.1".into(),
        port: Some(port),
        key: None,
        known_hosts: Some("/dev/null".into()),
        config: ClientConfig::Nothing,
        directory: None,
    })
}

pub(crate) fn port_refused() -> CaseResult {
    let port = free_port(Ipv4Addr::LOCALHOST.into());
    let error = refused(&address_at(port), "start its SSH server");
    assert!(matches!(error, GuestError::Ssh(SshError::Refused { .. })));
    Ok(())
}

pub(crate) fn silent_server() -> CaseResult {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = address_at(listener.local_addr().unwrap().port());
    let limits = Limits { connect: Duration::from_millis(300), ..Limits::default() };
    let executable = this();
    let start = Instant::now();
    let result = Guest::start(&address, &executable.path, &limits, &Interrupt::new());
    let Err(error) = result else { panic!("it let us in") };
    assert!(matches!(error, GuestError::Ssh(SshError::Silent { .. })), "{error}");
    assert!(error.to_string().contains("within 0.3 s"), "{error}");
    assert!((0.3..10.0).contains(&start.elapsed().as_secs_f64()));
    Ok(())
}

pub(crate) fn babbling_server() -> CaseResult {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = address_at(listener.local_addr().unwrap().port());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&b"220 mail.example ESMTP\r\n".repeat(10_000)).ok();
    });
    let error = refused(&address, "check that it is an SSH server");
    assert!(
        matches!(
            error,
            GuestError::Ssh(SshError::Handshake { .. }) | GuestError::Ssh(SshError::Silent { .. })
        ),
        "{error}"
    );
    server.join().unwrap();
    Ok(())
}

pub(crate) fn no_common_algorithm() -> CaseResult {
    for (setting, value) in
        [("KexAlgorithms", "sntrup761x25519-sha512@openssh.com"), ("MACs", "umac-64@openssh.com")]
    {
        let sshd = sshd!(configuration: format!("{setting} {value}"));
        let error = refused(&sshd.address(""), &format!("the server offers {value}"));
        assert!(matches!(error, GuestError::Ssh(SshError::NoCommonAlgorithm { .. })), "{error}");
        assert!(
            error.to_string().contains(&format!("to {setting} in the server's sshd_config")),
            "{error}"
        );
    }
    Ok(())
}

pub(crate) fn interrupted_connect() -> CaseResult {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = address_at(listener.local_addr().unwrap().port());
    let interrupt = Interrupt::new();
    let setter = std::thread::spawn({
        let interrupt = interrupt.clone();
        move || {
            std::thread::sleep(Duration::from_millis(100));
            interrupt.set();
        }
    });
    let executable = this();
    let start = Instant::now();
    let result = Guest::start(&address, &executable.path, &Limits::default(), &interrupt);
    assert!(matches!(result, Err(GuestError::Interrupted)));
    assert!(start.elapsed() < Duration::from_secs(10));
    setter.join().unwrap();
    Ok(())
}

pub(crate) fn connection_lost() -> CaseResult {
    let sshd = sshd!();
    let mut guest = started(&sshd.address(""));
    let mut process = spawn(&mut guest, &[ECHO]);
    assert_echoes(&mut process, b"hello");
    let mut spinning = spawn(&mut guest, &[SPIN]);
    let pid: u32 = read_line(&mut spinning).parse().unwrap();
    sshd.kill();
    process.set_deadline(Instant::now() + Duration::from_secs(10));
    assert!(!matches!(process.read(&mut [0; 10]), Ok(1..)));
    assert_eq!(process.ending(), Ending::ConnectionLost);
    assert!(matches!(guest.ship(&this()), Err(GuestError::Ssh(SshError::Lost { .. }))));
    signal(pid, libc::SIGKILL);
    guest.shut_down().unwrap();
    Ok(())
}

/// The deadline holds even if the other side just stops.
pub(crate) fn frozen_guest() -> CaseResult {
    let sshd = sshd!();
    let mut guest = started(&sshd.address(""));
    let mut process = spawn(&mut guest, &[SPIN]);
    let pid: u32 = read_line(&mut process).parse().unwrap();
    process.set_deadline(Instant::now() + Duration::from_millis(300));
    let full = vec![0; 64 << 20];
    let error = process.write_all(&full).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    signal(pid, libc::SIGKILL);
    Ok(())
}

/// A server that allows no session at all is named as such, and not as a lost connection.
pub(crate) fn no_session() -> CaseResult {
    let sshd = sshd!(configuration: "MaxSessions 0".into());
    let error = started(&sshd.address("")).ship(&this()).unwrap_err().to_string();
    assert!(error.contains("refuses a session") && error.contains("MaxSessions"), "{error}");
    Ok(())
}

/// A server's keep-alive requests are answered by a client that is busy elsewhere.
pub(crate) fn kept_alive_connection() -> CaseResult {
    let sshd = sshd!(configuration: "ClientAliveInterval 1\nClientAliveCountMax 1".into());
    // Uploading it takes longer than the server waits.
    started(&sshd.address("")).ship(&this()).unwrap();
    let (mut kept_alive, mut forgotten) = (started(&sshd.address("")), started(&sshd.address("")));
    let mut process = spawn(&mut kept_alive, &[ECHO]);
    let mut lost = spawn(&mut forgotten, &[ECHO]);
    let hung_up = || {
        let log = std::fs::read_to_string(sshd.path("log")).unwrap();
        log.matches("client not responding").count()
    };
    let end = Instant::now() + Duration::from_secs(20);
    while hung_up() == 0 && Instant::now() < end {
        process.keep_alive().unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(hung_up(), 1);
    assert_echoes(&mut process, b"hello");
    lost.set_deadline(Instant::now() + Duration::from_secs(5));
    assert!(lost.write_all(b"hello").and_then(|()| lost.read_exact(&mut [0; 5])).is_err());
    assert_eq!(lost.ending(), Ending::ConnectionLost);
    Ok(())
}
