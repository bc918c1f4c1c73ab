//! The cost of the analysis: of one bench and its bootstrap, against criterion in the same run, of
//! a record of a thousand benches, and of reading long records.

#![allow(missing_docs, reason = "a program")]

mod journals;
mod reading;

use criterion::{BatchSize, Criterion, SamplingMode};
use journals::{Extent, write_journal};
use oorandom::Rand64;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use sevbench_runner::RunRecord;
use sevbench_statistics::{Confidence, LogRatio, Resampler, bootstrap_interval};
use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RESAMPLES: usize = 100_000;
const REPLICATES: usize = 100;
/// 30 boots of 30 rounds of 112 values: 10⁵ values an arm.
const ONE_BENCH: Extent =
    Extent { benches: 1, boots: 30, rounds: 30, values: 112, latencies: true };
const VALUES: usize = ONE_BENCH.boots * ONE_BENCH.rounds * ONE_BENCH.values;
const THOUSAND: Extent =
    Extent { benches: 1_000, boots: 10, rounds: 4, values: 3, latencies: false };
/// How often the large record is analysed.
const TURNS: usize = 5;

/// Timed resamples of criterion's analysis. It takes so long that the rest is extrapolated.
const FEW_RESAMPLES: usize = 101;
const MORE_RESAMPLES: usize = 1_101;

/// Criterion's warm-up if the values are given.
const WARM_UP: Duration = Duration::from_millis(1);

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    // First, while this process is small: a child's peak memory includes that from before its exec.
    large_record(folder.path())?;
    reading::compare(folder.path())?;
    let bootstraps = bootstraps(folder.path())?;
    let exact_ns = exact(folder.path())?;
    let analyses = analyses(folder.path())?;
    println!(
        "bootstrap of the mean, {RESAMPLES} resamples, n = {REPLICATES}, one thread: criterion's \
         method {:.2} ms, ours {:.3} ms, {:.1} times as fast (goal 20)",
        bootstraps.theirs_ns / 1e6,
        bootstraps.ours_ns / 1e6,
        bootstraps.theirs_ns / bootstraps.ours_ns,
    );
    println!("exact bootstrap interval of 10 replicates: {:.3} ms (goal 0.3 ms)", exact_ns / 1e6);
    println!(
        "complete analysis of one bench, {VALUES} values an arm, p50, p99, p99.9 and bootstrap: \
         {:.2} ms on one thread (goal 10 ms)",
        analyses.ours_ns / 1e6,
    );
    println!(
        "criterion's analysis of as many values, extrapolated: {:.0} s, {:.0} times as long (goal \
         1000)",
        analyses.theirs_ns / 1e9,
        analyses.theirs_ns / analyses.ours_ns,
    );
    Ok(())
}

struct Times {
    ours_ns: f64,
    theirs_ns: f64,
}

fn bootstraps(folder: &Path) -> Result<Times, Box<dyn Error>> {
    let values = values(REPLICATES);
    let replicates: Vec<LogRatio> = values.iter().copied().map(LogRatio::new).collect();
    let resampler = Resampler::new(&replicates, 1)?;
    let ours_ns = mean_ns(folder, "bootstrap/ours", |criterion, id| {
        criterion.bench_function(id, |b| {
            b.iter_batched_ref(
                || vec![LogRatio::new(0.0); RESAMPLES],
                |means| resampler.fill(0, means),
                BatchSize::LargeInput,
            );
        });
    })?;
    let theirs_ns = mean_ns(folder, "bootstrap/criterion", |criterion, id| {
        criterion.bench_function(id, |b| b.iter(|| criterions_means(black_box(&values))));
    })?;
    Ok(Times { ours_ns, theirs_ns })
}

/// `Sample::bootstrap` of criterion 0.8.2 with the mean as the statistic, without rayon, so on one
/// thread. The module is private there. This does the same with the same generator.
fn criterions_means(sample: &[f64]) -> Vec<f64> {
    let mut rng = Rand64::new(1);
    let mut stage = vec![0.0; sample.len()];
    let mut means = Vec::new();
    for _ in 0..RESAMPLES {
        for value in &mut stage {
            let index = rng.rand_range(0..sample.len() as u64);
            *value = sample[index as usize];
        }
        means.push(stage.iter().copied().fold(0.0, |sum, x| sum + x) / stage.len() as f64);
    }
    means
}

fn exact(folder: &Path) -> Result<f64, Box<dyn Error>> {
    let replicates: Vec<LogRatio> = values(10).into_iter().map(LogRatio::new).collect();
    mean_ns(folder, "bootstrap/exact", |criterion, id| {
        criterion.bench_function(id, |b| {
            b.iter(|| bootstrap_interval(black_box(&replicates), Confidence::P95, 1));
        });
    })
}

