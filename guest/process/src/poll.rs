//! poll(2) with a `Duration`.

use std::io;
use std::time::Duration;

/// Waits until a descriptor is ready, and returns how many are. Returns 0 after `timeout`, or when
/// a signal arrives.
///
/// # Errors
/// If the kernel refuses the call.
pub fn poll(polled: &mut [libc::pollfd], timeout: Duration) -> io::Result<usize> {
    // Rounded up: the last part of a millisecond must not become a busy loop.
    let timeout_ms = timeout.as_nanos().div_ceil(1_000_000);
    let timeout_ms = libc::c_int::try_from(timeout_ms).unwrap_or(libc::c_int::MAX);
    // SAFETY: pointer and length describe one slice that outlives the call; poll keeps neither it
    // nor the descriptors.
    let ready =
        unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, timeout_ms) };
    match usize::try_from(ready) {
        Ok(ready) => Ok(ready),
        Err(_) => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            error => Err(error),
        },
    }
}
