//! Memory to measure on: anonymous mappings with a known page size, pre-faulted or fresh.

use std::fs;
use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use thiserror::Error;

/// A huge page of x86-64, and the alignment of every mapping here.
pub const HUGE_PAGE_LEN: usize = 2 << 20;

/// A base page of x86-64.
pub const BASE_PAGE_LEN: usize = 4 << 10;

/// Which pages a mapping has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageSize {
    /// 4 KiB, and never a huge page.
    Base,
    /// 2 MiB transparent huge pages.
    Huge,
}

/// A mapping that could not be had.
#[derive(Debug, Error)]
pub enum BufferError {
    /// The kernel refuses it.
    #[error("cannot map {len_bytes} bytes: {source}")]
    Map {
        /// The length asked for.
        len_bytes: usize,
        /// Why.
        source: io::Error,
    },
    /// The kernel gave base pages where huge ones were asked for.
    #[error("only {huge_bytes} of {len_bytes} bytes are in huge pages")]
    NoHugePages {
        /// Bytes in huge pages.
        huge_bytes: usize,
        /// Bytes that should be.
        len_bytes: usize,
    },
}

impl BufferError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Map { .. } => "give the guest more memory, or choose a smaller size",
            Self::NoHugePages { .. } => {
                "in the guest: echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled"
            }
        }
    }
}

/// Pre-faulted memory, aligned to 2 MiB.
#[derive(Debug)]
pub struct Buffer(Mapping);

impl Buffer {
    /// Maps, and writes every page once.
    ///
    /// # Errors
    /// If there is not so much memory, or the kernel gives no huge pages where they are asked for.
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
        // SAFETY: the mapping is readable, initialised (zeroed by the kernel), and lives as long as self.
        unsafe { std::slice::from_raw_parts(self.0.start.as_ptr(), self.0.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in deref; the mapping is writable and private to self, which is borrowed uniquely.
        unsafe { std::slice::from_raw_parts_mut(self.0.start.as_ptr(), self.0.len) }
    }
}

/// Memory that nobody has touched yet.
#[derive(Debug)]
pub struct FreshMapping(Mapping);

impl FreshMapping {
    /// Maps without touching.
    ///
    /// # Errors
    /// If the kernel refuses the mapping.
    pub fn new(len_bytes: usize, page_size: PageSize) -> Result<Self, BufferError> {
        Mapping::new(len_bytes, page_size).map(Self)
    }

    /// Writes one byte in every 4 KiB: each page's first touch.
    pub fn touch(&mut self) {
        for offset in (0..self.0.len).step_by(BASE_PAGE_LEN) {
            // SAFETY: offset is below the mapping's length, and the mapping is writable.
            unsafe { self.0.start.as_ptr().add(offset).write_volatile(1) };
        }
    }

    /// How many of its bytes are in huge pages now.
    pub fn huge_bytes(&self) -> usize {
        self.0.huge_bytes()
    }

    /// Whether every page has been written.
    pub fn is_touched(&self) -> bool {
        (0..self.0.len).step_by(BASE_PAGE_LEN).all(|offset| {
            // SAFETY: offset is below the mapping's length, and the mapping is readable.
            unsafe { self.0.start.as_ptr().add(offset).read_volatile() == 1 }
        })
    }
}

/// An anonymous private mapping; unmapped when dropped.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping is owned memory like a Box<[u8]>; nothing refers to the thread that made it.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(len: usize, page_size: PageSize) -> Result<Self, BufferError> {
        let failed = |source| BufferError::Map { len_bytes: len, source };
        let whole = len.checked_add(HUGE_PAGE_LEN).filter(|_| len > 0);
        let whole = whole.ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
        // SAFETY: an anonymous mapping at an address of the kernel's choice touches no memory of ours.
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
        // SAFETY: the three ranges lie in the mapping just made; the first and last are never used again. A kernel
        // without transparent huge pages refuses the advice, which leaves base pages; `Buffer::new` checks.
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

    /// AnonHugePages of this mapping, from /proc/self/smaps.
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

/// The range in the first line of a mapping: `7f00-7f10 rw-p …`.
fn parse_range(line: &str) -> Option<(usize, usize)> {
    let (low, high) = line.split_once(' ')?.0.split_once('-')?;
    Some((usize::from_str_radix(low, 16).ok()?, usize::from_str_radix(high, 16).ok()?))
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is this mapping, made in `new` and kept by nobody else.
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
    fn a_buffer_is_aligned_writable_and_in_base_pages() {
        for len in [1, 4096, 5000, 3 << 20] {
            let mut buffer = Buffer::new(len, PageSize::Base).unwrap();
            assert_eq!((buffer.len(), buffer.as_ptr() as usize % HUGE_PAGE_LEN), (len, 0));
            buffer[len - 1] = 9;
            assert_eq!((buffer[len - 1], buffer.0.huge_bytes()), (9, 0));
        }
    }

    #[test]
    fn huge_pages_are_there_or_it_is_said() {
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
    fn a_fresh_mapping_is_touched_page_by_page() {
        let mut mapping = FreshMapping::new(3 * BASE_PAGE_LEN + 1, PageSize::Base).unwrap();
        assert!(!mapping.is_touched());
        mapping.touch();
        assert!(mapping.is_touched());
    }
}
