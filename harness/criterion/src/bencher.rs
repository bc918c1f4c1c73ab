//! The [`Bencher`]: criterion's methods, each by the method of sevbench's that does the same.

use crate::measurement::{Measurement, WallTime};
use crate::pass::RemoteBencher;
use sevbench::BatchSize;
use std::marker::PhantomData;
use std::time::Duration;

/// Measures the closure of a bench. What is timed is what criterion times.
pub struct Bencher<'a, M: Measurement = WallTime> {
    inner: &'a mut RemoteBencher,
    measurement: PhantomData<M>,
}

impl<'a, M: Measurement> Bencher<'a, M> {
    pub(crate) const fn new(inner: &'a mut RemoteBencher) -> Self {
        Self { inner, measurement: PhantomData }
    }

    /// Measures `routine`, and dropping its output.
    pub fn iter<O, R: FnMut() -> O>(&mut self, routine: R) {
        self.inner.iter(routine);
    }

    /// Measures with the duration that `routine` returns for the given number of iterations.
    pub fn iter_custom<R: FnMut(u64) -> Duration>(&mut self, routine: R) {
        self.inner.iter_custom(routine);
    }

    /// Measures `routine` with a fresh input each time: the same as [`iter_batched`] with
    /// [`BatchSize::PerIteration`].
    ///
    /// [`iter_batched`]: Self::iter_batched
    pub fn iter_with_setup<I, O, S: FnMut() -> I, R: FnMut(I) -> O>(
        &mut self,
        setup: S,
        routine: R,
    ) {
        self.inner.iter_batched(setup, routine, BatchSize::PerIteration);
    }

    /// Measures `routine` without dropping its output.
    pub fn iter_with_large_drop<O, R: FnMut() -> O>(&mut self, routine: R) {
        self.inner.iter_with_large_drop(routine);
    }

    /// Measures `routine` with a fresh input each time, but not what makes the inputs.
    pub fn iter_batched<I, O, S: FnMut() -> I, R: FnMut(I) -> O>(
        &mut self,
        setup: S,
        routine: R,
        size: BatchSize,
    ) {
        self.inner.iter_batched(setup, routine, size);
    }

    /// Measures `routine` with a reference to a fresh input each time, but neither what makes the
    /// inputs nor dropping them.
    pub fn iter_batched_ref<I, O, S: FnMut() -> I, R: FnMut(&mut I) -> O>(
        &mut self,
        setup: S,
        routine: R,
        size: BatchSize,
    ) {
        self.inner.iter_batched_ref(setup, routine, size);
    }

    pub(crate) const fn inner(&mut self) -> &mut RemoteBencher {
        self.inner
    }
}
