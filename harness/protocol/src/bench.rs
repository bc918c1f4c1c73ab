//! How an author declares benches: a [`Bench`] is a name with a body, and perhaps with parameters.

use crate::bencher::Bencher;
use crate::case::{Body, Case};
use crate::observer::Observer;
use crate::settings::BenchSettings;
use crate::skip::BodyResult;
use sevbench_text::nanoseconds;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

/// A named bench function, or one for each of several parameters.
///
/// Its body gets a [`Bencher`], or an [`Observer`] if it measures an external program. It returns
/// nothing, or a `Result<(), Skip>`. It may be a function or a closure; what it captures must be
/// `Send + Sync + 'static`, since it runs on a thread of its own, once in each boot of each arm. It
/// sees the guest's environment variables, not those of the coordinator.
///
/// An id joins the names of suite and bench, and the parameter if there is one, with `/`. A name
/// may contain `/` itself. Baselines refer to ids, so keep a name once it is released. Any
/// printable text will do, even text made at run time:
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{Bench, Bencher, ByteSize, Suite};
/// use std::hint::black_box;
///
/// fn sum(b: &mut Bencher<'_>) {
///     b.iter(|| (0..1000_u64).map(black_box).sum::<u64>());
/// }
///
/// fn zero(b: &mut Bencher<'_>, size: ByteSize) {
///     let mut buffer = vec![1_u8; size.bytes() as usize];
///     b.iter(|| black_box(&mut buffer).fill(0));
/// }
///
/// fn benches() -> Vec<Bench> {
///     let mut benches = vec![
///         Bench::new("sum", sum),
///         Bench::over("zero", [ByteSize::kib(256), ByteSize::mib(32)], zero),
///         Bench::over("zero", [ByteSize::gib(1)], zero).sweep(),
///     ];
///     for word in ["one", "twenty one"] {
///         let text = word.repeat(100);
///         benches.push(Bench::new(format_args!("upper/{word}"), move |b| {
///             b.iter(|| black_box(&text).to_uppercase());
///         }));
///     }
///     benches
/// }
///
/// let suite = Suite::new("example", benches()).expect("the ids differ");
/// let ids: Vec<&str> = suite.cases().iter().map(|case| case.id()).collect();
/// assert_eq!(ids[..2], ["example/sum", "example/zero/256KiB"]);
/// assert_eq!(ids[2..4], ["example/zero/32MiB", "example/zero/1GiB"]);
/// assert_eq!(ids[4..], ["example/upper/one", "example/upper/twenty one"]);
/// ```
#[must_use = "a bench does nothing unless it is in the list of a suite"]
pub struct Bench {
    /// Their ids still lack the suite's name.
    cases: Vec<Case>,
}

