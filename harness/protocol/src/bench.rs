//! How an author declares benches: [`Bench`], [`ParameterisedBench`], and lists of them.

use crate::bencher::Bencher;
use crate::case::Case;
use crate::link::SampleKind;
use std::fmt::Display;

/// A named bench function.
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
pub struct Bench {
    name: &'static str,
    body: fn(&mut Bencher<'_>),
    kind: SampleKind,
}

impl Bench {
    /// A bench without parameters. Its id is `suite/name`.
    ///
    /// A name consists of `A–Z a–z 0–9 . _ + = : -`. Baselines refer to it, so keep it once it is
    /// released.
    pub const fn new(name: &'static str, body: fn(&mut Bencher<'_>)) -> Self {
        Self { name, body, kind: SampleKind::Timed }
    }

    /// A bench with parameters; [`ParameterisedBench::over`] lists them.
    pub const fn with<P>(
        name: &'static str,
        body: fn(&mut Bencher<'_>, &P),
    ) -> ParameterisedBench<P> {
        ParameterisedBench { name, body, kind: SampleKind::Timed, parameters: &[], sweep: &[] }
    }

    /// Declares that the body measures with [`Bencher::observe`]. The expected duration of a run
    /// depends on it.
    ///
    /// The list and the body must agree: if they do not, the bench fails under `cargo test`.
    #[must_use]
    pub const fn observed(mut self) -> Self {
        self.kind = SampleKind::Observed;
        self
    }
}

/// A bench that runs once for each of its parameters. [`Bench::with`] makes it.
///
/// A parameter is any `Sync` value that implements [`Display`]. Its text is the last part of the
/// id, `suite/name/parameter`, and must consist of the same characters as a name.
pub struct ParameterisedBench<P: 'static> {
    name: &'static str,
    body: fn(&mut Bencher<'_>, &P),
    kind: SampleKind,
    parameters: &'static [P],
    sweep: &'static [P],
}

impl<P: 'static> ParameterisedBench<P> {
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

    /// Declares that the body measures with [`Bencher::observe`]; see [`Bench::observed`].
    #[must_use]
    pub const fn observed(mut self) -> Self {
        self.kind = SampleKind::Observed;
        self
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

impl BenchEntry for Bench {
    fn cases(&self, suite: &str) -> Vec<Case> {
        let id = format!("{suite}/{}", self.name);
        vec![Case::new(id, false, self.kind, Box::new(self.body))]
    }
}

impl<P: Display + Sync> BenchEntry for ParameterisedBench<P> {
    fn cases(&self, suite: &str) -> Vec<Case> {
        let body = self.body;
        let case = |parameter: &'static P, sweep| {
            let id = format!("{suite}/{}/{parameter}", self.name);
            Case::new(id, sweep, self.kind, Box::new(move |bencher| body(bencher, parameter)))
        };
        let default = self.parameters.iter().map(|parameter| case(parameter, false));
        default.chain(self.sweep.iter().map(|parameter| case(parameter, true))).collect()
    }
}

impl<const N: usize> BenchEntry for [&dyn BenchEntry; N] {
    fn cases(&self, suite: &str) -> Vec<Case> {
        self.iter().flat_map(|entry| entry.cases(suite)).collect()
    }
}
