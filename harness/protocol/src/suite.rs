//! Benches, their parameters, and the suite that they make: the list of cases with unique ids.

use crate::bencher::{Bencher, BodyState};
use crate::link::{BenchAnswer, BenchRequest, Link, Measure, Ready, SampleKind};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fmt::Display;
use std::time::Duration;
use thiserror::Error;

/// The longest id of a bench, in bytes.
const ID_LEN_MAX: usize = 200;

/// What an outside program measures for where a body is only run as a test.
const TEST_OBSERVATION: Duration = Duration::from_secs(1);

/// A bench without parameters; [`Bench::with`] makes one with.
pub struct Bench {
    name: &'static str,
    body: fn(&mut Bencher<'_>),
    kind: SampleKind,
}

impl Bench {
    /// A bench of this name, whose id will be `suite/name`.
    pub const fn new(name: &'static str, body: fn(&mut Bencher<'_>)) -> Self {
        Self { name, body, kind: SampleKind::Timed }
    }

    /// Says that the body drives an outside program by [`Bencher::observe`]: its rounds last longer.
    #[must_use]
    pub const fn observed(mut self) -> Self {
        self.kind = SampleKind::Observed;
        self
    }

    /// A bench over parameters: give them with [`ParameterisedBench::over`]. Each is a case of its own, with
    /// the id `suite/name/parameter`.
    pub const fn with<P>(
        name: &'static str,
        body: fn(&mut Bencher<'_>, &P),
    ) -> ParameterisedBench<P> {
        ParameterisedBench { name, body, kind: SampleKind::Timed, parameters: &[], sweep: &[] }
    }
}

/// A bench that runs once for each of its parameters.
pub struct ParameterisedBench<P: 'static> {
    name: &'static str,
    body: fn(&mut Bencher<'_>, &P),
    kind: SampleKind,
    parameters: &'static [P],
    sweep: &'static [P],
}

impl<P: 'static> ParameterisedBench<P> {
    /// The parameters that are measured by default.
    #[must_use]
    pub const fn over(mut self, parameters: &'static [P]) -> Self {
        self.parameters = parameters;
        self
    }

    /// Further parameters, measured only with `--sweep`.
    #[must_use]
    pub const fn sweep(mut self, parameters: &'static [P]) -> Self {
        self.sweep = parameters;
        self
    }

    /// Says that the body drives an outside program by [`Bencher::observe`]: its rounds last longer.
    #[must_use]
    pub const fn observed(mut self) -> Self {
        self.kind = SampleKind::Observed;
        self
    }
}

/// What may stand in a suite's list of benches: [`Bench`], [`ParameterisedBench`], and arrays of them.
pub trait BenchEntry: Sync {
    /// The cases of this bench, in order, in the suite of that name.
    fn cases(&self, suite: &str) -> Vec<Case>;
}

impl BenchEntry for Bench {
    fn cases(&self, suite: &str) -> Vec<Case> {
        let id = format!("{suite}/{}", self.name);
        vec![Case { id, sweep: false, kind: self.kind, body: Box::new(self.body) }]
    }
}

impl<P: Display + Sync> BenchEntry for ParameterisedBench<P> {
    fn cases(&self, suite: &str) -> Vec<Case> {
        let body = self.body;
        let case = |parameter: &'static P, sweep| Case {
            id: format!("{suite}/{}/{parameter}", self.name),
            sweep,
            kind: self.kind,
            body: Box::new(move |bencher| body(bencher, parameter)),
        };
        let default = self.parameters.iter().map(|parameter| case(parameter, false));
        default.chain(self.sweep.iter().map(|parameter| case(parameter, true))).collect()
    }
}

/// A list of benches may stand for its benches in a longer list.
impl<const N: usize> BenchEntry for [&dyn BenchEntry; N] {
    fn cases(&self, suite: &str) -> Vec<Case> {
        self.iter().flat_map(|entry| entry.cases(suite)).collect()
    }
}

/// One thing to measure: a bench with one of its parameters.
pub struct Case {
    id: String,
    sweep: bool,
    /// As the list says.
    kind: SampleKind,
    body: CaseBody,
}

