//! Copy kernels: the C library's memcpy, and one explicit loop for each instruction set.

use crate::memory::kernel::{ALIGN, BLOCK_LEN, has_avx2, has_avx512, has_erms, store_fence};
use std::arch::asm;
use std::arch::x86_64::*;
use std::hint::black_box;

/// A way to copy memory.
pub struct CopyKernel {
    /// The name of its bench.
    pub name: &'static str,
    /// The CPU feature that it requires. Empty if every x86-64 CPU has it.
    pub requires: &'static str,
    /// Whether this CPU can run it.
    pub is_available: fn() -> bool,
    run: unsafe fn(*mut u8, *const u8, usize),
}

impl CopyKernel {
    /// Copies `src` to `dst`.
    ///
    /// # Panics
    /// If the lengths differ or are not a multiple of [`BLOCK_LEN`], an address is not a multiple
    /// of [`ALIGN`], or this CPU cannot run the kernel.
    pub fn run(&self, dst: &mut [u8], src: &[u8]) {
        assert_eq!(dst.len(), src.len(), "a copy needs equal lengths");
        assert!(
            src.len().is_multiple_of(BLOCK_LEN),
            "a copy needs a multiple of {BLOCK_LEN} bytes"
        );
        let aligned = |address: *const u8| (address as usize).is_multiple_of(ALIGN);
        assert!(
            aligned(dst.as_ptr()) && aligned(src.as_ptr()),
            "a copy needs addresses aligned to {ALIGN}"
        );
        assert!((self.is_available)(), "this CPU lacks {}", self.requires);
        // SAFETY: both slices are valid for the length. They cannot overlap, since one is borrowed
        // uniquely. Length, alignment and CPU feature were checked above.
        unsafe { (self.run)(dst.as_mut_ptr(), src.as_ptr(), src.len()) }
    }
}

/// The C library's memcpy.
pub const LIBC: CopyKernel =
    CopyKernel { name: "memcpy", requires: "", is_available: || true, run: libc_memcpy };
/// 16-byte loads and stores.
pub const SSE2: CopyKernel =
    CopyKernel { name: "copy-sse2", requires: "", is_available: || true, run: sse2 };
/// 32-byte loads and stores.
pub const AVX2: CopyKernel =
    CopyKernel { name: "copy-avx2", requires: "avx2", is_available: has_avx2, run: avx2 };
/// 64-byte loads and stores.
pub const AVX512: CopyKernel =
    CopyKernel { name: "copy-avx512", requires: "avx512f", is_available: has_avx512, run: avx512 };
/// 16-byte loads, and stores that bypass the caches.
pub const SSE2_NT: CopyKernel =
    CopyKernel { name: "copy-sse2-nt", requires: "", is_available: || true, run: sse2_nt };
/// 32-byte loads, and stores that bypass the caches.
pub const AVX2_NT: CopyKernel =
    CopyKernel { name: "copy-avx2-nt", requires: "avx2", is_available: has_avx2, run: avx2_nt };
/// The CPU's string copy, `rep movsb`.
pub const REP_MOVSB: CopyKernel =
    CopyKernel { name: "copy-rep-movsb", requires: "erms", is_available: has_erms, run: rep_movsb };

/// All kernels.
pub const ALL: [&CopyKernel; 7] = [&LIBC, &SSE2, &AVX2, &AVX512, &SSE2_NT, &AVX2_NT, &REP_MOVSB];

unsafe fn libc_memcpy(dst: *mut u8, src: *const u8, len: usize) {
    // The compiler cannot see through this pointer, so it cannot replace the library's function.
    let memcpy = black_box(libc::memcpy as unsafe extern "C" fn(*mut _, *const _, usize) -> *mut _);
    // SAFETY: the caller's ranges are valid for the length and do not overlap.
    unsafe { memcpy(dst.cast(), src.cast(), len) };
}

