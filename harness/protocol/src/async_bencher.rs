//! The [`AsyncBencher`]: times futures on the author's runtime.

use crate::batch_size::BatchSize;
use crate::bencher::Bencher;
use std::future::Future;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// A runtime that drives a future to completion. The method is that of criterion's trait, so an
/// implementation can be copied as it is.
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{AsyncExecutor, Bencher};
/// use tokio::runtime::{Builder, Runtime};
///
/// struct Tokio(Runtime);
///
/// impl AsyncExecutor for Tokio {
///     fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
///         self.0.block_on(future)
///     }
/// }
///
/// fn yields(b: &mut Bencher<'_>) {
///     let runtime = Builder::new_current_thread().build().expect("a runtime");
///     b.to_async(Tokio(runtime)).iter(|| tokio::task::yield_now());
/// }
/// ```
pub trait AsyncExecutor {
    /// Runs the future, and blocks until it has its output.
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T;
}

/// Measures futures. [`Bencher::to_async`] makes it.
///
/// Each sample, or each batch of inputs, is one call of [`AsyncExecutor::block_on`]. The cost of
/// that call is not timed, since the clock runs inside it. Each method times the same part of an
/// iteration as the [`Bencher`] method of the same name.
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{AsyncBencher, AsyncExecutor};
///
/// /// The same measurement on any runtime.
/// fn spawn(b: &mut AsyncBencher<'_, '_, impl AsyncExecutor>) {
///     b.iter(|| tokio::spawn(async {}));
/// }
/// ```
pub struct AsyncBencher<'b, 'a, E> {
    bencher: &'b mut Bencher<'a>,
    executor: E,
}

impl<'a> Bencher<'a> {
    /// Measures futures, which `executor` drives.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{AsyncExecutor, Bencher};
    ///
    /// fn spawn(b: &mut Bencher<'_>, runtime: impl AsyncExecutor) {
    ///     b.to_async(runtime).iter(|| tokio::spawn(async {}));
    /// }
    /// ```
    pub const fn to_async<E: AsyncExecutor>(&mut self, executor: E) -> AsyncBencher<'_, 'a, E> {
        AsyncBencher { bencher: self, executor }
    }
}

impl<E: AsyncExecutor> AsyncBencher<'_, '_, E> {
    /// Measures the futures of `routine`, one after the other. See [`Bencher::iter`].
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{AsyncExecutor, Bencher};
    ///
    /// fn copy(b: &mut Bencher<'_>, runtime: impl AsyncExecutor) {
    ///     let bytes = [7; 4096];
    ///     b.to_async(runtime).iter(async || {
    ///         tokio::io::copy(&mut &bytes[..], &mut tokio::io::sink()).await
    ///     });
    /// }
    /// ```
    ///
    /// # Panics
    /// If the body has measured before, or if a future panics.
    pub fn iter<O, F: Future<Output = O>>(&mut self, mut routine: impl FnMut() -> F) {
        let Self { bencher, executor } = self;
        bencher.iter_custom(|iterations| {
            executor.block_on(async {
                let start = Instant::now();
                for _ in 0..iterations {
                    black_box(routine().await);
                }
                start.elapsed()
            })
        });
    }

    /// Measures `routine`, whose future runs the given number of iterations and returns how long
    /// they took. See [`Bencher::iter_custom`].
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{AsyncExecutor, Bencher};
    /// # use std::time::Instant;
    /// # use tokio::io::{AsyncReadExt, AsyncWriteExt};
    ///
    /// fn ping(b: &mut Bencher<'_>, runtime: impl AsyncExecutor) {
    ///     b.to_async(runtime).iter_custom(|iterations| async move {
    ///         let (mut near, mut far) = tokio::io::duplex(64); // not timed
    ///         let start = Instant::now();
    ///         for _ in 0..iterations {
    ///             near.write_u32(7).await.expect("the other end is open");
    ///             far.read_u32().await.expect("one was sent");
    ///         }
    ///         start.elapsed()
    ///     });
    /// }
    /// ```
    ///
    /// # Panics
    /// If the body has measured before, or if a future panics.
    pub fn iter_custom<F: Future<Output = Duration>>(&mut self, mut routine: impl FnMut(u64) -> F) {
        let Self { bencher, executor } = self;
        bencher.iter_custom(|iterations| executor.block_on(routine(iterations)));
    }

