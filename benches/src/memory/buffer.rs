//! Memory to measure: anonymous mappings of a known page size, pre-faulted or untouched.

use std::fs;
use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use thiserror::Error;

/// Length of a huge page on x86-64, and alignment of every mapping here.
pub const HUGE_PAGE_LEN: usize = 2 << 20;

/// Length of a base page on x86-64.
pub const BASE_PAGE_LEN: usize = 4 << 10;

/// The pages that back a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageSize {
    /// 4 KiB pages only.
    Base,
    /// 2 MiB transparent huge pages.
    Huge,
}

/// Why there is no mapping.
#[derive(Debug, Error)]
pub enum BufferError {
    /// The kernel refused the mapping.
    #[error("cannot map {len_bytes} bytes: {source}")]
    Map {
        /// The requested length.
        len_bytes: usize,
        /// The reason.
        source: io::Error,
    },
    /// The kernel gave base pages instead of huge ones.
    #[error("the kernel put only {huge_bytes} of {len_bytes} bytes into huge pages")]
    NoHugePages {
        /// Number of bytes in huge pages.
        huge_bytes: usize,
        /// The requested length.
        len_bytes: usize,
    },
}

impl BufferError {
    /// What the user can do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Map { .. } => "give the guest more memory, or select a smaller size",
            Self::NoHugePages { .. } => {
                "type `echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled` in the \
                 guest, or boot it with transparent_hugepage=madvise (if sevbench boots \
                 it, set kernel_command_line under [machine] in sevbench.toml)"
            }
        }
    }
}

/// Pre-faulted memory, aligned to 2 MiB.
#[derive(Debug)]
pub struct Buffer(Mapping);

impl Buffer {
    /// Maps `len_bytes` bytes and writes every page once.
    ///
    /// # Errors
    /// If `len_bytes` is zero, the kernel refuses the mapping, or some of the requested huge pages
    /// are missing.
    pub fn new(len_bytes: usize, page_size: PageSize) -> Result<Self, BufferError> {
        let mapping = Mapping::new(len_bytes, page_size)?;
        let mut buffer = Self(mapping);
        buffer.fill(0xa5);
        if page_size == PageSize::Huge {
            let wanted = len_bytes / HUGE_PAGE_LEN * HUGE_PAGE_LEN;
            let huge_bytes = buffer.0.huge_bytes();
            if huge_bytes < wanted || wanted == 0 {
                return Err(BufferError::NoHugePages { huge_bytes, len_bytes });
            }
        }
        Ok(buffer)
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping is readable, initialised (zeroed by the kernel), and lives as long as
        // self.
        unsafe { std::slice::from_raw_parts(self.0.start.as_ptr(), self.0.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in deref. The mapping is also writable, and self, which owns it, is borrowed
        // uniquely.
        unsafe { std::slice::from_raw_parts_mut(self.0.start.as_ptr(), self.0.len) }
    }
}

/// Memory that has not been touched since it was mapped.
#[derive(Debug)]
pub struct FreshMapping(Mapping);

impl FreshMapping {
    /// Maps `len_bytes` bytes without touching them.
    ///
    /// # Errors
    /// If `len_bytes` is zero or the kernel refuses the mapping.
    pub fn new(len_bytes: usize, page_size: PageSize) -> Result<Self, BufferError> {
        Mapping::new(len_bytes, page_size).map(Self)
    }

    /// Writes one byte in every 4 KiB, which touches every page.
    pub fn touch(&mut self) {
        for offset in (0..self.0.len).step_by(BASE_PAGE_LEN) {
            // SAFETY: offset is less than the mapping's length, and the mapping is writable.
            unsafe { self.0.start.as_ptr().add(offset).write_volatile(1) };
        }
    }

    /// Whether [`touch`](Self::touch) has written every page.
    pub fn is_touched(&self) -> bool {
        (0..self.0.len).step_by(BASE_PAGE_LEN).all(|offset| {
            // SAFETY: offset is less than the mapping's length, and the mapping is readable.
            unsafe { self.0.start.as_ptr().add(offset).read_volatile() == 1 }
        })
    }
}

/// An anonymous private mapping, unmapped on drop.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping is owned memory, like a Box<[u8]>. It is not tied to the thread that made it.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(len: usize, page_size: PageSize) -> Result<Self, BufferError> {
        let failed = |source| BufferError::Map { len_bytes: len, source };
        let whole = len.checked_add(HUGE_PAGE_LEN).filter(|_| len > 0);
        let whole = whole.ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
        // SAFETY: the kernel chooses the address of an anonymous mapping, so it overlaps nothing.
        let address = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            libc::mmap(
                std::ptr::null_mut(),
                whole,
                libc::PROT_READ | libc::PROT_WRITE,
                flags,
                -1,
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(failed(io::Error::last_os_error()));
        }
        let skipped = address.cast::<u8>().align_offset(HUGE_PAGE_LEN);
        let start = address.cast::<u8>().wrapping_add(skipped);
        let kept = len.next_multiple_of(BASE_PAGE_LEN);
        let advice = match page_size {
            PageSize::Base => libc::MADV_NOHUGEPAGE,
            PageSize::Huge => libc::MADV_HUGEPAGE,
        };
        // SAFETY: the three ranges lie in the new mapping, and the first and the last are never
        // used again. A kernel without transparent huge pages rejects the advice, which leaves base
        // pages. `Buffer::new` checks for that.
        unsafe {
            if skipped > 0 {
                libc::munmap(address, skipped);
            }
            let surplus = whole - skipped - kept;
            if surplus > 0 {
                libc::munmap(start.wrapping_add(kept).cast(), surplus);
            }
            libc::madvise(start.cast(), kept, advice);
        }
        let start = NonNull::new(start).ok_or_else(|| failed(io::ErrorKind::OutOfMemory.into()))?;
        Ok(Self { start, len })
    }

