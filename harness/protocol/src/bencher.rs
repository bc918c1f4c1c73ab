//! The [`Bencher`]: times the closure of a bench body whenever the coordinator requests samples.

use crate::batch_size::BatchSize;
use crate::data_files::DataFiles;
use crate::link::{BenchAnswer, BenchRequest, Link, Measure, Ready, SampleKind};
use crate::unit::Throughput;
use crate::warm_up::warm_up;
use sevbench_text::nanoseconds;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Measures the closure of a bench body.
///
/// A body runs once in each boot of each arm, on a thread of its own. It sets up, calls
/// [`iter`](Self::iter) or one of its relatives once, and then verifies the result. A panic
/// anywhere fails the bench in this boot.
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{Bencher, ByteSize, Throughput};
///
/// fn fill(b: &mut Bencher<'_>, size: &ByteSize) {
///     let mut buffer = vec![0_u8; size.bytes() as usize]; // set-up: in the guest, once per boot
///     b.throughput(Throughput::Bytes(size.bytes()));
///     b.iter(|| std::hint::black_box(&mut buffer).fill(7)); // measured
///     assert!(buffer.iter().all(|byte| *byte == 7)); // verification
/// }
/// ```
pub struct Bencher<'a> {
    link: &'a mut dyn Link,
    throughput: Option<Throughput>,
    operations: u64,
    spin_factor: Option<f64>,
    files: DataFiles,
    state: BodyState,
}

/// How far a body has come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum BodyState {
    /// It has not measured.
    Pending,
    /// It has measured, or is measuring.
    Measured,
    /// The external program failed, or a request did not fit the bench.
    Failed(String),
}

impl<'a> Bencher<'a> {
    /// A bencher driven by `link`. A `spin_factor` stretches every sample to that multiple of its
    /// duration.
    pub(crate) fn new(link: &'a mut dyn Link, spin_factor: Option<f64>, files: DataFiles) -> Self {
        let state = BodyState::Pending;
        Self { link, throughput: None, operations: 1, spin_factor, files, state }
    }

    /// The path, in this guest, of a file that [`Bench::file`](crate::bench::Bench::file) declares.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{Bench, Bencher};
    ///
    /// fn read(b: &mut Bencher<'_>) {
    ///     let path = b.file("corpus/large.txt");
    ///     b.iter(|| std::fs::read(&path).expect("it was copied into this guest"));
    /// }
    ///
    /// let bench = Bench::new("read", read).file("corpus/large.txt");
    /// # drop(bench);
    /// ```
    ///
    /// # Panics
    /// If the bench does not declare it.
    pub fn file(&self, path: &str) -> PathBuf {
        self.files.find(path)
    }

    /// Declares how much work one iteration does. The result is then shown as a rate. Call it
    /// before measuring.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{Bencher, Throughput};
    ///
    /// fn count_words(b: &mut Bencher<'_>) {
    ///     let text = "some words ".repeat(1_000);
    ///     b.throughput(Throughput::Bytes(text.len() as u64)); // the result is in B/s
    ///     b.iter(|| std::hint::black_box(&text).split(' ').count());
    /// }
    /// ```
    pub fn throughput(&mut self, throughput: Throughput) -> &mut Self {
        self.throughput = Some(throughput);
        self
    }

    /// Declares that one iteration performs `count` operations. The result is then the time of
    /// one operation, unless a [`throughput`](Self::throughput) makes it a rate. Call it before
    /// measuring.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// fn wrapping_add(b: &mut sevbench::Bencher<'_>) {
    ///     b.operations(1_000);
    ///     b.iter(|| (0..1_000_u64).fold(0, |sum, i| std::hint::black_box(i).wrapping_add(sum)));
    /// }
    /// ```
    ///
    /// # Panics
    /// If `count` is zero.
    pub fn operations(&mut self, count: u64) -> &mut Self {
        assert!(count > 0, "Bencher::operations needs a count of at least 1");
        self.operations = count;
        self
    }

