//! The inner loops for processors with AVX-512 (VBMI, VBMI2, VNNI). Up to 128 values stay in
//! registers, and one instruction looks up 64 of them. The plain loops take ten times as long.
//! Results are equal to the bit.

use super::kernel::{Kernel, Simple};
use super::stream::{Lanes, STEP_BYTES};
use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_add_epi64, _mm512_and_si512, _mm512_cmple_epu8_mask,
    _mm512_dpbusd_epi32, _mm512_load_si512, _mm512_loadu_si512, _mm512_maskz_compress_epi8,
    _mm512_maskz_loadu_epi8, _mm512_maskz_permutex2var_epi8, _mm512_reduce_add_epi32,
    _mm512_rol_epi64, _mm512_set1_epi8, _mm512_setzero_si512, _mm512_slli_epi32, _mm512_slli_epi64,
    _mm512_store_si512, _mm512_storeu_si512, _mm512_xor_si512,
};

/// The maximum number of values that fit into two registers, one byte of each.
const VALUES_MAX: usize = 128;

/// Bytes in a code.
const PLANES: usize = 3;

/// The loops. A value of this type proves that the processor supports them.
pub(super) struct Wide<'a> {
    simple: Simple<'a>,
    /// The lowest byte of each code, then the middle one, then the highest.
    planes: [[u8; VALUES_MAX]; PLANES],
}

impl<'a> Wide<'a> {
    /// `None` if the processor lacks an instruction.
    pub(super) fn new(codes: &'a [u32]) -> Option<Self> {
        let able = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("avx512vnni")
            && is_x86_feature_detected!("popcnt");
        let mut planes = [[0; VALUES_MAX]; PLANES];
        for (index, code) in codes.iter().take(VALUES_MAX).enumerate() {
            for (plane, byte) in planes.iter_mut().zip(code.to_le_bytes()) {
                plane[index] = byte;
            }
        }
        able.then_some(Self { simple: Simple { codes }, planes })
    }
}

impl Kernel for Wide<'_> {
    fn append_indices(&self, lanes: &mut Lanes, buffer: &mut [u8], len: usize) -> usize {
        // SAFETY: `Wide` exists only if the processor has these instructions.
        unsafe { append_indices(lanes, self.simple.codes.len(), buffer, len) }
    }

    fn sum(&self, indices: &[u8], sums: &mut [u64]) {
        if self.simple.codes.len() > VALUES_MAX {
            return self.simple.sum(indices, sums);
        }
        // SAFETY: `Wide` exists only if the processor has these instructions.
        unsafe { sum(&self.planes, self.simple.codes.len(), indices, sums) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
fn append_indices(lanes: &mut Lanes, count: usize, buffer: &mut [u8], mut len: usize) -> usize {
    let highest = _mm512_set1_epi8((count - 1) as i8);
    let mask = _mm512_set1_epi8((count.next_power_of_two() - 1) as i8);
    // SAFETY: each word of the state is 64 bytes long and aligned to 64 bytes.
    let [mut s0, mut s1, mut s2, mut s3] =
        lanes.state.each_ref().map(|word| unsafe { _mm512_load_si512(word.as_ptr().cast()) });
    while let Some(room) = buffer.get_mut(len..len + STEP_BYTES) {
        let sum = _mm512_add_epi64(s0, s3);
        let output = _mm512_add_epi64(_mm512_rol_epi64::<23>(sum), s0);
        let shifted = _mm512_slli_epi64::<17>(s1);
        s2 = _mm512_xor_si512(s2, s0);
        s3 = _mm512_xor_si512(s3, s1);
        s1 = _mm512_xor_si512(s1, s2);
        s0 = _mm512_xor_si512(s0, s3);
        s2 = _mm512_xor_si512(s2, shifted);
        s3 = _mm512_rol_epi64::<45>(s3);
        let bytes = _mm512_and_si512(output, mask);
        let taken = _mm512_cmple_epu8_mask(bytes, highest);
        let indices = _mm512_maskz_compress_epi8(taken, bytes);
        // SAFETY: `room` is 64 bytes long.
        unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), indices) };
        len += taken.count_ones() as usize;
    }
    for (word, register) in lanes.state.iter_mut().zip([s0, s1, s2, s3]) {
        // SAFETY: each word of the state is 64 bytes long and aligned to 64 bytes.
        unsafe { _mm512_store_si512(word.as_mut_ptr().cast(), register) };
    }
    len
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
fn sum(planes: &[[u8; VALUES_MAX]; PLANES], count: usize, indices: &[u8], sums: &mut [u64]) {
    let ones = _mm512_set1_epi8(1);
    let tables = planes.each_ref().map(|plane| {
        let (low, high) = plane.split_at(VALUES_MAX / 2);
        // SAFETY: each half is 64 bytes long.
        unsafe {
            let low: __m512i = _mm512_loadu_si512(low.as_ptr().cast());
            (low, _mm512_loadu_si512(high.as_ptr().cast()))
        }
    });
    for (sum, indices) in sums.iter_mut().zip(indices.chunks_exact(count)) {
        let mut totals = [_mm512_setzero_si512(); PLANES];
        for indices in indices.chunks(STEP_BYTES) {
            let present = u64::MAX >> (STEP_BYTES - indices.len());
            // SAFETY: the mask admits only the bytes that are present.
            let picks = unsafe { _mm512_maskz_loadu_epi8(present, indices.as_ptr().cast()) };
            for (total, (low, high)) in totals.iter_mut().zip(tables) {
                let bytes = _mm512_maskz_permutex2var_epi8(present, low, picks, high);
                *total = _mm512_dpbusd_epi32(*total, bytes, ones);
            }
        }
        let [low, middle, high] = totals;
        let total = _mm512_add_epi32(
            _mm512_add_epi32(low, _mm512_slli_epi32::<8>(middle)),
            _mm512_slli_epi32::<16>(high),
        );
        // Below 2³¹: at most 128 codes of 24 bits.
        *sum = _mm512_reduce_add_epi32(total) as u64;
    }
}
