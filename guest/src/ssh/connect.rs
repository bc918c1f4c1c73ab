//! From a host name to a TCP connection, unless cancelled. Knows nothing about SSH.

use super::error::SshError;
use crate::limits::{Interrupt, Limits, is_interrupt};
use crate::wait::Wait;
use socket2::{Domain, Socket, TcpKeepalive, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// The most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// Keep-alive: when a silent connection is probed, how often, and how many probes may fail: 35 s in
/// all.
const KEEP_ALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(15))
    .with_interval(Duration::from_secs(5))
    .with_retries(4);

/// Connects to the first address of the host that accepts the connection.
pub(super) fn connect(
    (host, port): (&str, u16),
    limits: &Limits,
    interrupt: &Interrupt,
) -> Result<TcpStream, SshError> {
    let limit = limits.connect;
    let mut last = io::Error::other("the name has no address");
    for address in resolve(host, port, &Wait::new(interrupt, limit))? {
        match connect_address(address, &Wait::new(interrupt, limit)) {
            Ok(stream) => return Ok(stream),
            Err(error) if is_interrupt(&error) => return Err(SshError::Interrupted),
            Err(error) => last = error,
        }
    }
    let host = host.to_owned();
    Err(match last.kind() {
        io::ErrorKind::ConnectionRefused => SshError::Refused { host, port },
        io::ErrorKind::TimedOut => SshError::ConnectTimedOut { host, port, limit },
        _ => SshError::Connect { host, port, source: last },
    })
}

/// Resolves on a thread, since the resolver has no time limit. A resolver that takes too long is
/// left behind.
fn resolve(host: &str, port: u16, wait: &Wait) -> Result<Vec<SocketAddr>, SshError> {
    if let Ok(number) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(number, port)]);
    }
    let unknown = |reason: String| SshError::NoSuchHost { host: host.into(), reason };
    let (sender, receiver) = mpsc::sync_channel(1);
    let name = host.to_owned();
    let look_up = move || {
        let found = (name.as_str(), port).to_socket_addrs();
        // Nobody receives it if the limit has passed.
        sender.send(found.map(|found| found.take(ADDRESSES_MAX).collect())).ok();
    };
    thread::Builder::new()
        .name("resolver".into())
        .spawn(look_up)
        .map_err(|error| unknown(error.to_string()))?;
    loop {
        let slice = wait.slice().map_err(|error| match error {
            error if is_interrupt(&error) => SshError::Interrupted,
            _ => unknown("the name service does not answer".into()),
        })?;
        match receiver.recv_timeout(slice) {
            Ok(found) => return found.map_err(|error| unknown(error.to_string())),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(unknown("the lookup failed".into()));
            }
        }
    }
}

fn connect_address(address: SocketAddr, wait: &Wait) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&KEEP_ALIVE)?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {
            wait.until_ready(socket.as_raw_fd(), libc::POLLOUT)?;
            socket.take_error()?.map_or(Ok(()), Err)?;
        }
        result => result?,
    }
    Ok(socket.into())
}
