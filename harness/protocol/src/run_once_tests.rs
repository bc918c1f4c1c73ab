//! Tests of what a body may do, and of how its mistakes are reported.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::batch_size::BatchSize;
use crate::bench::Bench;
use crate::bencher::Bencher;
use crate::observation::Observation;
use crate::skip::Skip;
use crate::suite::Suite;
use crate::unit::Unit;
use std::cell::Cell;
use std::rc::Rc;

fn answer_of(bench: Bench) -> BenchAnswer {
    run_once(&Suite::new("s", [bench]).unwrap().cases()[0])
}

#[track_caller]
fn check_failure(bench: Bench, words: &str) {
    let answer = answer_of(bench);
    assert!(
        matches!(&answer, BenchAnswer::Failed(message) if message.contains(words)),
        "no `{words}` in {answer:?}"
    );
}

#[test]
fn body_must_measure() {
    check_failure(Bench::new("idle", |_| ()), "call Bencher::iter");
    check_failure(Bench::program("idle", |_| ()), "call Observer::observe");
}

#[test]
fn skip_passes_on_reason_and_hint() {
    let skipped = BenchAnswer::Skipped { reason: "no disk".into(), hint: "add one".into() };
    let answer = answer_of(Bench::new("skips", |_| Err(Skip::new("no disk", "add one"))));
    assert_eq!(answer, skipped);
    let answer = answer_of(Bench::program("skips", |_| Err(Skip::new("no disk", "add one"))));
    assert_eq!(answer, skipped);
    assert_eq!(
        answer_of(Bench::new("measures", |b| {
            b.iter(|| ());
            Ok::<(), Skip>(())
        })),
        BenchAnswer::Finished
    );
}

#[test]
fn skip_after_measuring_is_a_failure() {
    let late = Bench::new("late", |b| {
        b.iter(|| ());
        Err(Skip::new("no disk", "add one"))
    });
    check_failure(late, "after it had measured: no disk");
}

#[test]
#[should_panic(expected = "only once")]
fn body_may_not_measure_twice() {
    answer_of(Bench::new("twice", |b| {
        b.iter(|| ());
        b.iter(|| ());
    }));
}

#[test]
fn external_program_gets_a_duration() {
    let program = Bench::program("program", |o| {
        o.observe(|duration| {
            assert!(!duration.is_zero());
            Ok(vec![Observation::rate("rate", 1.0, Unit::Iops)])
        });
    });
    assert_eq!(answer_of(program), BenchAnswer::Finished);
}

#[test]
fn external_program_must_report_positive_figures() {
    let nothing = Bench::program("program", |o| o.observe(|_| Ok(Vec::<Observation>::new())));
    check_failure(nothing, "no observation");
    let zero = Bench::program("program", |o| {
        o.observe(|_| Ok(vec![Observation::rate("r", 0.0, Unit::Iops)]));
    });
    check_failure(zero, "positive");
    let fails = Bench::program("program", |o| {
        o.observe(|_| Err::<Vec<Observation>, _>(std::io::Error::other("it broke").into()));
    });
    check_failure(fails, "it broke");
}

/// What one sample of `iterations` did to its inputs and outputs.
#[derive(Default)]
struct Counts {
    made: Cell<u64>,
    seen: Cell<u64>,
    dropped: Cell<u64>,
    /// The most inputs that existed at once.
    most: Cell<u64>,
}

struct Input(Rc<Counts>);

impl Input {
    fn new(counts: &Rc<Counts>) -> Self {
        counts.made.set(counts.made.get() + 1);
        let alive = counts.made.get() - counts.dropped.get();
        counts.most.set(counts.most.get().max(alive));
        Self(Rc::clone(counts))
    }

    fn see(&self) {
        self.0.seen.set(self.0.seen.get() + 1);
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.0.dropped.set(self.0.dropped.get() + 1);
    }
}

/// Requests one sample of this many iterations.
struct SampleLink(u64);

impl Link for SampleLink {
    fn exchange(&mut self, answer: BenchAnswer) -> BenchRequest {
        match answer {
            BenchAnswer::Ready(_) => {
                BenchRequest::Measure(Measure { lead_in: 0, iterations: self.0, samples: 1 })
            }
            _ => BenchRequest::Finish,
        }
    }
}

#[test]
fn batched_routine_sees_each_input_once() {
    const ITERATIONS: u64 = 1_005;
    for (size, most) in [
        (BatchSize::SmallInput, 101),
        (BatchSize::LargeInput, 2),
        (BatchSize::PerIteration, 1),
        (BatchSize::NumBatches(2), 503),
        (BatchSize::NumIterations(10), 10),
    ] {
        for by_reference in [false, true] {
            let counts = Rc::new(Counts::default());
            let mut link = SampleLink(ITERATIONS);
            let mut bencher = Bencher::new(&mut link, None, DataFiles::default());
            if by_reference {
                bencher.iter_batched_ref(|| Input::new(&counts), |input| input.see(), size);
            } else {
                bencher.iter_batched(
                    || Input::new(&counts),
                    |input| {
                        input.see();
                        input
                    },
                    size,
                );
            }
            let Counts { made, seen, dropped, most: found } = &*counts;
            let all = [made.get(), seen.get(), dropped.get(), found.get()];
            assert_eq!(all, [ITERATIONS, ITERATIONS, ITERATIONS, most], "{size:?} {by_reference}");
        }
    }
}

#[test]
fn custom_routine_times_itself() {
    let mut link = SampleLink(7);
    let mut bencher = Bencher::new(&mut link, None, DataFiles::default());
    let mut asked = Vec::new();
    bencher.iter_custom(|iterations| {
        asked.push(iterations);
        Duration::from_secs(iterations)
    });
    assert_eq!(asked, [7]);
}
