//! Benches with a measurement of their own, which cannot be made in a guest.

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, criterion_group, criterion_main};
use std::time::{Duration, Instant};

struct Cycles;

impl Measurement for Cycles {
    type Intermediate = Instant;
    type Value = Duration;

    fn start(&self) -> Instant {
        WallTime.start()
    }

    fn end(&self, i: Instant) -> Duration {
        WallTime.end(i)
    }

    fn add(&self, v1: &Duration, v2: &Duration) -> Duration {
        WallTime.add(v1, v2)
    }

    fn zero(&self) -> Duration {
        WallTime.zero()
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

fn add(c: &mut Criterion<Cycles>) {
    c.bench_function("add", |b| b.iter(|| std::hint::black_box(1) + 1));
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(Cycles);
    targets = add
}
criterion_main!(benches);
