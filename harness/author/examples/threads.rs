//! Several threads: a message that goes to another thread and back. The body starts the thread, and
//! ends it.
//!
//! `cargo run --release -p sevbench --example threads -- --bench --quick`

use sevbench::{Bench, Bencher, Skip};
use std::sync::mpsc::channel;
use std::thread;

fn round_trip(b: &mut Bencher<'_>) -> Result<(), Skip> {
    if thread::available_parallelism().is_ok_and(|cpus| cpus.get() < 2) {
        return Err(Skip::new("this guest has one CPU", "set vcpus to 2 or more"));
    }
    let (request, requests) = channel();
    let (answer, answers) = channel();
    let echo = thread::spawn(move || requests.iter().all(|n: u64| answer.send(n).is_ok()));
    b.iter(|| {
        request.send(1).expect("the thread waits for messages");
        answers.recv().expect("the thread answers each of them")
    });
    // Its loop ends with the channel.
    drop(request);
    echo.join().expect("the thread has not panicked");
    Ok(())
}

sevbench::main!(threads, [Bench::new("round-trip", round_trip)]);
