//! The [`Bencher`]: times the closure of a bench body whenever it is asked for samples.

use crate::link::{BenchAnswer, BenchRequest, Link, Measure, Ready, SampleKind};
use crate::observation::{Observed, Throughput};
use crate::warm_up::{WarmUpSeries, warm_up};
use sevbench_text::nanoseconds;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Handed to a bench body. The body sets up, calls one of [`iter`](Self::iter),
/// [`iter_batched`](Self::iter_batched) and [`observe`](Self::observe) once, and verifies afterwards.
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{Bencher, ByteSize, Throughput};
///
/// fn fill(b: &mut Bencher, size: &ByteSize) {
///     let mut buffer = vec![0_u8; size.bytes() as usize]; // set-up: in the guest, once a boot
///     b.throughput(Throughput::Bytes(size.bytes()));
///     b.iter(|| std::hint::black_box(&mut buffer).fill(7)); // measured
///     assert!(buffer.iter().all(|byte| *byte == 7)); // verification: a panic fails the bench
/// }
/// ```
pub struct Bencher<'a> {
    link: &'a mut dyn Link,
    throughput: Option<Throughput>,
    operations: u64,
    spin_factor: Option<f64>,
    outcome: BodyState,
}

/// How far a body has come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum BodyState {
    /// It has neither measured nor skipped.
    Pending,
    /// It has measured.
    Measured,
    /// It cannot run here.
    Skipped { reason: String, hint: String },
    /// The outside program failed.
    Failed(String),
}

impl<'a> Bencher<'a> {
    /// A bencher that obeys `link`, and makes every sample `spin_factor` times as long if there is one.
    pub(crate) fn new(link: &'a mut dyn Link, spin_factor: Option<f64>) -> Self {
        Self { link, throughput: None, operations: 1, spin_factor, outcome: BodyState::Pending }
    }

    /// Says how much one iteration gets done; the result is then shown as a rate.
    pub fn throughput(&mut self, throughput: Throughput) -> &mut Self {
        self.throughput = Some(throughput);
        self
    }

    /// Says that one iteration makes `count` operations; the result is then shown as time an operation.
    ///
    /// # Panics
    /// If `count` is zero.
    pub fn operations(&mut self, count: u64) -> &mut Self {
        assert!(count > 0, "Bencher::operations takes at least 1");
        self.operations = count;
        self
    }

    /// Says that the bench cannot run in this guest; the body should then return.
    /// `reason` says why (`the CPU has no AVX-512`), `hint` what to do about it.
    pub fn skip(&mut self, reason: impl Into<String>, hint: impl Into<String>) {
        self.outcome = BodyState::Skipped { reason: reason.into(), hint: hint.into() };
    }

    /// Measures `routine`, called in timed batches of as many iterations as the coordinator asks for.
    /// Its output passes through a black box, so that the work cannot be optimised away.
    /// Returns when the coordinator has all samples; what follows in the body is verification.
    ///
    /// # Panics
    /// If the body measures twice.
    pub fn iter<O>(&mut self, mut routine: impl FnMut() -> O) {
        self.serve_timed(&mut |iterations| {
            let start = Instant::now();
            for _ in 0..iterations {
                black_box(routine());
            }
            start.elapsed()
        });
    }

    /// Measures `routine` on a fresh input from `setup` for each iteration. Neither the set-up nor the drop of
    /// the output is timed. Each iteration reads the clock twice, some 50 ns: for routines of 5 µs and more.
    ///
    /// # Panics
    /// If the body measures twice.
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

    /// Measures an outside program: `run` is called once a round with the time that the program should measure for
    /// (`--observation-time`), and returns what it reports of itself, or why it failed. Every call must return the same
    /// names in the same units. It may take twice that time and a minute, before the wait for it ends.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{Bencher, Observation, Unit};
    ///
    /// fn program(b: &mut Bencher<'_>) {
    ///     b.observe(|duration| {
    ///         let requests = 1e5 * duration.as_secs_f64(); // in earnest: run the program, read its report
    ///         let rate = requests / duration.as_secs_f64();
    ///         Ok(vec![Observation::rate("requests", rate, Unit::OperationsPerSecond)])
    ///     });
    /// }
    /// ```
    ///
    /// Say [`Bench::observed`](crate::Bench::observed) of such a bench in the list, so that the run's expected time
    /// is right.
    ///
    /// # Panics
    /// If the body measures twice.
    pub fn observe<O: Into<Observed>>(
        &mut self,
        mut run: impl FnMut(Duration) -> Result<O, String>,
    ) {
        self.begin();
        if self.spin_factor.is_some() {
            return self.skip(
                "a slowdown can be injected into a timed closure only, not into an outside program",
                "measure this bench without `spin=`",
            );
        }
        let mut answer = BenchAnswer::Ready(self.ready(SampleKind::Observed));
        loop {
            answer = match self.link.exchange(answer) {
                // Nothing: what a program needs before it measures (a ramp, a first load from disk) it needs in every
                // round anew, so that a run in advance would cost as much as a round and change none of them.
                BenchRequest::WarmUp { .. } => BenchAnswer::Warm(WarmUpSeries::default()),
                BenchRequest::Observe { duration_ns } => {
                    let observed = run(Duration::from_nanos(duration_ns)).map(Into::into);
                    match observed.and_then(usable) {
                        Ok(observed) => BenchAnswer::Observed(observed),
                        Err(message) => return self.outcome = BodyState::Failed(message),
                    }
                }
                BenchRequest::Measure(_) => {
                    let message = "an outside program was asked for timed samples";
                    return self.outcome = BodyState::Failed(message.into());
                }
                BenchRequest::Finish => return,
            };
        }
    }

    pub(crate) fn outcome(&self) -> &BodyState {
        &self.outcome
    }

    fn begin(&mut self) {
        assert!(self.outcome != BodyState::Measured, "a bench body may measure only once");
        self.outcome = BodyState::Measured;
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
                    let message = "a timed closure was asked for an observation";
                    return self.outcome = BodyState::Failed(message.into());
                }
                BenchRequest::Finish => return,
            };
        }
    }
}

fn usable(observed: Observed) -> Result<Observed, String> {
    match observed.defect() {
        Some(defect) => Err(defect),
        None => Ok(observed),
    }
}

/// Spins until a sample has taken `factor` times its time, and returns the whole.
fn stretch(elapsed: Duration, factor: Option<f64>) -> Duration {
    let Some(factor) = factor else { return elapsed };
    let extra = elapsed.mul_f64(factor - 1.0);
    let start = Instant::now();
    while start.elapsed() < extra {
        std::hint::spin_loop();
    }
    elapsed + extra
}
