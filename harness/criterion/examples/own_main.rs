//! A `main` of its own that runs a group, which measures nothing.

use criterion::{Criterion, criterion_group};

fn add(c: &mut Criterion) {
    c.bench_function("add", |b| b.iter(|| std::hint::black_box(1) + 1));
}

criterion_group!(benches, add);

fn main() {
    benches();
}
