//! A process that is not confused with a later one of the same number.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// The field of /proc/PID/stat after the name that holds the start time. The first of them is the
/// state.
const START_FIELD: usize = 19;

/// A process, by its number and the time of its start. The pair is unique until the next boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessIdentity {
    /// Its number.
    pub id: u32,
    /// The time of its start, in clock ticks since boot.
    pub start: u64,
}

impl ProcessIdentity {
    /// The process that has this number now. `None` if there is none.
    pub fn of(id: u32) -> Option<Self> {
        let fields = fields_of(id)?;
        let start = fields.get(START_FIELD)?.parse().ok()?;
        // A zombie has ended.
        (fields[0] != "Z").then_some(Self { id, start })
    }

    /// Whether the process still runs.
    pub fn is_alive(self) -> bool {
        Self::of(self.id) == Some(self)
    }

    /// Sends the process a signal, and never another one. Returns whether it was still there.
    ///
    /// # Errors
    /// If the kernel refuses the signal.
    pub fn signal(self, signal: libc::c_int) -> io::Result<bool> {
        let flags: libc::c_uint = 0;
        // SAFETY: pidfd_open takes two numbers and returns a new descriptor, which nothing else
        // owns.
        let descriptor = unsafe {
            match libc::syscall(libc::SYS_pidfd_open, self.id.cast_signed(), flags) {
                -1 => return Ok(false),
                fd => OwnedFd::from_raw_fd(fd as libc::c_int),
            }
        };
        // The descriptor stands for whichever process has the number now. If that is this one, the
        // signal reaches this one, even if it ends meanwhile.
        if !self.is_alive() {
            return Ok(false);
        }
        let no_info = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: pidfd_send_signal takes a descriptor, numbers and a null pointer, for which the
        // kernel fills in the usual information.
        let result = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                descriptor.as_raw_fd(),
                signal,
                no_info,
                flags,
            )
        };
        if result == 0 { Ok(true) } else { Err(io::Error::last_os_error()) }
    }
}

/// Whether the process of this number is stopped, as by SIGSTOP.
pub fn is_stopped(id: u32) -> bool {
    fields_of(id).is_some_and(|fields| fields[0] == "T")
}

/// The fields of /proc/PID/stat from the state on: at least one.
fn fields_of(id: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name before them is in brackets and may hold any character.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<String> = fields.split_whitespace().map(str::to_owned).collect();
    (!fields.is_empty()).then_some(fields)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;
    use std::time::{Duration, Instant};

    #[test]
    fn signal_reaches_the_process_and_no_later_one_of_its_number() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let identity = ProcessIdentity::of(child.id()).unwrap();
        assert!(identity.is_alive());
        let other = ProcessIdentity { start: identity.start + 1, ..identity };
        assert!(!other.is_alive() && !other.signal(libc::SIGTERM).unwrap());
        assert!(child.try_wait().unwrap().is_none(), "another process was ended");
        assert!(!is_stopped(child.id()));
        assert!(identity.signal(libc::SIGSTOP).unwrap());
        let limit = Instant::now() + Duration::from_secs(10);
        while !is_stopped(child.id()) {
            assert!(Instant::now() < limit, "it does not stop");
            std::thread::yield_now();
        }
        assert!(identity.signal(libc::SIGCONT).unwrap());
        assert!(identity.signal(libc::SIGTERM).unwrap());
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
        assert!(!identity.is_alive() && !identity.signal(libc::SIGTERM).unwrap());
    }
}