type CaseBody = Box<dyn Fn(&mut Bencher<'_>) + Send + Sync>;

impl Case {
    /// `suite/name` or `suite/name/parameter`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it runs only with `--sweep`.
    pub const fn is_sweep(&self) -> bool {
        self.sweep
    }

    /// Whether the list says that it drives an outside program.
    pub const fn is_observed(&self) -> bool {
        matches!(self.kind, SampleKind::Observed)
    }

    /// Runs the body under a bencher, and says how it ended. A panic passes through.
    pub fn run(&self, link: &mut dyn Link, spin_factor: Option<f64>) -> BenchAnswer {
        let mut bencher = Bencher::new(link, spin_factor);
        (self.body)(&mut bencher);
        match bencher.outcome() {
            BodyState::Measured => BenchAnswer::Finished,
            BodyState::Skipped { reason, hint } => {
                BenchAnswer::Skipped { reason: reason.clone(), hint: hint.clone() }
            }
            BodyState::Failed(message) => BenchAnswer::Failed(message.clone()),
            BodyState::Pending => BenchAnswer::Failed(
                "the body returned without measuring: call Bencher::iter, iter_batched, observe or skip".into(),
            ),
        }
    }
}

/// All cases of one bench executable.
pub struct Suite {
    name: &'static str,
    cases: Vec<Case>,
}

/// A list of benches that cannot be a suite.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SuiteError {
    /// Nothing to measure.
    #[error("the suite `{0}` has no benches: give sevbench::main! a list with at least one")]
    Empty(String),
    /// Two cases of one id.
    #[error("two benches have the id `{0}`: give one of them another name or parameter")]
    DuplicateId(String),
    /// An id that could not be typed, stored or matched.
    #[error(
        "the bench id `{}` is not usable: names and parameters are of A–Z a–z 0–9 . _ + = : -, and an id has at most {ID_LEN_MAX} bytes",
        .0.escape_debug()
    )]
    UnusableId(String),
}

impl Suite {
    /// The suite of this name with the cases of all `entries`.
    ///
    /// # Errors
    /// If there are no cases, two have one id, or an id has characters that could not be typed.
    pub fn new(name: &'static str, entries: &[&dyn BenchEntry]) -> Result<Self, SuiteError> {
        let cases: Vec<Case> = entries.iter().flat_map(|entry| entry.cases(name)).collect();
        if cases.is_empty() {
            return Err(SuiteError::Empty(name.into()));
        }
        let mut seen = HashSet::new();
        for case in &cases {
            if !is_usable(&case.id) {
                return Err(SuiteError::UnusableId(case.id.clone()));
            }
            if !seen.insert(case.id.as_str()) {
                return Err(SuiteError::DuplicateId(case.id.clone()));
            }
        }
        Ok(Self { name, cases })
    }

    /// The name, first part of every id.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The cases, in the order of the list.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// A hash of all ids: two executables with equal digests measure the same benches.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for case in &self.cases {
            hash.update(case.id.as_bytes());
            hash.update(b"\n");
        }
        hash.finalize().into()
    }
}

fn is_usable(id: &str) -> bool {
    id.len() <= ID_LEN_MAX
        && id.split('/').all(|part| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "._+=:-".contains(c))
        })
}

/// Asks for one sample of one iteration or one short observation, then dismisses the bench.
#[derive(Default)]
struct OnceLink {
    ready: Option<Ready>,
}

impl Link for OnceLink {
    fn exchange(&mut self, answer: BenchAnswer) -> BenchRequest {
        let BenchAnswer::Ready(ready) = answer else { return BenchRequest::Finish };
        self.ready = Some(ready);
        match ready.kind {
            SampleKind::Timed => {
                BenchRequest::Measure(Measure { lead_in: 0, iterations: 1, samples: 1 })
            }
            SampleKind::Observed => {
                BenchRequest::Observe { duration_ns: TEST_OBSERVATION.as_nanos() as u64 }
            }
        }
    }
}

/// Runs a body once in this process, as `--test` does. A panic passes through.
pub fn run_once(case: &Case) -> BenchAnswer {
    let mut link = OnceLink::default();
    let answer = case.run(&mut link, None);
    match (link.ready, answer) {
        (Some(ready), BenchAnswer::Finished) if ready.kind != case.kind => BenchAnswer::Failed(
            match ready.kind {
                SampleKind::Observed => {
                    "it drives an outside program: add `.observed()` to it in the list"
                }
                SampleKind::Timed => "it times a closure: take `.observed()` from it in the list",
            }
            .into(),
        ),
        (_, answer) => answer,
    }
}

#[cfg(test)]
#[path = "suite_tests.rs"]
mod tests;