    /// Measures the futures of `routine`, each of which takes a fresh input from `setup`. See
    /// [`Bencher::iter_batched`].
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{AsyncExecutor, BatchSize, Bencher};
    /// # use tokio::io::{AsyncReadExt, AsyncWriteExt};
    ///
    /// fn first_ping(b: &mut Bencher<'_>, runtime: impl AsyncExecutor) {
    ///     b.to_async(runtime).iter_batched(
    ///         || tokio::io::duplex(64),
    ///         |(mut near, mut far)| async move {
    ///             near.write_u32(7).await.expect("the other end is open");
    ///             far.read_u32().await.expect("one was sent")
    ///         },
    ///         BatchSize::SmallInput,
    ///     );
    /// }
    /// ```
    ///
    /// # Panics
    /// If the body has measured before, or if `setup` or a future panics.
    pub fn iter_batched<I, O, F: Future<Output = O>>(
        &mut self,
        mut setup: impl FnMut() -> I,
        mut routine: impl FnMut(I) -> F,
        size: BatchSize,
    ) {
        let Self { bencher, executor } = self;
        bencher.iter_in_batches(size, &mut |count| {
            let inputs: Vec<I> = black_box((0..count).map(|_| setup()).collect());
            let mut outputs = Vec::with_capacity(inputs.len());
            let elapsed = executor.block_on(async {
                let start = Instant::now();
                for input in inputs {
                    outputs.push(routine(input).await);
                }
                start.elapsed()
            });
            black_box(outputs);
            elapsed
        });
    }

    /// Measures the futures of `routine`, each of which takes a reference to a fresh input from
    /// `setup`. See [`Bencher::iter_batched_ref`].
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{AsyncExecutor, BatchSize, Bencher};
    /// use std::sync::Arc;
    ///
    /// fn count(b: &mut Bencher<'_>, runtime: impl AsyncExecutor) {
    ///     b.to_async(runtime).iter_batched_ref(
    ///         || Arc::new("some words ".repeat(1_000)),
    ///         |text| {
    ///             let text = Arc::clone(text); // the future outlives the reference
    ///             tokio::task::spawn_blocking(move || text.split(' ').count())
    ///         },
    ///         BatchSize::LargeInput,
    ///     );
    /// }
    /// ```
    ///
    /// # Panics
    /// If the body has measured before, or if `setup` or a future panics.
    pub fn iter_batched_ref<I, O, F: Future<Output = O>>(
        &mut self,
        mut setup: impl FnMut() -> I,
        mut routine: impl FnMut(&mut I) -> F,
        size: BatchSize,
    ) {
        let Self { bencher, executor } = self;
        bencher.iter_in_batches(size, &mut |count| {
            let mut inputs: Vec<I> = black_box((0..count).map(|_| setup()).collect());
            let mut outputs = Vec::with_capacity(inputs.len());
            let elapsed = executor.block_on(async {
                let start = Instant::now();
                for input in &mut inputs {
                    outputs.push(routine(input).await);
                }
                start.elapsed()
            });
            black_box((inputs, outputs));
            elapsed
        });
    }

    /// Measures the futures of `routine` without dropping their outputs. See
    /// [`Bencher::iter_with_large_drop`].
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{AsyncExecutor, Bencher};
    ///
    /// fn build(b: &mut Bencher<'_>, runtime: impl AsyncExecutor) {
    ///     b.to_async(runtime).iter_with_large_drop(async || vec![String::from("text"); 1_000]);
    /// }
    /// ```
    ///
    /// # Panics
    /// If the body has measured before, or if a future panics.
    pub fn iter_with_large_drop<O, F: Future<Output = O>>(
        &mut self,
        mut routine: impl FnMut() -> F,
    ) {
        self.iter_batched(|| (), |()| routine(), BatchSize::SmallInput);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_files::DataFiles;
    use crate::link::{BenchAnswer, BenchRequest, Link, Measure};
    use std::cell::Cell;

    struct Tokio(tokio::runtime::Runtime);

    impl AsyncExecutor for Tokio {
        fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
            self.0.block_on(future)
        }
    }

    /// Asks for one sample of 1005 iterations.
    struct OneSample;

    impl Link for OneSample {
        fn exchange(&mut self, answer: BenchAnswer) -> BenchRequest {
            match answer {
                BenchAnswer::Ready(_) => {
                    BenchRequest::Measure(Measure { lead_in: 0, iterations: 1_005, samples: 1 })
                }
                _ => BenchRequest::Finish,
            }
        }
    }

    /// How often the futures of a routine ran.
    fn count(measure: impl FnOnce(&mut AsyncBencher<'_, '_, Tokio>, &Cell<u64>)) -> u64 {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let mut link = OneSample;
        let mut bencher = Bencher::new(&mut link, None, DataFiles::default());
        let ran = Cell::new(0);
        measure(&mut bencher.to_async(Tokio(runtime.expect("a runtime"))), &ran);
        ran.get()
    }

    async fn step(ran: &Cell<u64>) {
        tokio::task::yield_now().await;
        ran.set(ran.get() + 1);
    }

    #[test]
    fn every_future_runs_once() {
        let batches = BatchSize::NumBatches(10);
        assert_eq!(count(|b, ran| b.iter(|| step(ran))), 1_005);
        assert_eq!(count(|b, ran| b.iter_with_large_drop(|| step(ran))), 1_005);
        assert_eq!(count(|b, ran| b.iter_batched(|| 1, |_| step(ran), batches)), 1_005);
        assert_eq!(count(|b, ran| b.iter_batched_ref(|| 1, |_| step(ran), batches)), 1_005);
        let custom = count(|b, ran| {
            b.iter_custom(|iterations| async move {
                ran.set(iterations);
                Duration::from_nanos(iterations)
            });
        });
        assert_eq!(custom, 1_005);
    }
}
