//! How much slower does my code run in a confidential VM, how sure are we, and why?
//!
//! A bench is a Rust function. Its body runs in guests, over SSH: in a control arm and in treatment arms, back to
//! back, in random order, boot after boot. The result is a slowdown factor with a confidence interval.
//!
//! ```no_run
//! use sevbench::{Bench, BenchEntry, Bencher, ByteSize, Throughput};
//!
//! fn fill(b: &mut Bencher<'_>, size: &ByteSize) {
//!     let mut buffer = vec![0_u8; size.bytes() as usize];
//!     b.throughput(Throughput::Bytes(size.bytes()));
//!     b.iter(|| std::hint::black_box(&mut buffer).fill(7));
//!     assert!(buffer.iter().all(|byte| *byte == 7));
//! }
//!
//! const SIZES: [ByteSize; 2] = [ByteSize::kib(256), ByteSize::mib(32)];
//! const BENCHES: &[&dyn BenchEntry] = &[&Bench::with("fill", fill).over(&SIZES)];
//! sevbench::main!(example, BENCHES);
//! ```

pub use sevbench_protocol::{
    Bench, BenchEntry, Bencher, ByteSize, Case, Observation, Observed, ObservedValue,
    ParameterisedBench, Suite, SuiteError, Throughput, Unit,
};
pub use std::hint::black_box;

#[cfg(feature = "runner")]
pub use sevbench_runner::bench_main;

/// The whole of a bench executable that is built without the feature `runner`: an agent.
#[cfg(not(feature = "runner"))]
pub fn bench_main(suite: &'static str, benches: &[&dyn BenchEntry]) -> std::process::ExitCode {
    sevbench_protocol::agent_main(suite, benches)
}

/// The `main` of a bench executable: `sevbench::main!(suite, BENCHES);`, where `BENCHES` is a
/// `&[&dyn BenchEntry]` and `suite` the first part of every id.
#[macro_export]
macro_rules! main {
    ($suite:ident, $benches:expr) => {
        fn main() -> ::std::process::ExitCode {
            $crate::bench_main(::std::stringify!($suite), $benches)
        }
    };
}
