//! The random draws: eight lanes of xoshiro256++, seeded by SplitMix64. Indices come from their
//! bytes, by rejection.
//!
//! The stream never changes, because a stored run must give the same figures again. Blackman, D. &
//! Vigna, S. (2021): Scrambled linear pseudorandom number generators. ACM Trans. Math. Softw. 47,
//! 36.

/// Generators that advance together.
pub(super) const LANES: usize = 8;

/// Bytes of one step.
pub(super) const STEP_BYTES: usize = LANES * 8;

/// SplitMix64's increment: 2⁶⁴ divided by the golden ratio, odd.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// SplitMix64, which turns a seed into a state. Steele, Lea & Flood (2014).
pub(super) struct SplitMix64(pub(super) u64);

impl SplitMix64 {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// Eight independent xoshiro256++ generators: word `w` of lane `l` is `state[w][l]`.
#[repr(C, align(64))]
pub(super) struct Lanes {
    pub(super) state: [[u64; LANES]; 4],
}

impl Lanes {
    /// The generators for one block of resamples. Blocks and seeds have unrelated states.
    pub(super) fn new(seed: u64, block: u32) -> Self {
        let mixed = SplitMix64(seed).next().wrapping_add(u64::from(block));
        let mut words = SplitMix64(SplitMix64(mixed).next());
        let mut state = [[0; LANES]; 4];
        for lane in 0..LANES {
            for word in &mut state {
                word[lane] = words.next();
            }
        }
        Self { state }
    }

    /// The next output of each lane.
    #[inline(always)]
    pub(super) fn next(&mut self) -> [u64; LANES] {
        let [s0, s1, s2, s3] = &mut self.state;
        let mut output = [0; LANES];
        for lane in 0..LANES {
            output[lane] = s0[lane].wrapping_add(s3[lane]).rotate_left(23).wrapping_add(s0[lane]);
            let shifted = s1[lane] << 17;
            s2[lane] ^= s0[lane];
            s3[lane] ^= s1[lane];
            s1[lane] ^= s2[lane];
            s0[lane] ^= s3[lane];
            s2[lane] ^= shifted;
            s3[lane] = s3[lane].rotate_left(45);
        }
        output
    }

    /// Appends indices below `count` (1 to 256), from the bytes of the next steps, as long as there
    /// is room for a whole step. Each byte is cut to the bits that `count` needs. Rejection leaves
    /// no bias. Returns the new length.
    pub(super) fn append_indices(
        &mut self,
        count: usize,
        buffer: &mut [u8],
        mut len: usize,
    ) -> usize {
        let highest = (count - 1) as u8;
        let mask = (count.next_power_of_two() - 1) as u8;
        while let Some(room) = buffer[len..].first_chunk_mut::<STEP_BYTES>() {
            let mut taken = 0;
            for output in self.next() {
                for byte in output.to_le_bytes() {
                    // The remainder changes nothing, but lets the compiler drop the bounds check.
                    room[taken % STEP_BYTES] = byte & mask;
                    taken += usize::from(byte & mask <= highest);
                }
            }
            len += taken;
        }
        len
    }

    /// The same with words of 32 bits, lower half first, for more values than a byte can address.
    pub(super) fn append_wide_indices(
        &mut self,
        count: usize,
        buffer: &mut [u32],
        mut len: usize,
    ) -> usize {
        let highest = (count - 1) as u32;
        let mask = (count.next_power_of_two() - 1) as u32;
        while let Some(room) = buffer[len..].first_chunk_mut::<{ 2 * LANES }>() {
            let mut taken = 0;
            for output in self.next() {
                for half in [output as u32, (output >> 32) as u32] {
                    room[taken % (2 * LANES)] = half & mask;
                    taken += usize::from(half & mask <= highest);
                }
            }
            len += taken;
        }
        len
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
