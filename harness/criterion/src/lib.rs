//! Runs benches written for criterion 0.8 in a control guest and in treatment guests, and reports
//! how much slower they are in each treatment. Only `Cargo.toml` changes; guests other than
//! `loopback` also need a static executable, as with `sevbench`:
//!
//! ```toml
//! [dev-dependencies]
//! criterion = { package = "sevbench-criterion", path = "../sevbench/harness/criterion" }
//! ```
//!
//! `cargo bench` then takes the flags of `sevbench` and prints its results. The suite is named
//! after the bench executable, and the ids are criterion's: `suite/group/function/parameter`.
//!
//! # How it works
//!
//! A bench executable first runs its groups to list the ids, and calls no closure. To measure a
//! bench, the agent in a guest runs the groups again, and calls only that bench's closure. The
//! other code of the groups therefore runs, untimed, whenever a coordinator or an agent starts, and
//! again for each bench, boot and arm. What it prints goes to standard error.
//!
//! # What differs
//!
//! - `measurement_time`, `warm_up_time` and `confidence_level` are those of the bench, if its
//!   author sets them. Otherwise `sevbench`'s defaults apply, which are shorter, since every bench
//!   is measured in several boots.
//! - What has no meaning here is accepted and named once: sample sizes, resamples, noise
//!   thresholds, plots, baselines in code, profilers.
//! - Only wall-clock time is measured. A custom `Measurement` is refused.
//! - A closure may call one of the `iter` methods once.
//! - `main` must be [`criterion_main!`].

#![deny(unsafe_op_in_unsafe_fn)]

mod async_bencher;
pub mod async_executor;
mod bencher;
mod benchmark_group;
mod benchmark_id;
mod config;
mod criterion_type;
mod entry;
mod ids;
pub mod measurement;
mod pass;
mod plots;
pub mod profiler;

pub use async_bencher::AsyncBencher;
pub use bencher::Bencher;
pub use benchmark_group::BenchmarkGroup;
pub use benchmark_id::{BenchmarkId, IntoBenchmarkId};
pub use criterion_type::{Baseline, BenchmarkFilter, Criterion};
#[doc(hidden)]
pub use entry::run_groups;
pub use plots::{AxisScale, PlotConfiguration, PlottingBackend, SamplingMode};
pub use sevbench::{BatchSize, Throughput};
pub use std::hint::black_box;

/// Defines a function that runs benches, as criterion's macro of this name does.
///
/// ```
/// use criterion::{Criterion, criterion_group};
///
/// fn add(c: &mut Criterion) {
///     c.bench_function("add", |b| b.iter(|| std::hint::black_box(1) + 1));
/// }
///
/// criterion_group!(plain, add);
/// criterion_group! {
///     name = configured;
///     config = Criterion::default().measurement_time(std::time::Duration::from_secs(1));
///     targets = add
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! criterion_group {
    (name = $name:ident; config = $config:expr; targets = $($target:path),+ $(,)*) => {
        /// Runs the benches of this group.
        pub fn $name() {
            let mut criterion: $crate::Criterion<_> = $config.configure_from_args();
            $($target(&mut criterion);)+
        }
    };
    ($name:ident, $($target:path),+ $(,)*) => {
        $crate::criterion_group! {
            name = $name;
            config = $crate::Criterion::default();
            targets = $($target),+
        }
    };
}

/// Defines the `main` of a bench executable, as criterion's macro of this name does.
///
/// ```no_run
/// use criterion::{Criterion, criterion_group, criterion_main};
///
/// fn add(c: &mut Criterion) {
///     c.bench_function("add", |b| b.iter(|| std::hint::black_box(1) + 1));
/// }
///
/// criterion_group!(benches, add);
/// criterion_main!(benches);
/// ```
#[macro_export]
macro_rules! criterion_main {
    ($($group:path),+ $(,)*) => {
        fn main() -> ::std::process::ExitCode {
            $crate::run_groups(::std::env!("CARGO_CRATE_NAME"), &[$($group),+])
        }
    };
}
