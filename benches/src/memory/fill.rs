//! Fill kernels: the C library's memset, and one explicit loop for each instruction set.

use crate::memory::kernel::{ALIGN, BLOCK_LEN, has_avx2, has_avx512, has_erms, store_fence};
use std::arch::asm;
use std::arch::x86_64::*;
use std::hint::black_box;

/// A way to fill memory.
pub struct FillKernel {
    /// The name of its bench.
    pub name: &'static str,
    /// The CPU feature that it requires. Empty if every x86-64 CPU has it.
    pub requires: &'static str,
    /// Whether this CPU can run it.
    pub is_available: fn() -> bool,
    run: unsafe fn(*mut u8, u8, usize),
}

impl FillKernel {
    /// Fills `dst` with `value`.
    ///
    /// # Panics
    /// If the length is not a multiple of [`BLOCK_LEN`], the address is not a multiple of
    /// [`ALIGN`], or this CPU cannot run the kernel.
    pub fn run(&self, dst: &mut [u8], value: u8) {
        assert!(
            dst.len().is_multiple_of(BLOCK_LEN),
            "a fill needs a multiple of {BLOCK_LEN} bytes"
        );
        assert!(
            (dst.as_ptr() as usize).is_multiple_of(ALIGN),
            "a fill needs an address aligned to {ALIGN}"
        );
        assert!((self.is_available)(), "this CPU lacks {}", self.requires);
        // SAFETY: the slice is valid for its length. Length, alignment and CPU feature were checked
        // above.
        unsafe { (self.run)(dst.as_mut_ptr(), value, dst.len()) }
    }
}

/// The C library's memset.
pub const LIBC: FillKernel =
    FillKernel { name: "memset", requires: "", is_available: || true, run: libc_memset };
/// 16-byte stores.
pub const SSE2: FillKernel =
    FillKernel { name: "fill-sse2", requires: "", is_available: || true, run: sse2 };
/// 32-byte stores.
pub const AVX2: FillKernel =
    FillKernel { name: "fill-avx2", requires: "avx2", is_available: has_avx2, run: avx2 };
/// 64-byte stores.
pub const AVX512: FillKernel =
    FillKernel { name: "fill-avx512", requires: "avx512f", is_available: has_avx512, run: avx512 };
/// 16-byte stores that bypass the caches.
pub const SSE2_NT: FillKernel =
    FillKernel { name: "fill-sse2-nt", requires: "", is_available: || true, run: sse2_nt };
/// 32-byte stores that bypass the caches.
pub const AVX2_NT: FillKernel =
    FillKernel { name: "fill-avx2-nt", requires: "avx2", is_available: has_avx2, run: avx2_nt };
/// The CPU's string fill, `rep stosb`.
pub const REP_STOSB: FillKernel =
    FillKernel { name: "fill-rep-stosb", requires: "erms", is_available: has_erms, run: rep_stosb };

/// All kernels.
pub const ALL: [&FillKernel; 7] = [&LIBC, &SSE2, &AVX2, &AVX512, &SSE2_NT, &AVX2_NT, &REP_STOSB];

unsafe fn libc_memset(dst: *mut u8, value: u8, len: usize) {
    // The compiler cannot see through this pointer, so it cannot replace the library's function.
    let memset = black_box(libc::memset as unsafe extern "C" fn(*mut _, i32, usize) -> *mut _);
    // SAFETY: the caller's range is valid for the length.
    unsafe { memset(dst.cast(), i32::from(value), len) };
}

/// A loop of four stores. The empty asm stops the compiler from turning it into a call of memset.
macro_rules! fill_loop {
    ($name:ident, $feature:literal, $vector:ty, $splat:ident, $store:ident, $after:expr) => {
        #[target_feature(enable = $feature)]
        unsafe fn $name(dst: *mut u8, value: u8, len: usize) {
            let vector = $splat(value as i8);
            let mut offset = 0;
            while offset < len {
                // SAFETY: the caller's range is valid for len bytes. BLOCK_LEN divides len, and so
                // do four vectors. The range is aligned to ALIGN, and so to a vector.
                unsafe {
                    let to = dst.add(offset).cast::<$vector>();
                    asm!("", options(nostack, preserves_flags));
                    $store(to.cast(), vector);
                    $store(to.add(1).cast(), vector);
                    $store(to.add(2).cast(), vector);
                    $store(to.add(3).cast(), vector);
                }
                offset += 4 * size_of::<$vector>();
            }
            $after();
        }
    };
}

fill_loop!(sse2, "sse2", __m128i, _mm_set1_epi8, _mm_store_si128, || ());
fill_loop!(avx2, "avx2", __m256i, _mm256_set1_epi8, _mm256_store_si256, || ());
fill_loop!(avx512, "avx512f", __m512i, _mm512_set1_epi8, _mm512_store_si512, || ());
// Non-temporal stores are weakly ordered. The fence completes them before the kernel returns.
fill_loop!(sse2_nt, "sse2", __m128i, _mm_set1_epi8, _mm_stream_si128, store_fence);
fill_loop!(avx2_nt, "avx2", __m256i, _mm256_set1_epi8, _mm256_stream_si256, store_fence);

unsafe fn rep_stosb(dst: *mut u8, value: u8, len: usize) {
    // SAFETY: the caller's range is valid for the length. The ABI keeps the direction flag clear.
    unsafe {
        asm!("rep stosb", inout("rcx") len => _, inout("rdi") dst => _, in("al") value,
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
    #[test]
    fn every_kernel_fills_the_whole_range_and_nothing_else() {
        for (blocks, value) in
            [1, 2, 3, 7, 16, 17, 199].into_iter().zip([0, 1, 7, 85, 170, 254, 255])
        {
            let len = blocks * BLOCK_LEN;
            for kernel in ALL.into_iter().filter(|kernel| (kernel.is_available)()) {
                let mut dst = Buffer::new(len + 2 * ALIGN, PageSize::Base).unwrap();
                dst.fill(GUARD);
                kernel.run(&mut dst[ALIGN..ALIGN + len], value);
                let mut inside = dst[ALIGN..ALIGN + len].iter();
                assert!(inside.all(|byte| *byte == value), "{}", kernel.name);
                let mut around = dst[..ALIGN].iter().chain(&dst[ALIGN + len..]);
                assert!(around.all(|byte| *byte == GUARD), "{}", kernel.name);
            }
        }
    }

    #[test]
    #[should_panic(expected = "multiple of 256")]
    fn length_that_is_not_a_multiple_of_a_block_panics() {
        SSE2.run(&mut Buffer::new(100, PageSize::Base).unwrap(), 1);
    }
}
