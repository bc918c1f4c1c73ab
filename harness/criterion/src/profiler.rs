//! Profilers, which are accepted and never called: a bench runs inside a guest.

use std::path::Path;

/// Starts and stops a profiler around a bench.
pub trait Profiler {
    /// Would start it.
    fn start_profiling(&mut self, benchmark_id: &str, benchmark_dir: &Path);
    /// Would stop it.
    fn stop_profiling(&mut self, benchmark_id: &str, benchmark_dir: &Path);
}

/// A profiler that is started from outside.
#[derive(Clone, Copy, Debug)]
pub struct ExternalProfiler;

impl Profiler for ExternalProfiler {
    fn start_profiling(&mut self, _: &str, _: &Path) {}

    fn stop_profiling(&mut self, _: &str, _: &Path) {}
}