fn analyses(folder: &Path) -> Result<Times, Box<dyn Error>> {
    let values = values(VALUES);
    let path = folder.join("run.ndjson");
    write_journal(&path, ONE_BENCH)?;
    let record = RunRecord::read(&path)?;
    let summary = record.analyze(1)?;
    let ids: Vec<String> =
        summary.comparisons.iter().map(|one| one.measurand.to_string()).collect();
    assert_eq!(ids.len(), 4, "mean, p50, p99 and p99.9: {ids:?}");
    let ours_ns = mean_ns(folder, "analysis/ours", |criterion, id| {
        criterion.bench_function(id, |b| b.iter(|| record.analyze(1)));
    })?;
    let [thousand, ten_thousand] = [1_000, 10_000].map(|count| {
        let few_ns = criterions_analysis_ns(folder, &values[..count], FEW_RESAMPLES);
        let more_ns = criterions_analysis_ns(folder, &values[..count], MORE_RESAMPLES);
        let each_ns = (more_ns - few_ns) / (MORE_RESAMPLES - FEW_RESAMPLES) as f64;
        let whole_ns = few_ns + each_ns * (RESAMPLES - FEW_RESAMPLES) as f64;
        println!("criterion's analysis of {count} values: {:.2} s", whole_ns / 1e9);
        whole_ns
    });
    // Extrapolated along the straight line through both, on the logarithmic scale.
    Ok(Times { ours_ns, theirs_ns: ten_thousand * ten_thousand / thousand })
}

/// Times `cargo sevbench analyze` as a user runs it, and measures its memory.
fn large_record(folder: &Path) -> Result<(), Box<dyn Error>> {
    let path = folder.join("large.ndjson");
    write_journal(&path, THOUSAND)?;
    let len = std::fs::metadata(&path)?.len();
    let mut shortest = Duration::MAX;
    for _ in 0..TURNS {
        let start = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-sevbench"));
        command.arg("analyze").arg(&path).args(["--format", "json"]).stdout(Stdio::null());
        if !command.status()?.success() {
            return Err("analyze failed".into());
        }
        shortest = shortest.min(start.elapsed());
    }
    println!(
        "analyze of a record of {} benches, {:.1} MB: {:.2} s (goal 1 s), {:.1} MB of memory, \
         {:.2} times the record",
        THOUSAND.benches,
        len as f64 / 1e6,
        shortest.as_secs_f64(),
        peak_bytes() / 1e6,
        peak_bytes() / len as f64,
    );
    Ok(())
}

/// The peak resident memory of the largest child.
fn peak_bytes() -> f64 {
    // SAFETY: rusage consists of numbers, for which zero is a valid value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to one rusage that outlives the call.
    unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) };
    usage.ru_maxrss as f64 * 1024.0
}

/// How long criterion takes to analyse ready-made values.
fn criterions_analysis_ns(folder: &Path, values: &[f64], resamples: usize) -> f64 {
    let mut criterion = quiet(folder).nresamples(resamples).sample_size(values.len());
    let mut group = criterion.benchmark_group("analysis");
    // Flat sampling avoids the regression, which only some of its measurements need.
    group.sampling_mode(SamplingMode::Flat).warm_up_time(WARM_UP);
    let mut given = values.iter().cycle();
    let mut started: Option<Instant> = None;
    group.bench_function(format!("criterion/{}/{resamples}", values.len()), |b| {
        b.iter_custom(|iterations| {
            if started.is_none() {
                // Its warm-up lasts until some time has passed.
                std::thread::sleep(2 * WARM_UP);
            }
            started = Some(Instant::now());
            let each_ns = 1e6 * given.next().expect("a cycle is endless").exp();
            Duration::from_nanos((each_ns * iterations as f64) as u64)
        });
    });
    started.map_or(f64::NAN, |started| started.elapsed().as_nanos() as f64)
}

fn quiet(folder: &Path) -> Criterion {
    Criterion::default().output_directory(folder).without_plots()
}

/// The mean time that criterion measures.
fn mean_ns(
    folder: &Path,
    id: &str,
    bench: impl FnOnce(&mut Criterion, &str),
) -> Result<f64, Box<dyn Error>> {
    let mut criterion = quiet(folder).nresamples(1_001).sample_size(20);
    bench(&mut criterion, id);
    let path = folder.join(id.replace('/', "_")).join("new/estimates.json");
    let estimates: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    Ok(estimates["mean"]["point_estimate"].as_f64().ok_or("criterion has no mean")?)
}

/// Log ratios around zero with a standard deviation of 2 %: sums of twelve uniform values.
fn values(count: usize) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    (0..count).map(|_| 0.02 * ((0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0)).collect()
}
