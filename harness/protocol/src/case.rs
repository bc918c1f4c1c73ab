//! A [`Case`]: one bench with one of its parameters, under the id that names it everywhere.

use crate::bench_list::ListedBench;
use crate::bencher::{Bencher, BodyState};
use crate::data_files::DataFiles;
use crate::link::{BenchAnswer, Link};
use crate::observer::Observer;
use crate::settings::BenchSettings;
use crate::skip::Skip;

/// One bench of a [`Bench`](crate::bench::Bench): the unit that is selected, run and reported.
///
/// A [`Suite`](crate::suite::Suite) lists them. A bench author rarely needs them.
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{Bench, Case, Suite};
/// use std::hint::black_box;
///
/// let powers = Bench::over("power", [2, 3], |b, n| b.iter(|| black_box(7_u32).pow(n)));
/// let suite = Suite::new("arithmetic", [powers])?;
/// let ids: Vec<&str> = suite.cases().iter().map(Case::id).collect();
/// assert_eq!(ids, ["arithmetic/power/2", "arithmetic/power/3"]);
/// # Ok::<(), sevbench::SuiteError>(())
/// ```
pub struct Case {
    listed: ListedBench,
    body: Body,
}

type TimedBody = dyn Fn(&mut Bencher<'_>) -> Result<(), Skip> + Send + Sync;
type ProgramBody = dyn Fn(&mut Observer<'_>) -> Result<(), Skip> + Send + Sync;

/// A body, by what it measures.
pub(crate) enum Body {
    /// It times a closure.
    Timed(Box<TimedBody>),
    /// It runs an external program.
    Program(Box<ProgramBody>),
}

impl Body {
    /// What its author probably forgot.
    const fn advice(&self) -> &'static str {
        match self {
            Self::Timed(_) => "call Bencher::iter or one of its relatives, or return a Skip",
            Self::Program(_) => "call Observer::observe, or return a Skip",
        }
    }
}

impl Case {
    /// A case that is measured by default. Its id lacks the suite's name until it is
    /// [in a suite](Self::in_suite).
    pub(crate) fn new(id: String, body: Body) -> Self {
        let program = matches!(body, Body::Program(_));
        Self { listed: ListedBench { id, program, ..ListedBench::default() }, body }
    }

    pub(crate) const fn mark_as_sweep(&mut self) {
        self.listed.sweep = true;
    }

    pub(crate) const fn settings_mut(&mut self) -> &mut BenchSettings {
        &mut self.listed.settings
    }

    pub(crate) fn add_file(&mut self, path: String) {
        self.listed.files.push(path);
    }

    pub(crate) fn in_suite(mut self, suite: &str) -> Self {
        self.listed.id = format!("{suite}/{}", self.listed.id);
        self
    }

    /// The id: `suite/name` or `suite/name/parameter`.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// # use sevbench::{Bench, Suite};
    /// # let benches = [Bench::new("sort", |b| b.iter(|| ()))];
    /// let suite = Suite::new("example", benches)?;
    /// assert_eq!(suite.cases()[0].id(), "example/sort");
    /// # Ok::<(), sevbench::SuiteError>(())
    /// ```
    pub fn id(&self) -> &str {
        self.listed.id()
    }

    /// All but the body.
    pub const fn listed(&self) -> &ListedBench {
        &self.listed
    }

    /// Runs the body and returns how it ended. A panic of the body is not caught.
    pub(crate) fn run(
        &self,
        link: &mut dyn Link,
        spin_factor: Option<f64>,
        files: DataFiles,
    ) -> BenchAnswer {
        let (result, state) = match &self.body {
            Body::Timed(body) => {
                let mut bencher = Bencher::new(link, spin_factor, files);
                (body(&mut bencher), bencher.into_state())
            }
            Body::Program(_) if spin_factor.is_some() => (
                Err(Skip::new(
                    "a slowdown can be injected into a closure, but not into an external program",
                    "measure this bench without `spin=`",
                )),
                BodyState::Pending,
            ),
            Body::Program(body) => {
                let mut observer = Observer::new(link, files);
                (body(&mut observer), observer.into_state())
            }
        };
        match (state, result) {
            (BodyState::Failed(message), _) => BenchAnswer::Failed(message),
            (BodyState::Pending, Err(Skip { reason, hint })) => {
                BenchAnswer::Skipped { reason, hint }
            }
            (BodyState::Pending, Ok(())) => BenchAnswer::Failed(format!(
                "the body returned without measuring: {}",
                self.body.advice()
            )),
            (BodyState::Measured, Ok(())) => BenchAnswer::Finished,
            (BodyState::Measured, Err(Skip { reason, .. })) => BenchAnswer::Failed(format!(
                "the body returned a Skip after it had measured: {reason}"
            )),
        }
    }
}
