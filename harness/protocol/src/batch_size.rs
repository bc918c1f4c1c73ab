//! How many inputs are made before the routine is timed over them.

/// How many inputs [`Bencher::iter_batched`](crate::Bencher::iter_batched) makes before it times
/// the routine over all of them. The names and the sizes are criterion's.
///
/// Reading the clock adds to each batch: about 35 ns on recent hardware, more in an emulated guest.
/// The inputs and outputs of a batch exist at once, so a batch that exceeds a cache makes each
/// iteration slower.
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{BatchSize, Bencher};
///
/// fn reverse(b: &mut Bencher<'_>) {
///     let large = || vec![7_u8; 64 << 20]; // one at a time
///     b.iter_batched_ref(large, |bytes| bytes.reverse(), BatchSize::PerIteration);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchSize {
    /// Ten batches in a sample: for small inputs and outputs.
    SmallInput,
    /// A thousand batches in a sample: for large inputs or outputs.
    LargeInput,
    /// Each input is made just before its iteration. For inputs that fill the memory, or of which
    /// only one can exist, and for routines of 5 µs or more.
    PerIteration,
    /// This many batches in a sample.
    NumBatches(u64),
    /// This many iterations in a batch.
    NumIterations(u64),
}

impl BatchSize {
    /// The iterations in a batch of a sample with this many.
    pub(crate) fn iterations(self, of_sample: u64) -> u64 {
        let size = match self {
            Self::SmallInput => of_sample.div_ceil(10),
            Self::LargeInput => of_sample.div_ceil(1000),
            Self::PerIteration => 1,
            Self::NumBatches(batches) => of_sample.div_ceil(batches.max(1)),
            Self::NumIterations(iterations) => iterations,
        };
        size.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_criterion() {
        for (size, expected) in [
            (BatchSize::SmallInput, 101),
            (BatchSize::LargeInput, 2),
            (BatchSize::PerIteration, 1),
            (BatchSize::NumBatches(4), 251),
            (BatchSize::NumIterations(7), 7),
            (BatchSize::NumBatches(0), 1001),
            (BatchSize::NumIterations(0), 1),
        ] {
            assert_eq!(size.iterations(1001), expected, "{size:?}");
            assert_eq!(size.iterations(0).min(1), 1.min(size.iterations(1)), "{size:?}");
        }
    }
}
