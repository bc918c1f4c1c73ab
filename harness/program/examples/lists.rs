//! A list that is made at run time, and another one in a guest than in the coordinator.

use sevbench::{Bench, Bencher, black_box};

fn add(b: &mut Bencher<'_>) {
    b.iter(|| black_box(1) + black_box(2));
}

fn benches() -> [Bench; 2] {
    // A guest gets nothing of the coordinator's environment.
    let place = match std::env::var_os("SEVBENCH_HOME") {
        Some(_) => "coordinator",
        None => "guest",
    };
    [Bench::new("everywhere", add), Bench::new(format_args!("only in the {place}"), add)]
}

sevbench::main!(lists, benches());
