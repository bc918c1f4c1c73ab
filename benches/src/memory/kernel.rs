//! What copy and fill kernels require of their buffers and of the CPU.

use std::arch::x86_64::{__cpuid, __cpuid_count, _mm_sfence};

/// The length of a buffer must be a multiple of this many bytes.
pub const BLOCK_LEN: usize = 256;
/// The address of a buffer must be a multiple of this. The widest kernel needs it.
pub const ALIGN: usize = 64;

pub(super) fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
}

pub(super) fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
}

/// Enhanced REP MOVSB/STOSB: CPUID leaf 7, EBX bit 9.
pub(super) fn has_erms() -> bool {
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).ebx & (1 << 9) != 0
}

/// Completes non-temporal stores, which are weakly ordered, before the kernel returns.
#[inline]
pub(super) fn store_fence() {
    // SAFETY: every x86-64 CPU has SSE.
    unsafe { _mm_sfence() };
}
