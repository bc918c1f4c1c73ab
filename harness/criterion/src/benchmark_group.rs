//! [`BenchmarkGroup`]: benches that share a name and settings.

use crate::bencher::Bencher;
use crate::benchmark_id::{BenchmarkId, IntoBenchmarkId};
use crate::config::Config;
use crate::measurement::{Measurement, WallTime};
use crate::pass::{self, ignore};
use crate::plots::{PlotConfiguration, SamplingMode};
use sevbench::Throughput;
use std::marker::PhantomData;
use std::time::Duration;

/// Benches that share the first part of their ids, and settings.
/// [`Criterion::benchmark_group`](crate::Criterion::benchmark_group) makes it.
pub struct BenchmarkGroup<'a, M: Measurement = WallTime> {
    /// What the author has set for all groups.
    defaults: Config,
    name: String,
    config: Config,
    throughput: Option<Throughput>,
    /// There is one group at a time, as with criterion.
    criterion: PhantomData<&'a mut M>,
}

impl<M: Measurement> BenchmarkGroup<'_, M> {
    pub(crate) fn new(defaults: Config, name: String) -> Self {
        let config = Config::default();
        Self { defaults, name, config, throughput: None, criterion: PhantomData }
    }

    /// Sets the warm-up time in each arm and boot.
    ///
    /// # Panics
    /// If it is zero.
    pub fn warm_up_time(&mut self, dur: Duration) -> &mut Self {
        assert!(!dur.is_zero());
        self.config.warm_up_time = Some(dur);
        self
    }

    /// Sets the measuring time in each arm and boot.
    ///
    /// # Panics
    /// If it is zero.
    pub fn measurement_time(&mut self, dur: Duration) -> &mut Self {
        assert!(!dur.is_zero());
        self.config.measurement_time = Some(dur);
        self
    }

    /// Sets the confidence level of the intervals.
    ///
    /// # Panics
    /// If it is not between 0 and 1.
    pub fn confidence_level(&mut self, cl: f64) -> &mut Self {
        assert!(cl > 0.0 && cl < 1.0);
        self.config.confidence_level = Some(cl);
        self
    }

    /// Sets how much work an iteration does, for the benches that follow.
    pub fn throughput(&mut self, throughput: Throughput) -> &mut Self {
        self.throughput = Some(throughput);
        self
    }

    /// Has no meaning here: `--boots` and `--rounds` set the number of samples.
    pub fn sample_size(&mut self, _: usize) -> &mut Self {
        ignore("sample_size");
        self
    }

    /// Has no meaning here.
    pub fn nresamples(&mut self, _: usize) -> &mut Self {
        ignore("nresamples");
        self
    }

    /// Has no meaning here: `--margin` sets the slowdown that counts as no change.
    pub fn noise_threshold(&mut self, _: f64) -> &mut Self {
        ignore("noise_threshold");
        self
    }

    /// Has no meaning here.
    pub fn significance_level(&mut self, _: f64) -> &mut Self {
        ignore("significance_level");
        self
    }

    /// Has no meaning here.
    pub fn plot_config(&mut self, _: PlotConfiguration) -> &mut Self {
        ignore("plot_config");
        self
    }

    /// Has no meaning here: all samples of a bench have the same number of iterations.
    pub fn sampling_mode(&mut self, _: SamplingMode) -> &mut Self {
        ignore("sampling_mode");
        self
    }

    /// Declares a bench.
    pub fn bench_function<ID: IntoBenchmarkId, F>(&mut self, id: ID, mut f: F) -> &mut Self
    where
        F: FnMut(&mut Bencher<'_, M>),
    {
        self.visit(&id.into_benchmark_id(), |bencher| f(bencher));
        self
    }

    /// Declares a bench with an input.
    pub fn bench_with_input<ID: IntoBenchmarkId, F, I>(
        &mut self,
        id: ID,
        input: &I,
        mut f: F,
    ) -> &mut Self
    where
        F: FnMut(&mut Bencher<'_, M>, &I),
        I: ?Sized,
    {
        self.visit(&id.into_benchmark_id(), |bencher| f(bencher, input));
        self
    }

    fn visit(&self, id: &BenchmarkId, f: impl FnOnce(&mut Bencher<'_, M>)) {
        let own = [id.function.as_deref(), id.parameter.as_deref()];
        let parts: Vec<&str> =
            [Some(self.name.as_str())].into_iter().chain(own).flatten().collect();
        pass::visit(&parts, self.config.or(self.defaults), |bencher| {
            if let Some(throughput) = self.throughput {
                bencher.throughput(throughput);
            }
            f(&mut Bencher::new(bencher));
        });
    }

    /// Ends the group. Dropping it does the same.
    pub fn finish(self) {}
}