/// A loop of four loads and four stores. The empty asm stops the compiler from turning it into a
/// call of memcpy.
macro_rules! copy_loop {
    ($name:ident, $feature:literal, $vector:ty, $load:ident, $store:ident, $after:expr) => {
        #[target_feature(enable = $feature)]
        unsafe fn $name(dst: *mut u8, src: *const u8, len: usize) {
            let mut offset = 0;
            while offset < len {
                // SAFETY: the caller's ranges are valid for len bytes. BLOCK_LEN divides len, and
                // so do four vectors. The ranges are aligned to ALIGN, and so to a vector.
                unsafe {
                    let from = src.add(offset).cast::<$vector>();
                    let to = dst.add(offset).cast::<$vector>();
                    let (a, b, c, d) = (
                        $load(from.cast()),
                        $load(from.add(1).cast()),
                        $load(from.add(2).cast()),
                        $load(from.add(3).cast()),
                    );
                    asm!("", options(nostack, preserves_flags));
                    $store(to.cast(), a);
                    $store(to.add(1).cast(), b);
                    $store(to.add(2).cast(), c);
                    $store(to.add(3).cast(), d);
                }
                offset += 4 * size_of::<$vector>();
            }
            $after();
        }
    };
}

copy_loop!(sse2, "sse2", __m128i, _mm_load_si128, _mm_store_si128, || ());
copy_loop!(avx2, "avx2", __m256i, _mm256_load_si256, _mm256_store_si256, || ());
copy_loop!(avx512, "avx512f", __m512i, _mm512_load_si512, _mm512_store_si512, || ());
// Non-temporal stores are weakly ordered. The fence completes them before the kernel returns.
copy_loop!(sse2_nt, "sse2", __m128i, _mm_load_si128, _mm_stream_si128, store_fence);
copy_loop!(avx2_nt, "avx2", __m256i, _mm256_load_si256, _mm256_stream_si256, store_fence);

unsafe fn rep_movsb(dst: *mut u8, src: *const u8, len: usize) {
    // SAFETY: the caller's ranges are valid for the length. The ABI keeps the direction flag clear.
    unsafe {
        asm!("rep movsb", inout("rcx") len => _, inout("rdi") dst => _, inout("rsi") src => _,
            options(nostack, preserves_flags));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use crate::memory::buffer::{Buffer, PageSize};

    const GUARD: u8 = 0xee;
    /// Lengths around the unrolling and beyond a page.
    const BLOCKS: [usize; 7] = [1, 2, 3, 7, 16, 17, 199];

    #[test]
    fn every_kernel_copies_the_whole_range_and_nothing_else() {
        let cases = (0..8).flat_map(|start| BLOCKS.map(|blocks| (start, blocks)));
        for (seed, (start, blocks)) in (0_u8..).zip(cases) {
            let (len, start) = (blocks * BLOCK_LEN, start * ALIGN);
            let mut src = Buffer::new(len + start, PageSize::Base).unwrap();
            for (i, byte) in src.iter_mut().enumerate() {
                *byte = (i as u8).wrapping_mul(31) ^ seed;
            }
            for kernel in ALL.into_iter().filter(|kernel| (kernel.is_available)()) {
                let mut dst = Buffer::new(len + 2 * ALIGN, PageSize::Base).unwrap();
                dst.fill(GUARD);
                kernel.run(&mut dst[ALIGN..ALIGN + len], &src[start..]);
                assert_eq!(&dst[ALIGN..ALIGN + len], &src[start..], "{}", kernel.name);
                let mut around = dst[..ALIGN].iter().chain(&dst[ALIGN + len..]);
                assert!(around.all(|byte| *byte == GUARD), "{}", kernel.name);
            }
        }
    }

    #[test]
    #[should_panic(expected = "equal lengths")]
    fn unequal_lengths_panic() {
        let src = Buffer::new(512, PageSize::Base).unwrap();
        SSE2.run(&mut Buffer::new(256, PageSize::Base).unwrap(), &src);
    }

    #[test]
    #[should_panic(expected = "aligned")]
    fn unaligned_addresses_panic() {
        let src = Buffer::new(1024, PageSize::Base).unwrap();
        SSE2.run(&mut Buffer::new(1024, PageSize::Base).unwrap()[..256], &src[1..257]);
    }
}