    /// Measures `routine` in samples of many iterations. The coordinator chooses the number, which
    /// is the same for every arm. Returns after the last sample of this boot.
    ///
    /// The output of `routine` passes through [`black_box`], so the compiler keeps the work that
    /// produces it. Pass inputs through `black_box` yourself: otherwise the compiler may
    /// compute a result that never changes once, before the loop.
    ///
    /// Timed: `routine`, dropping its output, and a loop of about 1 ns an iteration.
    /// [`iter_with_large_drop`](Self::iter_with_large_drop) leaves the drop out.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// fn sum(b: &mut sevbench::Bencher<'_>) {
    ///     let values: Vec<u64> = (0..1_000).collect();
    ///     b.iter(|| std::hint::black_box(&values).iter().sum::<u64>());
    /// }
    /// ```
    ///
    /// # Panics
    /// If the body has measured before, or if `routine` panics.
    pub fn iter<O>(&mut self, mut routine: impl FnMut() -> O) {
        self.iter_custom(|iterations| {
            let start = Instant::now();
            for _ in 0..iterations {
                black_box(routine());
            }
            start.elapsed()
        });
    }

    /// Measures `routine`, which runs the given number of iterations and returns how long they
    /// took. All other ways of timing a closure build on this one.
    ///
    /// The returned duration is trusted. But if the samples of a round add up to more time than the
    /// coordinator waited for them, the round is excluded.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use std::time::Instant;
    ///
    /// /// Only the receiving half of a round trip.
    /// fn receive(b: &mut sevbench::Bencher<'_>) {
    ///     let (sender, receiver) = std::sync::mpsc::channel();
    ///     b.iter_custom(|iterations| {
    ///         for message in 0..iterations {
    ///             sender.send(message).expect("the receiver lives");
    ///         }
    ///         let start = Instant::now();
    ///         for _ in 0..iterations {
    ///             let _ = std::hint::black_box(receiver.recv());
    ///         }
    ///         start.elapsed()
    ///     });
    /// }
    /// ```
    ///
    /// # Panics
    /// If the body has measured before, or if `routine` panics.
    pub fn iter_custom(&mut self, mut routine: impl FnMut(u64) -> Duration) {
        self.serve_timed(&mut routine);
    }

    /// Measures `routine`, which takes a fresh input from `setup` in each iteration.
    ///
    /// Timed: `routine`, including what it drops. Not timed: `setup`, and dropping the output.
    /// [`BatchSize`] states what batching adds to each iteration.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{BatchSize, Bencher};
    ///
    /// fn sort(b: &mut Bencher<'_>) {
    ///     let values: Vec<u32> = (0..1_000_u32).map(|i| i.wrapping_mul(2_654_435_761)).collect();
    ///     b.iter_batched(
    ///         || values.clone(),
    ///         |mut values| {
    ///             values.sort_unstable();
    ///             values
    ///         },
    ///         BatchSize::LargeInput,
    ///     );
    /// }
    /// ```
    ///
    /// # Panics
    /// If the body has measured before, or if `setup` or `routine` panics.
    pub fn iter_batched<I, O>(
        &mut self,
        mut setup: impl FnMut() -> I,
        mut routine: impl FnMut(I) -> O,
        size: BatchSize,
    ) {
        self.iter_in_batches(size, &mut |count| {
            if count == 1 {
                let input = black_box(setup());
                let start = Instant::now();
                let output = black_box(routine(input));
                let elapsed = start.elapsed();
                drop(output);
                return elapsed;
            }
            let inputs: Vec<I> = black_box((0..count).map(|_| setup()).collect());
            let mut outputs = Vec::with_capacity(inputs.len());
            let start = Instant::now();
            outputs.extend(inputs.into_iter().map(&mut routine));
            let elapsed = start.elapsed();
            black_box(outputs);
            elapsed
        });
    }

