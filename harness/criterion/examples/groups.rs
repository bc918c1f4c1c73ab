//! Benches as they are written for criterion, with all of its ways to declare and to time one.

use criterion::async_executor::AsyncExecutor;
use criterion::{
    AxisScale, BatchSize, BenchmarkId, Criterion, PlotConfiguration, SamplingMode, Throughput,
    black_box, criterion_group, criterion_main,
};
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// How many closures were called since the groups began to run.
static CALLS: AtomicU32 = AtomicU32::new(0);

/// What the benches of a function use one after the other.
static SHARED: Mutex<u64> = Mutex::new(0);
/// How many functions have run to their end, of those that began.
static UNFINISHED: AtomicU32 = AtomicU32::new(0);

/// Polls a future that is never pending for long.
struct Spinning;

impl AsyncExecutor for Spinning {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) =
                future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            {
                return output;
            }
        }
    }
}

fn plain(c: &mut Criterion) {
    CALLS.store(0, Ordering::Relaxed);
    println!("this is no id");
    let shared = SHARED.lock().expect("no bench has panicked");
    assert_eq!(UNFINISHED.swap(1, Ordering::Relaxed), 0, "an earlier function did not end");
    c.bench_function("sum of squares", |b| {
        CALLS.fetch_add(1, Ordering::Relaxed);
        b.iter(|| (0..black_box(100_u64)).map(|n| n * n).sum::<u64>());
    });
    c.bench_with_input(BenchmarkId::new("input", 7), &7_u64, |b, n| b.iter(|| black_box(*n) + 1));
    drop(shared);
    UNFINISHED.store(0, Ordering::Relaxed);
}

fn grouped(c: &mut Criterion) {
    let mut group = c.benchmark_group("group");
    group.plot_config(PlotConfiguration::default().summary_scale(AxisScale::Logarithmic));
    group.sample_size(10).sampling_mode(SamplingMode::Flat).confidence_level(0.9);
    group.measurement_time(Duration::from_millis(20)).warm_up_time(Duration::from_millis(5));
    for len in [64_usize, 4096] {
        let bytes = vec![1_u8; len];
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_with_input(BenchmarkId::from_parameter(len), &bytes, |b, bytes| {
            CALLS.fetch_add(1, Ordering::Relaxed);
            b.iter(|| black_box(bytes).iter().map(|byte| u64::from(*byte)).sum::<u64>());
        });
    }
    group.finish();
    assert!(CALLS.load(Ordering::Relaxed) <= 1, "closures of other benches were called");
}

fn timed_in_every_way(c: &mut Criterion) {
    let values: Vec<u32> = (0..100_u32).map(|n| n.wrapping_mul(2_654_435_761)).collect();
    let mut group = c.benchmark_group("ways");
    group.bench_function("iter_batched", |b| {
        b.iter_batched(|| values.clone(), |mut values| values.sort(), BatchSize::SmallInput);
    });
    group.bench_function("iter_batched_ref", |b| {
        b.iter_batched_ref(|| values.clone(), |values| values.sort(), BatchSize::LargeInput);
    });
    group.bench_function("iter_with_setup", |b| {
        b.iter_with_setup(|| values.clone(), |values| values.len());
    });
    group.bench_function("iter_with_large_drop", |b| b.iter_with_large_drop(|| values.clone()));
    group.bench_function("iter_custom", |b| {
        b.iter_custom(|iterations| {
            let start = Instant::now();
            (0..iterations).for_each(|n| drop(black_box(n.to_string())));
            start.elapsed()
        });
    });
    group.bench_function(String::from("to_async"), |b| {
        b.to_async(Spinning).iter(async || black_box(1) + 1);
    });
    group.bench_function("to_async", |b| {
        b.to_async(Spinning).iter_batched(|| 1, async |n| n + 1, BatchSize::PerIteration);
    });
}

criterion_group!(benches, plain, grouped);
criterion_group! {
    name = configured;
    config = Criterion::default().sample_size(20).nresamples(2_000).without_plots();
    targets = timed_in_every_way
}
criterion_main!(benches, configured);
