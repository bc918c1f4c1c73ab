//! From criterion's groups to a suite of sevbench's benches.

use crate::pass::{self, Listed, USAGE};
use sevbench::{Bench, Bencher, OutputToError, bench_main};
use std::process::ExitCode;

/// The `main` of a bench executable. [`criterion_main!`](crate::criterion_main) calls it.
#[doc(hidden)]
pub fn run_groups(suite: &'static str, groups: &'static [fn()]) -> ExitCode {
    bench_main(suite, Benches(groups))
}

/// The benches of these groups. A process that needs no list, such as an SSH server, makes none.
struct Benches(&'static [fn()]);

impl IntoIterator for Benches {
    type Item = Bench;
    type IntoIter = std::vec::IntoIter<Bench>;

    fn into_iter(self) -> Self::IntoIter {
        let Self(groups) = self;
        let benches: Vec<Bench> =
            list(groups).into_iter().map(|listed| bench(groups, listed)).collect();
        benches.into_iter()
    }
}

/// Lists the benches of the groups. Ends the process if they cannot be measured.
fn list(groups: &[fn()]) -> Vec<Listed> {
    // What groups print would be taken for a list, or for the first words of an agent.
    let redirected = OutputToError::begin();
    let listing = pass::list(groups);
    drop(redirected);
    if let Some(reason) = listing.refused {
        eprintln!("error: {reason}");
        std::process::exit(USAGE);
    }
    if !listing.ignored.is_empty() && is_measuring() {
        let calls: Vec<&str> = listing.ignored.into_iter().collect();
        eprintln!(
            "note: these calls of criterion have no meaning here and are ignored: {}; --boots, \
             --rounds and --measurement-time set how much is measured",
            calls.join(", ")
        );
    }
    listing.benches
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
