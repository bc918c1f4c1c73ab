//! TCP retransmissions on a connection's socket.

use std::mem::{MaybeUninit, offset_of, size_of};
use std::os::fd::RawFd;

/// Segments that the host has retransmitted since the connection began; `None` if the socket is not
/// TCP. The guest's retransmissions are not counted.
pub(super) fn transport_retries(socket: RawFd) -> Option<u32> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut len = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the pointers are to a buffer of `len` bytes and to `len`, which outlive the call. The
    // kernel writes no more than that, and keeps neither the pointers nor the descriptor.
    let status = unsafe {
        libc::getsockopt(
            socket,
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    // SAFETY: the structure holds only numbers, and what the kernel did not write is zero.
    let info = unsafe { info.assume_init() };
    let has_field =
        len as usize >= offset_of!(libc::tcp_info, tcpi_total_retrans) + size_of::<u32>();
    (status == 0 && has_field).then_some(info.tcpi_total_retrans)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};

    #[test]
    fn sound_connection_has_no_retries_and_other_sockets_no_count() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(transport_retries(stream.as_raw_fd()), Some(0));
        let (one, _other) = UnixStream::pair().unwrap();
        assert_eq!(transport_retries(one.as_raw_fd()), None);
        assert_eq!(transport_retries(-1), None);
    }

    /// Connections to a listener with a full queue are retransmitted.
    #[test]
    fn retransmissions_are_counted() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let wait = Duration::from_millis(20);
        // SAFETY: listen takes no pointers; it shortens the queue of an open listener.
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        let _queued: Vec<_> = (0..4).map(|_| TcpStream::connect_timeout(&address, wait)).collect();
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.connect(&address.into()).unwrap_err();
        let start = Instant::now();
        while transport_retries(socket.as_raw_fd()) == Some(0) {
            assert!(start.elapsed() < Duration::from_secs(20), "nothing was sent again");
            std::thread::sleep(wait);
        }
        assert!(transport_retries(socket.as_raw_fd()) >= Some(1));
    }
}