impl Bench {
    /// A bench without parameters. Its id is `suite/name`.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{Bench, Suite};
    /// use std::hint::black_box;
    ///
    /// let square = Bench::new("square", |b| b.iter(|| black_box(3_u64).pow(2)));
    /// let suite = Suite::new("arithmetic", [square])?;
    /// assert_eq!(suite.cases()[0].id(), "arithmetic/square");
    /// # Ok::<(), sevbench::SuiteError>(())
    /// ```
    pub fn new<R: BodyResult>(
        name: impl Display,
        body: impl Fn(&mut Bencher<'_>) -> R + Send + Sync + 'static,
    ) -> Self {
        let body = Body::Timed(Box::new(move |bencher| body(bencher).into_result()));
        Self { cases: vec![Case::new(name.to_string(), body)] }
    }

    /// A bench for each of these parameters. Its ids are `suite/name/parameter`.
    ///
    /// The body gets a clone of its parameter. An array or a `Vec` yields parameters by value; a
    /// `&'static` array yields references:
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{Bench, Bencher};
    /// use std::hint::black_box;
    ///
    /// static WORDS: [&str; 2] = ["a", "b"];
    ///
    /// fn count(b: &mut Bencher<'_>, word: &&str) {
    ///     b.iter(|| black_box(*word).chars().count());
    /// }
    ///
    /// let by_reference = Bench::over("count", &WORDS, count);
    /// let by_value = Bench::over("power", 1..4, |b, n| b.iter(|| black_box(2_u32).pow(n)));
    /// # drop((by_reference, by_value));
    /// ```
    pub fn over<P, R>(
        name: impl Display,
        parameters: impl IntoIterator<Item = P>,
        body: impl Fn(&mut Bencher<'_>, P) -> R + Send + Sync + 'static,
    ) -> Self
    where
        P: Display + Clone + Send + Sync + 'static,
        R: BodyResult,
    {
        let body = Arc::new(body);
        Self::each(&name, parameters, |parameter| {
            let body = Arc::clone(&body);
            Body::Timed(Box::new(move |bencher| body(bencher, parameter.clone()).into_result()))
        })
    }

    /// A bench of an external program, which reports its own figures.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{Bench, Observation, Unit};
    /// use std::process::Command;
    ///
    /// let bench = Bench::program("requests", |o| {
    ///     o.observe(|duration| {
    ///         let seconds = duration.as_secs_f64().to_string();
    ///         let output = Command::new("load-generator").arg(seconds).output()?;
    ///         assert!(output.status.success(), "{output:?}");
    ///         let rate: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
    ///         Ok(vec![Observation::rate("requests", rate, Unit::OperationsPerSecond)])
    ///     });
    /// });
    /// # drop(bench);
    /// ```
    pub fn program<R: BodyResult>(
        name: impl Display,
        body: impl Fn(&mut Observer<'_>) -> R + Send + Sync + 'static,
    ) -> Self {
        let body = Body::Program(Box::new(move |observer| body(observer).into_result()));
        Self { cases: vec![Case::new(name.to_string(), body)] }
    }

    /// A bench of an external program for each of these parameters, as [`over`](Self::over).
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{Bench, Observation, Observer, Unit};
    /// # use {sevbench::Failure, std::time::Duration};
    /// # fn run_zstd(_level: u8, _duration: Duration) -> Result<f64, Failure> { Ok(4e8) }
    ///
    /// fn compress(o: &mut Observer<'_>, level: u8) {
    ///     o.observe(|duration| {
    ///         let rate = run_zstd(level, duration)?;
    ///         Ok(vec![Observation::rate("compressed", rate, Unit::BytesPerSecond)])
    ///     });
    /// }
    ///
    /// let bench = Bench::program_over("zstd", [1, 19], compress);
    /// # let suite = sevbench::Suite::new("example", [bench])?;
    /// # assert_eq!(suite.cases()[1].id(), "example/zstd/19");
    /// # Ok::<(), sevbench::SuiteError>(())
    /// ```
    pub fn program_over<P, R>(
        name: impl Display,
        parameters: impl IntoIterator<Item = P>,
        body: impl Fn(&mut Observer<'_>, P) -> R + Send + Sync + 'static,
    ) -> Self
    where
        P: Display + Clone + Send + Sync + 'static,
        R: BodyResult,
    {
        let body = Arc::new(body);
        Self::each(&name, parameters, |parameter| {
            let body = Arc::clone(&body);
            Body::Program(Box::new(move |observer| body(observer, parameter.clone()).into_result()))
        })
    }

    /// A case for each parameter, with the body that belongs to it.
    fn each<P: Display>(
        name: &impl Display,
        parameters: impl IntoIterator<Item = P>,
        body: impl Fn(P) -> Body,
    ) -> Self {
        let case = |parameter: P| Case::new(format!("{name}/{parameter}"), body(parameter));
        Self { cases: parameters.into_iter().map(case).collect() }
    }

    /// Leaves the bench out, unless `--sweep` is given or `--exact` names its whole id.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// # use sevbench::{Bench, Bencher, ByteSize, Suite};
    /// # fn fill(b: &mut Bencher<'_>, _size: ByteSize) { b.iter(|| ()); }
    /// let always = Bench::over("fill", [ByteSize::kib(256), ByteSize::mib(32)], fill);
    /// let on_demand = Bench::over("fill", [ByteSize::gib(1), ByteSize::gib(4)], fill).sweep();
    /// # assert!(Suite::new("example", [always, on_demand]).is_ok());
    /// ```
    pub fn sweep(mut self) -> Self {
        self.cases.iter_mut().for_each(Case::mark_as_sweep);
        self
    }

    /// Declares a file that the body reads. It is copied into every arm, and again only after its
    /// content has changed. [`Bencher::file`] and [`Observer::file`] return its path there.
    ///
    /// The path is relative to the package's folder. A run whose file is missing does not start.
    /// All benches of a boot share the copy, which is read-only. It is executable if the file is,
    /// and has another name.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{Bench, Bencher};
    ///
    /// fn count_lines(b: &mut Bencher<'_>) {
    ///     let path = b.file("corpus/large.txt");
    ///     let text = std::fs::read_to_string(path).expect("the corpus is UTF-8");
    ///     b.iter(|| std::hint::black_box(&text).lines().count());
    /// }
    ///
    /// let bench = Bench::new("count-lines", count_lines).file("corpus/large.txt");
    /// # drop(bench);
    /// ```
    pub fn file(mut self, path: impl Into<String>) -> Self {
        let path = path.into();
        self.cases.iter_mut().for_each(|case| case.add_file(path.clone()));
        self
    }

    /// Sets the warm-up time in each arm and boot. `--warm-up-time` and `--quick` take precedence.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{Bench, Bencher};
    /// use std::time::Duration;
    ///
    /// fn sort(b: &mut Bencher<'_>) {
    ///     b.iter_batched_ref(
    ///         || (0..1_000_000_u32).rev().collect::<Vec<_>>(),
    ///         |values| values.sort(),
    ///         sevbench::BatchSize::PerIteration,
    ///     );
    /// }
    ///
    /// let bench = Bench::new("sort", sort)
    ///     .warm_up_time(Duration::from_millis(200))
    ///     .measurement_time(Duration::from_secs(1))
    ///     .rounds(10)
    ///     .confidence_level(0.99);
    /// # drop(bench);
    /// ```
    pub fn warm_up_time(self, time: Duration) -> Self {
        self.set(|settings| settings.warm_up_ns = Some(nanoseconds(time)))
    }

    /// Sets the measuring time in each arm and boot, which the samples of all rounds share.
    /// `--measurement-time` and `--quick` take precedence.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// # use sevbench::{Bench, Bencher, Suite};
    /// # use std::time::Duration;
    /// # fn sort(b: &mut Bencher<'_>) { b.iter(|| ()); }
    /// let bench = Bench::new("sort", sort).measurement_time(Duration::from_secs(5));
    /// # assert!(Suite::new("example", [bench]).is_ok());
    /// ```
    pub fn measurement_time(self, time: Duration) -> Self {
        self.set(|settings| settings.measurement_ns = Some(nanoseconds(time)))
    }

    /// Sets how long an external program measures in a round. `--observation-time` and `--quick`
    /// take precedence.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// # use sevbench::{Bench, Observer, Suite};
    /// # use std::time::Duration;
    /// # fn requests(o: &mut Observer<'_>) { o.observe(|_| Ok(vec![])); }
    /// let bench = Bench::program("requests", requests).observation_time(Duration::from_secs(60));
    /// # assert!(Suite::new("example", [bench]).is_ok());
    /// ```
    pub fn observation_time(self, time: Duration) -> Self {
        self.set(|settings| settings.observation_ns = Some(nanoseconds(time)))
    }

    /// Sets the number of rounds in a boot. `--rounds` and `--quick` take precedence.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// # use sevbench::{Bench, Bencher, Suite};
    /// # fn sort(b: &mut Bencher<'_>) { b.iter(|| ()); }
    /// let bench = Bench::new("sort", sort).rounds(10);
    /// # assert!(Suite::new("example", [bench]).is_ok());
    /// ```
    pub fn rounds(self, count: u32) -> Self {
        self.set(|settings| settings.rounds = Some(count))
    }

    /// Sets the two-sided confidence level of the intervals, such as 0.99. `--confidence-level`
    /// takes precedence.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// # use sevbench::{Bench, Bencher, Suite};
    /// # fn sort(b: &mut Bencher<'_>) { b.iter(|| ()); }
    /// let bench = Bench::new("sort", sort).confidence_level(0.99);
    /// # assert!(Suite::new("example", [bench]).is_ok());
    /// ```
    pub fn confidence_level(self, level: f64) -> Self {
        self.set(|settings| settings.confidence = Some(level))
    }

    fn set(mut self, change: impl Fn(&mut BenchSettings)) -> Self {
        self.cases.iter_mut().for_each(|case| change(case.settings_mut()));
        self
    }

    pub(crate) fn into_cases(self) -> Vec<Case> {
        self.cases
    }
}
