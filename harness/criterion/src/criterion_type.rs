//! [`Criterion`]: what benches are declared with.

use crate::bencher::Bencher;
use crate::benchmark_group::BenchmarkGroup;
use crate::benchmark_id::BenchmarkId;
use crate::config::Config;
use crate::measurement::{Measurement, WallTime, is_wall_time};
use crate::pass::{self, ignore};
use crate::plots::PlottingBackend;
use crate::profiler::Profiler;
use std::marker::PhantomData;
use std::path::Path;
use std::time::Duration;

/// What a bench function declares its benches with.
pub struct Criterion<M: Measurement = WallTime> {
    config: Config,
    measurement: PhantomData<M>,
}

/// How criterion treats a baseline. Here `--save-baseline` and `--baseline` decide.
#[derive(Clone, Copy, Debug)]
pub enum Baseline {
    /// Compares with a saved one, if there is one.
    CompareLenient,
    /// Compares with a saved one.
    CompareStrict,
    /// Saves.
    Save,
    /// Does neither.
    Discard,
}

/// Which benches criterion runs. Here the command line decides.
#[derive(Clone, Debug)]
pub enum BenchmarkFilter {
    /// All.
    AcceptAll,
    /// Those with exactly this id.
    Exact(String),
    /// None.
    RejectAll,
}

impl Default for Criterion {
    fn default() -> Self {
        Self { config: Config::default(), measurement: PhantomData }
    }
}

/// Builder methods that have no meaning here: accepted, and named once.
macro_rules! ignored {
    ($($(#[$docs:meta])* $name:ident($($argument:ident: $type:ty),*);)+) => {
        impl<M: Measurement> Criterion<M> {
            $(
                $(#[$docs])*
                #[must_use]
                pub fn $name(self $(, $argument: $type)*) -> Self {
                    $(let _ = $argument;)*
                    ignore(stringify!($name));
                    self
                }
            )+
        }
    };
}

ignored! {
    /// Has no meaning here: `--boots` and `--rounds` set the number of samples.
    sample_size(n: usize);
    /// Has no meaning here.
    nresamples(n: usize);
    /// Has no meaning here: `--margin` sets the slowdown that counts as no change.
    noise_threshold(threshold: f64);
    /// Has no meaning here.
    significance_level(level: f64);
    /// Has no meaning here.
    with_plots();
    /// Has no meaning here.
    without_plots();
    /// Has no meaning here.
    plotting_backend(backend: PlottingBackend);
    /// Has no meaning here: `--save-baseline` saves a run.
    save_baseline(baseline: String);
    /// Has no meaning here: `--baseline` compares with a saved run.
    retain_baseline(baseline: String, strict: bool);
    /// Has no meaning here: a FILTER on the command line selects benches.
    with_benchmark_filter(filter: BenchmarkFilter);
    /// Has no meaning here: `--color` decides.
    with_output_color(enabled: bool);
    /// Has no meaning here: SEVBENCH_HOME names the folder of records.
    output_directory(path: &Path);
    /// Has no meaning here.
    profile_time(time: Option<Duration>);
}

impl<M: Measurement> Criterion<M> {
    /// Sets the warm-up time in each arm and boot.
    ///
    /// # Panics
    /// If it is zero.
    #[must_use]
    pub fn warm_up_time(mut self, dur: Duration) -> Self {
        assert!(!dur.is_zero());
        self.config.warm_up_time = Some(dur);
        self
    }

    /// Sets the measuring time in each arm and boot.
    ///
    /// # Panics
    /// If it is zero.
    #[must_use]
    pub fn measurement_time(mut self, dur: Duration) -> Self {
        assert!(!dur.is_zero());
        self.config.measurement_time = Some(dur);
        self
    }

    /// Sets the confidence level of the intervals.
    ///
    /// # Panics
    /// If it is not between 0 and 1.
    #[must_use]
    pub fn confidence_level(mut self, cl: f64) -> Self {
        assert!(cl > 0.0 && cl < 1.0);
        self.config.confidence_level = Some(cl);
        self
    }

    /// Has no meaning here: a FILTER on the command line selects benches.
    #[must_use]
    pub fn with_filter<S: Into<String>>(self, _: S) -> Self {
        ignore("with_filter");
        self
    }

    /// Has no meaning here.
    #[must_use]
    pub fn with_profiler<P: Profiler + 'static>(self, _: P) -> Self {
        ignore("with_profiler");
        self
    }

    /// Refused, unless it is [`WallTime`].
    #[must_use]
    pub fn with_measurement<M2: Measurement>(self, _: M2) -> Criterion<M2> {
        if !is_wall_time::<M2>() {
            pass::refuse(format!(
                "the measurement {} cannot be made here: sevbench measures wall-clock time; remove \
                 with_measurement, or run these benches with criterion",
                std::any::type_name::<M2>()
            ));
        }
        Criterion { config: self.config, measurement: PhantomData }
    }

    /// Does nothing: the command line is read once, by the macro [`criterion_main!`].
    ///
    /// [`criterion_main!`]: crate::criterion_main
    #[must_use]
    pub const fn configure_from_args(self) -> Self {
        self
    }

    /// Does nothing after the macro [`criterion_main!`](crate::criterion_main). Ends a process that
    /// has a `main` of its own, since nothing was measured.
    pub fn final_summary(&self) {
        pass::require_pass();
    }

    /// Starts a group of benches.
    pub fn benchmark_group<S: Into<String>>(&mut self, group_name: S) -> BenchmarkGroup<'_, M> {
        BenchmarkGroup::new(self.config, group_name.into())
    }

    /// Declares a bench.
    pub fn bench_function<F>(&mut self, id: &str, f: F) -> &mut Self
    where
        F: FnMut(&mut Bencher<'_, M>),
    {
        let nameless = BenchmarkId { function: None, parameter: None };
        self.benchmark_group(id).bench_function(nameless, f);
        self
    }

    /// Declares a bench with an input.
    pub fn bench_with_input<F, I>(&mut self, id: BenchmarkId, input: &I, f: F) -> &mut Self
    where
        F: FnMut(&mut Bencher<'_, M>, &I),
    {
        let BenchmarkId { function, parameter } = id;
        let of_input = BenchmarkId { function: None, parameter };
        self.benchmark_group(function.unwrap_or_default()).bench_with_input(of_input, input, f);
        self
    }
}
