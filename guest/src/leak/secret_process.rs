//! The guest's side: makes a secret, keeps it in memory that the guest never swaps or dumps,
//! reports how to recognise it, and wipes it when its input ends. The secret itself is never
//! written anywhere.

use super::SecretReport;
use super::fingerprint::SECRET_LEN;
use super::report::BUFFER_LEN;
use crate::wait::Wait;
use rand::TryRng;
use rand::rngs::SysRng;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::process::ExitCode;
use std::ptr::{self, NonNull};
use std::time::Duration;

/// Turns an executable into the secret process; `main` calls [`hold_secret`] if this is its first
/// argument.
pub const SECRET_ARGUMENT: &str = "--sevbench-secret";

/// A secret process ends by itself after this time.
const HOLD_MAX: Duration = Duration::from_secs(2 * 3600);
/// The length of an entry of /proc/PID/pagemap, its `present` bit, and the bits of its page frame
/// number (Linux, Documentation/admin-guide/mm/pagemap.rst).
const ENTRY_LEN: usize = 8;
const PRESENT: u64 = 1 << 63;
const FRAME_NUMBER: u64 = (1 << 55) - 1;

/// Holds a secret until standard input ends. Reports it on standard output at the start and at the
/// end, which shows whether its pages have moved in between.
pub fn hold_secret() -> ExitCode {
    match hold() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sevbench: cannot hold a secret: {error}");
            ExitCode::FAILURE
        }
    }
}

fn hold() -> io::Result<()> {
    let mut pages = LockedPages::new()?;
    pages.fill()?;
    pages.tell()?;
    let wait = Wait::uninterrupted(HOLD_MAX);
    let mut input = io::stdin().lock();
    let mut piece = [0; 64];
    loop {
        wait.until_ready(input.as_raw_fd(), libc::POLLIN)?;
        if input.read(&mut piece)? == 0 {
            return pages.tell();
        }
    }
}

/// Private pages that are never swapped or merged into huge pages. Wiped when dropped.
struct LockedPages {
    start: NonNull<u8>,
}

impl LockedPages {
    fn new() -> io::Result<Self> {
        // SAFETY: a new mapping at an address that the kernel chooses touches no memory of ours.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                BUFFER_LEN,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(io::Error::last_os_error)?;
        let pages = Self { start };
        for advice in [libc::MADV_NOHUGEPAGE, libc::MADV_DONTDUMP, libc::MADV_DONTFORK] {
            // SAFETY: the mapping is ours, and this advice leaves its content alone. A kernel that
            // does not know the advice refuses it, which does no harm.
            unsafe { libc::madvise(start.as_ptr().cast(), BUFFER_LEN, advice) };
        }
        // SAFETY: the mapping is ours, and locking does not access its content.
        if unsafe { libc::mlock(start.as_ptr().cast(), BUFFER_LEN) } != 0 {
            let error = io::Error::last_os_error();
            return Err(io::Error::other(format!("cannot lock its memory: {error}")));
        }
        Ok(pages)
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping holds BUFFER_LEN readable bytes for as long as `self` lives.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), BUFFER_LEN) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the mapping holds BUFFER_LEN writable bytes for as long as `self` lives, and
        // `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), BUFFER_LEN) }
    }

    /// Has the kernel write the secret in place, so that no other copy exists, and repeats it.
    fn fill(&mut self) -> io::Result<()> {
        let bytes = self.bytes_mut();
        SysRng.try_fill_bytes(&mut bytes[..SECRET_LEN]).map_err(io::Error::other)?;
        let mut filled_len = SECRET_LEN;
        while filled_len < BUFFER_LEN {
            bytes.copy_within(..filled_len, filled_len);
            filled_len *= 2;
        }
        Ok(())
    }

    fn tell(&self) -> io::Result<()> {
        let (secret, _) = self.bytes().split_first_chunk().ok_or(io::ErrorKind::InvalidData)?;
        let page_len = page_len()?;
        let report = SecretReport::new(secret, page_len, self.frames(page_len));
        let line = serde_json::to_string(&report).map_err(io::Error::other)? + "\n";
        let mut out = io::stdout().lock();
        out.write_all(line.as_bytes())?;
        out.flush()
    }

    /// The physical addresses of the pages; `None` if the kernel does not reveal them.
    fn frames(&self, page_len: u64) -> Option<Vec<u64>> {
        let count = BUFFER_LEN / usize::try_from(page_len).ok()?;
        let mut entries = vec![0; count * ENTRY_LEN];
        let first = self.start.addr().get() as u64 / page_len;
        let pagemap = File::open("/proc/self/pagemap").ok()?;
        pagemap.read_exact_at(&mut entries, first * ENTRY_LEN as u64).ok()?;
        let (entries, _) = entries.as_chunks::<ENTRY_LEN>();
        entries.iter().map(|entry| frame_address(u64::from_ne_bytes(*entry), page_len)).collect()
    }
}

impl Drop for LockedPages {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and writable; explicit_bzero is not optimised away.
        unsafe {
            libc::explicit_bzero(self.start.as_ptr().cast(), BUFFER_LEN);
            libc::munmap(self.start.as_ptr().cast(), BUFFER_LEN);
        }
    }
}

/// Without CAP_SYS_ADMIN the kernel reports the number 0 for each page.
fn frame_address(entry: u64, page_len: u64) -> Option<u64> {
    let number = entry & FRAME_NUMBER;
    let is_known = entry & PRESENT != 0 && number != 0;
    if is_known { number.checked_mul(page_len) } else { None }
}

fn page_len() -> io::Result<u64> {
    // SAFETY: sysconf takes and returns numbers.
    let len = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(len).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pages_are_filled_with_copies_of_one_random_secret() {
        let (mut one, mut other) = (LockedPages::new().unwrap(), LockedPages::new().unwrap());
        one.fill().unwrap();
        other.fill().unwrap();
        let secret = &one.bytes()[..SECRET_LEN];
        assert!(one.bytes().chunks(SECRET_LEN).all(|repeated| repeated == secret));
        assert_ne!(secret, &other.bytes()[..SECRET_LEN]);
        assert_eq!(one.start.addr().get() % 4096, 0);
    }

    #[test]
    fn pagemap_entries_are_parsed() {
        assert_eq!(frame_address(PRESENT | 5, 4096), Some(5 * 4096));
        assert_eq!(frame_address(5, 4096), None);
        assert_eq!(frame_address(PRESENT, 4096), None);
    }

    proptest! {
        #[test]
        fn any_pagemap_entry_is_parsed_without_a_panic(entry in any::<u64>(), page_len in any::<u64>()) {
            let _ = frame_address(entry, page_len);
        }
    }
}
