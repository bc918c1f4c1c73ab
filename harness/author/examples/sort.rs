//! Fresh input for each iteration: sorts a new copy each time, and does not time the copying. Both
//! benches capture the same values, which are made once.
//!
//! `cargo run --release -p sevbench --example sort -- --bench --quick`

use sevbench::{BatchSize, Bench, Throughput};
use std::sync::Arc;

const LEN: u32 = 10_000;

fn benches() -> [Bench; 2] {
    let values: Arc<[u32]> = (0..LEN).map(|i| i.wrapping_mul(2_654_435_761)).collect();
    let same = Arc::clone(&values);
    [
        Bench::new("stable", move |b| {
            b.throughput(Throughput::Elements(LEN.into()));
            b.iter_batched_ref(|| values.to_vec(), |values| values.sort(), BatchSize::SmallInput);
        }),
        Bench::new("unstable", move |b| {
            b.throughput(Throughput::Elements(LEN.into()));
            b.iter_batched_ref(
                || same.to_vec(),
                |values| values.sort_unstable(),
                BatchSize::SmallInput,
            );
        }),
    ]
}

sevbench::main!(sort, benches());
