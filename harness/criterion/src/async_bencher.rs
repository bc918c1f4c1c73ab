//! The [`AsyncBencher`]: criterion's methods for futures.

use crate::async_executor::{AsyncExecutor, Driver};
use crate::bencher::Bencher;
use crate::measurement::{Measurement, WallTime};
use sevbench::BatchSize;
use std::time::Duration;

/// Measures futures. [`Bencher::to_async`] makes it.
pub struct AsyncBencher<'a, 'b, A: AsyncExecutor, M: Measurement = WallTime> {
    bencher: &'b mut Bencher<'a, M>,
    runner: Driver<A>,
}

impl<'a, M: Measurement> Bencher<'a, M> {
    /// Measures futures, which `runner` drives.
    pub const fn to_async<'b, A: AsyncExecutor>(
        &'b mut self,
        runner: A,
    ) -> AsyncBencher<'a, 'b, A, M> {
        AsyncBencher { bencher: self, runner: Driver(runner) }
    }
}

impl<A: AsyncExecutor, M: Measurement> AsyncBencher<'_, '_, A, M> {
    /// Measures the futures of `routine`, and dropping their outputs.
    pub fn iter<O, R: FnMut() -> F, F: Future<Output = O>>(&mut self, routine: R) {
        self.bencher.inner().to_async(&self.runner).iter(routine);
    }

    /// Measures with the duration that the future of `routine` returns for the given number of
    /// iterations.
    pub fn iter_custom<R: FnMut(u64) -> F, F: Future<Output = Duration>>(&mut self, routine: R) {
        self.bencher.inner().to_async(&self.runner).iter_custom(routine);
    }

    /// Measures the futures of `routine` with a fresh input each time: the same as [`iter_batched`]
    /// with [`BatchSize::PerIteration`].
    ///
    /// [`iter_batched`]: Self::iter_batched
    pub fn iter_with_setup<I, O, S: FnMut() -> I, R: FnMut(I) -> F, F: Future<Output = O>>(
        &mut self,
        setup: S,
        routine: R,
    ) {
        self.iter_batched(setup, routine, BatchSize::PerIteration);
    }

    /// The same as [`iter_batched`](Self::iter_batched) with one batch in a sample.
    pub fn iter_with_large_setup<I, O, S: FnMut() -> I, R: FnMut(I) -> F, F: Future<Output = O>>(
        &mut self,
        setup: S,
        routine: R,
    ) {
        self.iter_batched(setup, routine, BatchSize::NumBatches(1));
    }

    /// Measures the futures of `routine` without dropping their outputs.
    pub fn iter_with_large_drop<O, R: FnMut() -> F, F: Future<Output = O>>(&mut self, routine: R) {
        self.bencher.inner().to_async(&self.runner).iter_with_large_drop(routine);
    }

    /// Measures the futures of `routine` with a fresh input each time.
    pub fn iter_batched<I, O, S: FnMut() -> I, R: FnMut(I) -> F, F: Future<Output = O>>(
        &mut self,
        setup: S,
        routine: R,
        size: BatchSize,
    ) {
        self.bencher.inner().to_async(&self.runner).iter_batched(setup, routine, size);
    }

    /// Measures the futures of `routine` with a reference to a fresh input each time.
    pub fn iter_batched_ref<I, O, S, R, F>(&mut self, setup: S, routine: R, size: BatchSize)
    where
        S: FnMut() -> I,
        R: FnMut(&mut I) -> F,
        F: Future<Output = O>,
    {
        self.bencher.inner().to_async(&self.runner).iter_batched_ref(setup, routine, size);
    }
}
