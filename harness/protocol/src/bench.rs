//! How an author declares benches: [`Bench`], [`ParameterisedBench`], and lists of them.

use crate::bencher::Bencher;
use crate::case::{Body, Case};
use crate::observer::Observer;
use crate::skip::BodyResult;
use std::fmt::Display;

/// A named bench function.
///
/// Its body gets a [`Bencher`], or an [`Observer`] if it measures an external program. It returns
/// nothing, or a `Result<(), Skip>`.
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{Bench, BenchEntry, Bencher, ByteSize};
///
/// fn sum(b: &mut Bencher<'_>) {
///     b.iter(|| (0..1000_u64).map(std::hint::black_box).sum::<u64>());
/// }
///
/// fn zero(b: &mut Bencher<'_>, size: &ByteSize) {
///     let mut buffer = vec![1_u8; size.bytes() as usize];
///     b.iter(|| std::hint::black_box(&mut buffer).fill(0));
/// }
///
/// const SIZES: [ByteSize; 2] = [ByteSize::kib(256), ByteSize::mib(32)];
/// const SWEEP: [ByteSize; 1] = [ByteSize::gib(1)];
///
/// const BENCHES: &[&dyn BenchEntry] = &[
///     &Bench::new("sum", sum),
///     &Bench::with("zero", zero).over(&SIZES).sweep(&SWEEP),
/// ];
/// let ids: Vec<String> = BENCHES
///     .iter()
///     .flat_map(|entry| entry.cases("example"))
///     .map(|case| case.id().to_owned())
///     .collect();
/// assert_eq!(ids[..2], ["example/sum", "example/zero/256KiB"]);
/// assert_eq!(ids[2..], ["example/zero/32MiB", "example/zero/1GiB"]);
/// ```
pub struct Bench<F = fn(&mut Bencher<'_>)> {
    name: &'static str,
    body: F,
}