    /// AnonHugePages of this mapping in /proc/self/smaps, in bytes.
    fn huge_bytes(&self) -> usize {
        let start = self.start.as_ptr() as usize;
        let smaps = fs::read_to_string("/proc/self/smaps").unwrap_or_default();
        let mut inside = false;
        for line in smaps.lines() {
            if let Some((low, high)) = parse_range(line) {
                inside = (low..high).contains(&start);
            } else if inside && let Some(kib) = line.strip_prefix("AnonHugePages:") {
                let kib = kib.trim().trim_end_matches(" kB").parse::<usize>();
                return kib.unwrap_or(0) * 1024;
            }
        }
        0
    }
}

/// The address range in the first line of a mapping, such as `7f00-7f10 rw-p …`.
fn parse_range(line: &str) -> Option<(usize, usize)> {
    let (low, high) = line.split_once(' ')?.0.split_once('-')?;
    Some((usize::from_str_radix(low, 16).ok()?, usize::from_str_radix(high, 16).ok()?))
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is this mapping, made in `new`. Nothing else refers to it.
        unsafe {
            libc::munmap(self.start.as_ptr().cast(), self.len.next_multiple_of(BASE_PAGE_LEN))
        };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn buffer_is_aligned_writable_and_in_base_pages() {
        for len in [1, 4096, 5000, 3 << 20] {
            let mut buffer = Buffer::new(len, PageSize::Base).unwrap();
            assert_eq!((buffer.len(), buffer.as_ptr() as usize % HUGE_PAGE_LEN), (len, 0));
            buffer[len - 1] = 9;
            assert_eq!((buffer[len - 1], buffer.0.huge_bytes()), (9, 0));
        }
    }

    #[test]
    fn missing_huge_pages_are_an_error() {
        match Buffer::new(8 << 20, PageSize::Huge) {
            Ok(buffer) => assert!(buffer.0.huge_bytes() >= 8 << 20),
            Err(error) => assert!(matches!(error, BufferError::NoHugePages { .. }), "{error}"),
        }
        assert!(matches!(Buffer::new(4096, PageSize::Huge), Err(BufferError::NoHugePages { .. })));
    }

    #[test]
    fn impossible_lengths_are_errors() {
        assert!(matches!(Buffer::new(0, PageSize::Base), Err(BufferError::Map { .. })));
        assert!(matches!(Buffer::new(usize::MAX, PageSize::Base), Err(BufferError::Map { .. })));
        assert!(matches!(FreshMapping::new(1 << 60, PageSize::Base), Err(BufferError::Map { .. })));
    }

    #[test]
    fn touch_writes_every_page_of_a_fresh_mapping() {
        let mut mapping = FreshMapping::new(3 * BASE_PAGE_LEN + 1, PageSize::Base).unwrap();
        assert!(!mapping.is_touched());
        mapping.touch();
        assert!(mapping.is_touched());
    }
}