    /// Measures `routine`, which takes a reference to a fresh input from `setup` in each iteration.
    ///
    /// As [`iter_batched`](Self::iter_batched), but dropping the input is not timed either.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{BatchSize, Bencher};
    ///
    /// fn sort(b: &mut Bencher<'_>) {
    ///     let values: Vec<u32> = (0..1_000_u32).map(|i| i.wrapping_mul(2_654_435_761)).collect();
    ///     b.iter_batched_ref(|| values.clone(), |values| values.sort(), BatchSize::LargeInput);
    /// }
    /// ```
    ///
    /// # Panics
    /// As [`iter_batched`](Self::iter_batched).
    pub fn iter_batched_ref<I, O>(
        &mut self,
        mut setup: impl FnMut() -> I,
        mut routine: impl FnMut(&mut I) -> O,
        size: BatchSize,
    ) {
        self.iter_in_batches(size, &mut |count| {
            if count == 1 {
                let mut input = black_box(setup());
                let start = Instant::now();
                let output = black_box(routine(&mut input));
                let elapsed = start.elapsed();
                drop(output);
                return elapsed;
            }
            let mut inputs: Vec<I> = black_box((0..count).map(|_| setup()).collect());
            let mut outputs = Vec::with_capacity(inputs.len());
            let start = Instant::now();
            outputs.extend(inputs.iter_mut().map(&mut routine));
            let elapsed = start.elapsed();
            black_box(outputs);
            elapsed
        });
    }

    /// Measures `routine` without dropping its output, which is kept until the clock is read.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// fn build(b: &mut sevbench::Bencher<'_>) {
    ///     b.iter_with_large_drop(|| vec![String::from("text"); 1_000]);
    /// }
    /// ```
    ///
    /// # Panics
    /// If the body has measured before, or if `routine` panics.
    pub fn iter_with_large_drop<O>(&mut self, mut routine: impl FnMut() -> O) {
        self.iter_batched(|| (), |()| routine(), BatchSize::SmallInput);
    }

    /// Splits the iterations of each sample into batches.
    pub(crate) fn iter_in_batches(
        &mut self,
        size: BatchSize,
        batch: &mut dyn FnMut(u64) -> Duration,
    ) {
        self.iter_custom(|iterations| {
            let in_batch = size.iterations(iterations);
            let (mut left, mut elapsed) = (iterations, Duration::ZERO);
            while left > 0 {
                let count = left.min(in_batch);
                elapsed += batch(count);
                left -= count;
            }
            elapsed
        });
    }

    pub(crate) fn into_state(self) -> BodyState {
        self.state
    }

    fn begin(&mut self) {
        assert!(self.state != BodyState::Measured, "a bench body may measure only once");
        self.state = BodyState::Measured;
    }

    fn serve_timed(&mut self, batch: &mut dyn FnMut(u64) -> Duration) {
        self.begin();
        let spin_factor = self.spin_factor;
        let mut timed = |iterations| stretch(batch(iterations), spin_factor);
        let (throughput, operations) = (self.throughput, self.operations);
        let ready = Ready { kind: SampleKind::Timed, throughput, operations };
        let mut answer = BenchAnswer::Ready(ready);
        loop {
            answer = match self.link.exchange(answer) {
                BenchRequest::WarmUp { duration_ns } => {
                    let start = Instant::now();
                    let duration = Duration::from_nanos(duration_ns);
                    BenchAnswer::Warm(warm_up(&mut timed, &mut || start.elapsed(), duration))
                }
                BenchRequest::Measure(Measure { lead_in, iterations, samples }) => {
                    if lead_in > 0 {
                        timed(lead_in);
                    }
                    BenchAnswer::Samples(
                        (0..samples).map(|_| nanoseconds(timed(iterations))).collect(),
                    )
                }
                BenchRequest::Observe { .. } => {
                    let message = "an observation was requested from a timed closure";
                    return self.state = BodyState::Failed(message.into());
                }
                BenchRequest::Finish => return,
            };
        }
    }
}

/// Spins until a sample has taken `factor` times its duration. Returns the stretched duration.
fn stretch(elapsed: Duration, factor: Option<f64>) -> Duration {
    let Some(factor) = factor else { return elapsed };
    let extra = elapsed.mul_f64(factor - 1.0);
    let start = Instant::now();
    while start.elapsed() < extra {
        std::hint::spin_loop();
    }
    elapsed + extra
}
