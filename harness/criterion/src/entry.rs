//! From criterion's groups to a suite of sevbench's benches.

use crate::pass::{self, Listed};
use sevbench::{Bench, Bencher, bench_main};
use std::process::ExitCode;

/// The exit status for benches that cannot be measured here.
const USAGE: u8 = 2;

/// The `main` of a bench executable. [`criterion_main!`](crate::criterion_main) calls it.
#[doc(hidden)]
pub fn run_groups(suite: &'static str, groups: &'static [fn()]) -> ExitCode {
    let listing = pass::list(groups);
    if let Some(reason) = listing.refused {
        eprintln!("error: {reason}");
        return ExitCode::from(USAGE);
    }
    if !listing.ignored.is_empty() && is_measuring() {
        let calls: Vec<&str> = listing.ignored.into_iter().collect();
        eprintln!(
            "note: these calls of criterion have no meaning here and are ignored: {}; --boots, \
             --rounds and --measurement-time set how much is measured",
            calls.join(", ")
        );
    }
    bench_main(suite, listing.benches.into_iter().map(|listed| bench(groups, listed)))
}

/// Whether this process will measure, and neither lists nor tests nor serves.
fn is_measuring() -> bool {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    has("--bench") && !has("--list") && !has("--test")
}

fn bench(groups: &'static [fn()], listed: Listed) -> Bench {
    let Listed { id, config } = listed;
    let wanted = id.clone();
    let mut bench = Bench::new(id, move |bencher: &mut Bencher<'_>| {
        assert!(
            pass::run(groups, &wanted, bencher),
            "the groups have no bench `{wanted}` any more"
        );
    });
    if let Some(time) = config.warm_up_time {
        bench = bench.warm_up_time(time);
    }
    if let Some(time) = config.measurement_time {
        bench = bench.measurement_time(time);
    }
    match config.confidence_level {
        Some(level) => bench.confidence_level(level),
        None => bench,
    }
}
