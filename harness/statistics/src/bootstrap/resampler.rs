//! Means of random resamples. Sums are of integers, so that neither the order of additions nor the
//! width of registers changes a result.

use super::kernel::{BYTE_VALUES_MAX, Kernel, Simple};
use super::needs_two;
use super::stream::{Lanes, STEP_BYTES};
#[cfg(target_arch = "x86_64")]
use super::wide::Wide;
use crate::quantity::{LogRatio, StatisticsError};

/// Indices drawn at once. They fit into the first-level cache together with the table.
const BUFFER_BYTES: usize = 4096;

/// The largest code of a value, 24 bits.
const CODE_MAX: f64 = 16_777_215.0;

/// Draws resamples of the mean of the replicates, in independent blocks.
///
/// A replicate is stored as its distance from the smallest one, rounded to 2⁻²⁴ of the range of
/// all. The error is at most 3·10⁻⁸ of that range, far below the error of any number of resamples.
/// Sums are exact from there on.
#[derive(Clone, Debug)]
pub struct Resampler {
    seed: u64,
    codes: Vec<u32>,
    smallest: f64,
    /// Factor from a sum of codes to a mean.
    mean_per_code: f64,
}

impl Resampler {
    /// Resamples in a block. Each block has its own stream, so threads can fill blocks
    /// independently.
    pub const BLOCK: usize = 1024;

    /// A resampler for these replicates.
    ///
    /// # Errors
    /// If there are fewer than two replicates.
    pub fn new(replicates: &[LogRatio], seed: u64) -> Result<Self, StatisticsError> {
        needs_two(replicates)?;
        let values = || replicates.iter().map(|r| r.0);
        let smallest = values().fold(f64::INFINITY, f64::min);
        let range = values().fold(f64::NEG_INFINITY, f64::max) - smallest;
        let per_range = if range > 0.0 { CODE_MAX / range } else { 0.0 };
        let codes = values().map(|x| ((x - smallest) * per_range).round() as u32).collect();
        let mean_per_code = range / CODE_MAX / replicates.len() as f64;
        Ok(Self { seed, codes, smallest, mean_per_code })
    }

    /// Fills the slice with the means of independent resamples. Its first [`Self::BLOCK`] values
    /// are block `first`, the next ones the block after it. The same seed, block and replicates
    /// give the same bits on every machine.
    pub fn fill(&self, first: u32, means: &mut [LogRatio]) {
        let mut sums = [0; Self::BLOCK];
        let simple = Simple { codes: &self.codes };
        #[cfg(target_arch = "x86_64")]
        let wide = Wide::new(&self.codes);
        for (block, means) in (first..).zip(means.chunks_mut(Self::BLOCK)) {
            let lanes = Lanes::new(self.seed, block);
            let sums = &mut sums[..means.len()];
            #[cfg(target_arch = "x86_64")]
            match &wide {
                Some(wide) => draw(wide, &self.codes, lanes, sums),
                None => draw(&simple, &self.codes, lanes, sums),
            }
            #[cfg(not(target_arch = "x86_64"))]
            draw(&simple, &self.codes, lanes, sums);
            for (mean, sum) in means.iter_mut().zip(sums) {
                *mean = LogRatio(self.smallest + *sum as f64 * self.mean_per_code);
            }
        }
    }
}

/// Fills in the sums of one block's resamples. Each takes as many indices from the stream as there
/// are codes.
pub(super) fn draw(kernel: &impl Kernel, codes: &[u32], mut lanes: Lanes, sums: &mut [u64]) {
    let count = codes.len();
    if count > BYTE_VALUES_MAX {
        return draw_of_many(codes, lanes, sums);
    }
    let mut buffer = [0; BUFFER_BYTES + STEP_BYTES];
    let (mut len, mut done) = (0, 0);
    while done < sums.len() {
        len = kernel.append_indices(&mut lanes, &mut buffer, len);
        let whole = (len / count).min(sums.len() - done);
        kernel.sum(&buffer[..whole * count], &mut sums[done..done + whole]);
        done += whole;
        buffer.copy_within(whole * count..len, 0);
        len -= whole * count;
    }
}

/// The same for more codes than one-byte indices can address.
fn draw_of_many(codes: &[u32], mut lanes: Lanes, sums: &mut [u64]) {
    let mut buffer = [0; BUFFER_BYTES / 4];
    let (mut next, mut len) = (0, 0);
    for sum in sums {
        *sum = 0;
        let mut missing = codes.len();
        while missing > 0 {
            if next == len {
                len = lanes.append_wide_indices(codes.len(), &mut buffer, 0);
                next = 0;
            }
            let indices = &buffer[next..len.min(next + missing)];
            *sum += indices.iter().map(|index| u64::from(codes[*index as usize])).sum::<u64>();
            next += indices.len();
            missing -= indices.len();
        }
    }
}

#[cfg(test)]
#[path = "resampler_tests.rs"]
mod tests;