/// A body that times a closure.
type TimedBody<R> = fn(&mut Bencher<'_>) -> R;
/// A body that runs an external program.
type ProgramBody<R> = fn(&mut Observer<'_>) -> R;
/// The same with a parameter.
type TimedBodyWith<P, R> = fn(&mut Bencher<'_>, &P) -> R;
type ProgramBodyWith<P, R> = fn(&mut Observer<'_>, &P) -> R;

impl Bench {
    /// A bench without parameters. Its id is `suite/name`.
    ///
    /// A name consists of `A–Z a–z 0–9 . _ + = : -`. Baselines refer to it, so keep it once it is
    /// released.
    pub const fn new<R: BodyResult>(
        name: &'static str,
        body: fn(&mut Bencher<'_>) -> R,
    ) -> Bench<TimedBody<R>> {
        Bench { name, body }
    }

    /// A bench with parameters; [`ParameterisedBench::over`] lists them.
    pub const fn with<P, R: BodyResult>(
        name: &'static str,
        body: fn(&mut Bencher<'_>, &P) -> R,
    ) -> ParameterisedBench<P, TimedBodyWith<P, R>> {
        ParameterisedBench { name, body, parameters: &[], sweep: &[] }
    }

    /// A bench of an external program, which reports its own figures.
    pub const fn program<R: BodyResult>(
        name: &'static str,
        body: fn(&mut Observer<'_>) -> R,
    ) -> Bench<ProgramBody<R>> {
        Bench { name, body }
    }

    /// A bench of an external program, with parameters; [`ParameterisedBench::over`] lists them.
    pub const fn program_with<P, R: BodyResult>(
        name: &'static str,
        body: fn(&mut Observer<'_>, &P) -> R,
    ) -> ParameterisedBench<P, ProgramBodyWith<P, R>> {
        ParameterisedBench { name, body, parameters: &[], sweep: &[] }
    }
}

/// A bench that runs once for each of its parameters. [`Bench::with`] and [`Bench::program_with`]
/// make it.
///
/// A parameter is any `Sync` value that implements [`Display`]. Its text is the last part of the
/// id, `suite/name/parameter`, and must consist of the same characters as a name.
pub struct ParameterisedBench<P: 'static, F = fn(&mut Bencher<'_>, &P)> {
    name: &'static str,
    body: F,
    parameters: &'static [P],
    sweep: &'static [P],
}

impl<P: 'static, F: Copy> ParameterisedBench<P, F> {
    /// Sets the parameters that every run measures. A second call replaces those of the first.
    #[must_use]
    pub const fn over(mut self, parameters: &'static [P]) -> Self {
        self.parameters = parameters;
        self
    }

    /// Sets further parameters, which are measured only with `--sweep`. A second call replaces
    /// those of the first.
    #[must_use]
    pub const fn sweep(mut self, parameters: &'static [P]) -> Self {
        self.sweep = parameters;
        self
    }
}

impl<P: Display, F> ParameterisedBench<P, F> {
    fn cases_of(&self, suite: &str, body: impl Fn(&'static P) -> Body) -> Vec<Case> {
        let case = |parameter: &'static P, sweep| {
            Case::new(format!("{suite}/{}/{parameter}", self.name), sweep, body(parameter))
        };
        let default = self.parameters.iter().map(|parameter| case(parameter, false));
        default.chain(self.sweep.iter().map(|parameter| case(parameter, true))).collect()
    }
}

/// What a list of benches may contain: a [`Bench`], a [`ParameterisedBench`], or an array of
/// entries.
///
/// Arrays group a long list:
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{Bench, BenchEntry, Bencher};
///
/// fn add(b: &mut Bencher<'_>) {
///     b.iter(|| std::hint::black_box(1) + 1);
/// }
///
/// const ARITHMETIC: [&dyn BenchEntry; 1] = [&Bench::new("add", add)];
/// const BENCHES: &[&dyn BenchEntry] = &[&ARITHMETIC];
/// assert_eq!(BENCHES[0].cases("example")[0].id(), "example/add");
/// ```
pub trait BenchEntry: Sync {
    /// The cases of this entry, in order, with ids that begin with `suite`.
    fn cases(&self, suite: &str) -> Vec<Case>;
}

impl<R: BodyResult + 'static> BenchEntry for Bench<TimedBody<R>> {
    fn cases(&self, suite: &str) -> Vec<Case> {
        let body = self.body;
        let body = Body::Timed(Box::new(move |bencher| body(bencher).into_result()));
        vec![Case::new(format!("{suite}/{}", self.name), false, body)]
    }
}

impl<R: BodyResult + 'static> BenchEntry for Bench<ProgramBody<R>> {
    fn cases(&self, suite: &str) -> Vec<Case> {
        let body = self.body;
        let body = Body::Program(Box::new(move |observer| body(observer).into_result()));
        vec![Case::new(format!("{suite}/{}", self.name), false, body)]
    }
}

impl<P: Display + Sync, R: BodyResult + 'static> BenchEntry
    for ParameterisedBench<P, TimedBodyWith<P, R>>
{
    fn cases(&self, suite: &str) -> Vec<Case> {
        let body = self.body;
        self.cases_of(suite, |parameter| {
            Body::Timed(Box::new(move |bencher| body(bencher, parameter).into_result()))
        })
    }
}

impl<P: Display + Sync, R: BodyResult + 'static> BenchEntry
    for ParameterisedBench<P, ProgramBodyWith<P, R>>
{
    fn cases(&self, suite: &str) -> Vec<Case> {
        let body = self.body;
        self.cases_of(suite, |parameter| {
            Body::Program(Box::new(move |observer| body(observer, parameter).into_result()))
        })
    }
}

impl<const N: usize> BenchEntry for [&dyn BenchEntry; N] {
    fn cases(&self, suite: &str) -> Vec<Case> {
        self.iter().flat_map(|entry| entry.cases(suite)).collect()
    }
}
