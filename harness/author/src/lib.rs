//! How much slower does my code run in a confidential VM, how sure are we, and why?
//!
//! A bench is a Rust function. sevbench runs it in two or more guests over SSH: a control and one
//! or more treatments. They take turns in random order, boot after boot. The result is a slowdown
//! factor with a confidence interval: treatment cost ÷ control cost, so 1.25 is a quarter slower.
//!
//! # Write a bench
//!
//! ```toml
//! # Cargo.toml
//! [dev-dependencies]
//! sevbench = { path = "../sevbench/harness/author" }
//!
//! [[bench]]
//! name = "example"
//! harness = false
//! ```
//!
//! ```no_run
//! // benches/example.rs
//! use sevbench::{Bench, Bencher, ByteSize, Throughput, black_box};
//!
//! fn fill(b: &mut Bencher<'_>, size: ByteSize) {
//!     let mut buffer = vec![0_u8; size.bytes() as usize]; // set-up: in the guest, once per boot
//!     b.throughput(Throughput::Bytes(size.bytes()));
//!     b.iter(|| black_box(&mut buffer).fill(7)); // measured
//!     assert!(buffer.iter().all(|byte| *byte == 7)); // verification: a panic fails the bench
//! }
//!
//! const SIZES: [ByteSize; 2] = [ByteSize::kib(256), ByteSize::mib(32)];
//! sevbench::main!(example, [Bench::over("fill", SIZES, fill)]);
//! ```
//!
//! For guests other than `loopback`, the executable must be static:
//!
//! ```toml
//! # .cargo/config.toml
//! [build]
//! target = "host-tuple"
//!
//! [target.x86_64-unknown-linux-gnu]
//! rustflags = ["-C", "target-feature=+crt-static"]
//! ```
//!
//! # Run it
//!
//! ```sh
//! cargo test --bench example              # runs each body once, here
//! cargo bench --bench example -- --quick  # compares this machine with itself
//! cargo bench --bench example -- --control ssh://root@plain-vm --treatment snp=ssh://root@snp-vm
//! ```
//!
//! # Beyond a plain closure
//!
//! | to | use |
//! |---|---|
//! | show a rate instead of a time | [`Bencher::throughput`] |
//! | count several operations in one iteration | [`Bencher::operations`] |
//! | give each iteration a fresh input, made untimed | [`Bencher::iter_batched`] |
//! | leave the drop of the input out too | [`Bencher::iter_batched_ref`] |
//! | leave the drop of an output out | [`Bencher::iter_with_large_drop`] |
//! | time the iterations yourself | [`Bencher::iter_custom`] |
//! | time futures | [`Bencher::to_async`] |
//! | measure an external program | [`Bench::program`], [`Observer::observe`] |
//! | read a file of this machine in the guest | [`Bench::file`], [`Bencher::file`] |
//! | set times, rounds or the confidence level | [`Bench::measurement_time`] and its relatives |
//! | skip a bench that cannot run in this guest | return a [`Skip`] |
//! | run a bench over parameters | [`Bench::over`], [`Bench::program_over`] |
//! | leave a bench out by default | [`Bench::sweep`] |
//!
//! # Feature `runner`
//!
//! `runner` is on by default. It adds the coordinator, which plans a run, starts the guests,
//! records the samples and prints the result. With it, `cargo bench` is all that you need.
//!
//! Without it (`default-features = false`), the executable is an agent: it runs bench bodies for a
//! coordinator. It then contains no SSH and no statistics, so it is smaller and builds faster.
//! `cargo bench` starts the program `cargo-sevbench` to drive it, with the same flags and the same
//! results. `cargo sevbench run --bench NAME` also builds it, with the flags that make it static,
//! in a folder of its own; the crate then needs no `.cargo/config.toml`. Install the program once:
//! `cargo install --locked --path harness/program`.

#[doc(hidden)]
pub use sevbench_protocol::OutputToError;
/// The version of `hdrhistogram` whose histograms [`Observation::histogram`] takes.
///
/// ```
/// use sevbench::{Observation, hdrhistogram::Histogram};
///
/// let mut latency_ns = Histogram::<u64>::new(3).expect("3 digits are valid");
/// latency_ns.saturating_record(81_300);
/// let latency = Observation::histogram("latency", &latency_ns);
/// ```
pub use sevbench_protocol::hdrhistogram;
pub use sevbench_protocol::{
    AsyncBencher, AsyncExecutor, BatchSize, Bench, Bencher, BodyResult, ByteSize, Case, Failure,
    Observation, Observed, ObservedValue, Observer, Skip, Suite, SuiteError, Throughput, Unit,
};
pub use std::hint::black_box;

use std::process::ExitCode;

/// Runs a bench executable and returns its exit status. [`main!`] calls it.
///
/// Call it yourself if your `main` does something else first. It takes over the process: it reads
/// the command line, and nothing may have been written to standard output before.
///
/// `suite` is the first part of every id. The exit status is 0 if all went well, 1 if something
/// failed to run, 2 for wrong usage or configuration, 3 if the gate found a regression, 4 if the
/// gate could not decide, and 130 after an interrupt. A list of benches that does not make a
/// [`Suite`] is wrong usage.
///
/// ```no_run
/// use sevbench::{Bench, bench_main, black_box};
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     if cfg!(debug_assertions) {
///         eprintln!("these benches are built without optimisation");
///     }
///     bench_main("arithmetic", [Bench::new("add", |b| b.iter(|| black_box(1) + black_box(1)))])
/// }
/// ```
pub fn bench_main(suite: &'static str, benches: impl IntoIterator<Item = Bench>) -> ExitCode {
    #[cfg(not(feature = "runner"))]
    use sevbench_protocol::agent_main as run;
    #[cfg(feature = "runner")]
    use sevbench_runner::bench_main as run;
    run(suite, || benches.into_iter().collect())
}

/// Defines the `main` of a bench executable.
///
/// It takes the name of the suite, which is an identifier and the first part of every id, and the
/// benches: an array, a `Vec`, or whatever else iterates over them. The list is made anew in the
/// coordinator and in every arm.
///
/// ```no_run
/// use sevbench::{Bench, Bencher, black_box};
///
/// fn add(b: &mut Bencher<'_>) {
///     b.iter(|| black_box(1) + black_box(1));
/// }
///
/// sevbench::main!(arithmetic, [Bench::new("add", add)]); // measures `arithmetic/add`
/// ```
#[macro_export]
macro_rules! main {
    ($suite:ident, $benches:expr $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::bench_main(::std::stringify!($suite), $benches)
        }
    };
}
