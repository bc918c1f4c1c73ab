//! Benches with known outcomes, for the tests of the whole path.

use sevbench::{
    Bench, Bencher, Observation, Observed, Observer, Skip, Throughput, Unit, black_box,
};
use std::process::Command;
use std::time::Duration;

/// CPU-bound: a chain of multiplications, hardly affected by memory or the other core.
fn spin(b: &mut Bencher<'_>) {
    b.operations(1_000);
    b.iter(|| {
        (0..1_000_u64)
            .fold(black_box(1_u64), |x, i| x.wrapping_mul(6_364_136_223_846_793_005) ^ black_box(i))
    });
}

fn rate(b: &mut Bencher<'_>) {
    b.throughput(Throughput::Elements(64));
    b.iter(|| (0..64_u64).map(black_box).sum::<u64>());
}

fn panics(b: &mut Bencher<'_>) {
    b.iter(|| assert!(black_box(1) > 1, "one is not above one"));
}

fn wrong_result(b: &mut Bencher<'_>) {
    b.iter(|| black_box(1) + 1);
    panic!("a wrong byte at offset 7");
}

fn never_returns(b: &mut Bencher<'_>) {
    b.iter(|| std::thread::sleep(Duration::from_secs(3600)));
}

fn skips(_: &mut Bencher<'_>) -> Result<(), Skip> {
    Err(Skip::new("this guest has no flux capacitor", "add one"))
}

/// A bench that reports its own figures, as one that runs an external program does.
fn program(o: &mut Observer<'_>) {
    o.observe(|duration| {
        std::thread::sleep(duration);
        let bandwidth = Observation::rate("bandwidth", 1e9, Unit::BytesPerSecond);
        Ok(Observed::from(vec![bandwidth]).measured_for(duration))
    });
}

fn ends_the_process(b: &mut Bencher<'_>) {
    b.iter(|| {
        eprintln!("this is the last output");
        std::process::exit(9)
    });
}

/// Prints and reads, and lets a child do the same. None of it may reach the protocol.
fn noisy(b: &mut Bencher<'_>) {
    println!("a body prints");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("standard input is empty");
    assert_eq!(line, "");
    let script = "echo a child prints; cat";
    assert!(Command::new("sh").args(["-c", script]).status().expect("a shell").success());
    b.iter(|| black_box(1) + 1);
}

/// Finds nothing of the coordinator's environment, as in a guest.
fn fresh_environment(b: &mut Bencher<'_>) {
    let inherited = std::env::var_os("SEVBENCH_HOME").or(std::env::var_os("TMPDIR"));
    assert_eq!(inherited, None);
    b.iter(|| black_box(1) + 1);
}

/// Fails with much more text than anyone reads.
fn boasts(b: &mut Bencher<'_>) {
    b.iter(|| black_box(1) + 1);
    panic!("{}", "boast ".repeat(1_000_000));
}

/// Reads a file of the machine that it was built on.
fn lacks_its_file(b: &mut Bencher<'_>) {
    let corpus = std::fs::read("Cargo.toml").expect("the corpus");
    b.iter(|| black_box(&corpus).len());
}

/// Reads a file that it declares, and that is copied to where it runs.
fn reads_its_file(b: &mut Bencher<'_>) {
    let manifest = std::fs::read_to_string(b.file("Cargo.toml")).expect("it was copied");
    assert!(manifest.contains("[package]"));
    b.iter(|| black_box(&manifest).lines().count());
}

/// Long enough to be interrupted in its middle.
fn slow(b: &mut Bencher<'_>) {
    b.iter(|| std::thread::sleep(Duration::from_millis(200)));
}

fn benches() -> [Bench; 15] {
    [
        Bench::new("spin", spin),
        Bench::new("rate", rate),
        Bench::new("own-settings", rate).rounds(2).confidence_level(0.8),
        Bench::program("program", program),
        Bench::new("slow", slow),
        Bench::new("panics", panics),
        Bench::new("wrong-result", wrong_result),
        Bench::new("never-returns", never_returns),
        Bench::new("skips", skips),
        Bench::new("ends-the-process", ends_the_process),
        Bench::new("noisy", noisy),
        Bench::new("boasts", boasts),
        Bench::new("fresh-environment", fresh_environment),
        Bench::new("lacks-its-file", lacks_its_file),
        Bench::new("reads-its-file", reads_its_file).file("Cargo.toml"),
    ]
}

sevbench::main!(trials, benches());
