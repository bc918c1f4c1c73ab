//! The [`Bencher`]: times the closure of a bench body whenever the coordinator requests samples.

use crate::link::{BenchAnswer, BenchRequest, Link, Measure, Ready, SampleKind};
use crate::observation::{Observed, Throughput};
use crate::warm_up::{WarmUpSeries, warm_up};
use sevbench_text::nanoseconds;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Measures the closure or the external program of a bench body.
///
/// A body runs once in each boot of each arm, on a thread of its own. It sets up, calls one of
/// [`iter`](Self::iter), [`iter_batched`](Self::iter_batched) and [`observe`](Self::observe) once,
/// and then verifies the result. A panic anywhere fails the bench in this boot.
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
    state: BodyState,
}

/// How far a body has come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum BodyState {
    /// It has neither measured nor skipped.
    Pending,
    /// It has measured, or is measuring.
    Measured,
    /// It cannot run here.
    Skipped { reason: String, hint: String },
    /// The external program failed, or a request did not fit the bench.
    Failed(String),
}

impl<'a> Bencher<'a> {
    /// A bencher driven by `link`. A `spin_factor` stretches every sample to that multiple of its
    /// duration.
    pub(crate) fn new(link: &'a mut dyn Link, spin_factor: Option<f64>) -> Self {
        Self { link, throughput: None, operations: 1, spin_factor, state: BodyState::Pending }
    }

    /// Declares how much work one iteration does. The result is then shown as a rate. Call it
    /// before measuring.
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

    /// Declares that the bench cannot run in this guest. The body should then return without
    /// measuring. The bench is reported as skipped and never as a number.
    ///
    /// `reason` says why; `hint` says what the user can do about it.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// fn read_disk(b: &mut sevbench::Bencher<'_>) {
    ///     let Ok(disk) = std::fs::read("/dev/vdb") else {
    ///         return b.skip("cannot read /dev/vdb", "log in to the guest as root");
    ///     };
    ///     b.iter(|| disk.iter().map(|byte| u64::from(*byte)).sum::<u64>());
    /// }
    /// ```
    pub fn skip(&mut self, reason: impl Into<String>, hint: impl Into<String>) {
        self.state = BodyState::Skipped { reason: reason.into(), hint: hint.into() };
    }

    /// Measures `routine` in timed batches. The coordinator chooses the number of iterations, the
    /// same for every arm. Returns once it has all samples of this boot.
    ///
    /// The output of `routine` passes through [`black_box`], so the compiler keeps the work that
    /// produces it. Pass inputs through `black_box` yourself if they are constants. Dropping the
    /// output is timed; [`iter_batched`](Self::iter_batched) leaves it out.
    ///
    /// # Panics
    /// If the body has measured before, or if `routine` panics.
    pub fn iter<O>(&mut self, mut routine: impl FnMut() -> O) {
        self.serve_timed(&mut |iterations| {
            let start = Instant::now();
            for _ in 0..iterations {
                black_box(routine());
            }
            start.elapsed()
        });
    }

    /// Measures `routine`, which takes a fresh input from `setup` in each iteration. Neither
    /// `setup` nor dropping the output is timed.
    ///
    /// Each iteration reads the clock twice, which adds about 50 ns. Use it for routines of 5 µs
    /// or more.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// fn sort(b: &mut sevbench::Bencher<'_>) {
    ///     let values: Vec<u32> = (0..10_000_u32).map(|i| i.wrapping_mul(2_654_435_761)).collect();
    ///     b.iter_batched(
    ///         || values.clone(),
    ///         |mut values| {
    ///             values.sort_unstable();
    ///             values
    ///         },
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
    ) {
        self.serve_timed(&mut |iterations| {
            let mut elapsed = Duration::ZERO;
            for _ in 0..iterations {
                let input = black_box(setup());
                let start = Instant::now();
                let output = black_box(routine(input));
                elapsed += start.elapsed();
                drop(output);
            }
            elapsed
        });
    }

    /// Measures an external program. Each round calls `run` with the duration that the program
    /// should measure for, which `--observation-time` sets.
    ///
    /// `run` returns the figures that the program reports: a `Vec<Observation>`, or an [`Observed`]
    /// that also says how long the program measured. Every call must return the same names with the
    /// same units. An `Err` fails the bench in this boot with that message; so does a figure that
    /// is not positive. A call may take twice its duration, plus one minute, plus `--timeout`.
    /// After that, the coordinator stops waiting and the bench fails.
    ///
    /// Mark the bench as [`observed`](crate::bench::Bench::observed) in the list.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{Bencher, Observation, Unit};
    /// use std::process::Command;
    ///
    /// fn requests(b: &mut Bencher<'_>) {
    ///     b.observe(|duration| {
    ///         let output = Command::new("load-generator")
    ///             .arg(format!("--seconds={}", duration.as_secs_f64()))
    ///             .output()
    ///             .map_err(|error| format!("cannot run load-generator: {error}"))?;
    ///         let text = String::from_utf8_lossy(&output.stdout);
    ///         let rate = text.trim().parse::<f64>();
    ///         let rate = rate.map_err(|error| format!("`{text}`: {error}"))?;
    ///         Ok(vec![Observation::rate("requests", rate, Unit::OperationsPerSecond)])
    ///     });
    /// }
    /// ```
    ///
    /// # Panics
    /// If the body has measured before, or if `run` panics.
    pub fn observe<O: Into<Observed>>(
        &mut self,
        mut run: impl FnMut(Duration) -> Result<O, String>,
    ) {
        self.begin();
        if self.spin_factor.is_some() {
            return self.skip(
                "a slowdown can be injected into a closure, but not into an external program",
                "measure this bench without `spin=`",
            );
        }
        let mut answer = BenchAnswer::Ready(self.ready(SampleKind::Observed));
        loop {
            answer = match self.link.exchange(answer) {
                // No warm-up: a program repeats its ramp and its first load from disk in every
                // round. A run in advance would cost a round and change none.
                BenchRequest::WarmUp { .. } => BenchAnswer::Warm(WarmUpSeries::default()),
                BenchRequest::Observe { duration_ns } => {
                    let observed = run(Duration::from_nanos(duration_ns)).map(Into::into);
                    match observed.and_then(without_defect) {
                        Ok(observed) => BenchAnswer::Observed(observed),
                        Err(message) => return self.state = BodyState::Failed(message),
                    }
                }
                BenchRequest::Measure(_) => {
                    let message = "timed samples were requested from an external program";
                    return self.state = BodyState::Failed(message.into());
                }
                BenchRequest::Finish => return,
            };
        }
    }

    pub(crate) fn into_state(self) -> BodyState {
        self.state
    }

    fn begin(&mut self) {
        assert!(self.state != BodyState::Measured, "a bench body may measure only once");
        self.state = BodyState::Measured;
    }

    fn ready(&self, kind: SampleKind) -> Ready {
        Ready { kind, throughput: self.throughput, operations: self.operations }
    }

    fn serve_timed(&mut self, batch: &mut dyn FnMut(u64) -> Duration) {
        self.begin();
        let spin_factor = self.spin_factor;
        let mut timed = |iterations| stretch(batch(iterations), spin_factor);
        let mut answer = BenchAnswer::Ready(self.ready(SampleKind::Timed));
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

fn without_defect(observed: Observed) -> Result<Observed, String> {
    match observed.defect() {
        Some(defect) => Err(defect),
        None => Ok(observed),
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
