//! A [`Case`]: one bench with one of its parameters, under the id that names it everywhere.

use crate::bencher::{Bencher, BodyState};
use crate::link::{BenchAnswer, Link, SampleKind};

/// A bench with one of its parameters: the unit that is selected, run and reported.
///
/// [`BenchEntry::cases`](crate::bench::BenchEntry::cases) makes cases. A bench author rarely needs
/// them.
pub struct Case {
    id: String,
    sweep: bool,
    /// What the list declares. The body may contradict it.
    kind: SampleKind,
    body: Body,
}

pub(crate) type Body = Box<dyn Fn(&mut Bencher<'_>) + Send + Sync>;

impl Case {
    pub(crate) fn new(id: String, sweep: bool, kind: SampleKind, body: Body) -> Self {
        Self { id, sweep, kind, body }
    }

    /// The id: `suite/name` or `suite/name/parameter`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the case runs only with `--sweep`.
    pub const fn is_sweep(&self) -> bool {
        self.sweep
    }

    /// Whether the list declares the bench as `observed()`: its body drives an external program.
    pub const fn is_observed(&self) -> bool {
        matches!(self.kind, SampleKind::Observed)
    }

    /// Runs the body and returns how it ended. A panic of the body is not caught.
    pub(crate) fn run(&self, link: &mut dyn Link, spin_factor: Option<f64>) -> BenchAnswer {
        let mut bencher = Bencher::new(link, spin_factor);
        (self.body)(&mut bencher);
        match bencher.into_state() {
            BodyState::Measured => BenchAnswer::Finished,
            BodyState::Skipped { reason, hint } => BenchAnswer::Skipped { reason, hint },
            BodyState::Failed(message) => BenchAnswer::Failed(message),
            BodyState::Pending => BenchAnswer::Failed(
                "the body returned without measuring: \
                 call Bencher::iter, iter_batched, observe or skip"
                    .into(),
            ),
        }
    }
}
