//! The inner loops of a resample: draw indices, and sum the values there.

use super::stream::Lanes;

/// The maximum number of values that one-byte indices can address.
pub(super) const BYTE_VALUES_MAX: usize = 256;

/// The two inner loops. Some processors have faster ones.
pub(super) trait Kernel {
    /// See [`Lanes::append_indices`].
    fn append_indices(&self, lanes: &mut Lanes, buffer: &mut [u8], len: usize) -> usize;

    /// Sums the codes at the indices, for each run of as many indices as there are codes.
    fn sum(&self, indices: &[u8], sums: &mut [u64]);
}

/// The loops for any processor.
pub(super) struct Simple<'a> {
    pub(super) codes: &'a [u32],
}

impl Kernel for Simple<'_> {
    fn append_indices(&self, lanes: &mut Lanes, buffer: &mut [u8], len: usize) -> usize {
        lanes.append_indices(self.codes.len(), buffer, len)
    }

    fn sum(&self, indices: &[u8], sums: &mut [u64]) {
        // A table with an entry for every byte needs no bounds check.
        let mut table = [0; BYTE_VALUES_MAX];
        table[..self.codes.len()].copy_from_slice(self.codes);
        for (sum, indices) in sums.iter_mut().zip(indices.chunks_exact(self.codes.len())) {
            *sum = u64::from(indices.iter().map(|index| table[usize::from(*index)]).sum::<u32>());
        }
    }
}
