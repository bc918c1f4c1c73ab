//! Tests of the coverage of intervals, by simulation with fixed seeds: the offered methods keep
//! their promise, and the rejected ones fail.
//!
//! With 2,000 repetitions, a share of 95 % has a standard error of 0.5 points.
//! `cargo run --release -p sevbench-validation --bin coverage` makes 10,000 repetitions with every
//! method, generator and size.

use sevbench_reports::{Estimand, Verdict};
use sevbench_validation::experiments::{Experiment, LATENCY_BOOTS, SIZES, VERDICT_BOOTS};
use sevbench_validation::gates::{Gate, Lines};
use sevbench_validation::generators::{Boots, Noise};
use sevbench_validation::methods::{BootsMethod, LatencyMethod, PairsMethod};
use sevbench_validation::regimes::Regime;
use sevbench_validation::stopping::Stopping;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;

const REPETITIONS: u64 = 2_000;
/// For slow methods that are far off.
const REPETITIONS_ROUGH: u64 = 400;
/// The accepted coverage of a nominal 95 % interval, in per cent.
const BAND: RangeInclusive<f64> = 93.0..=97.0;

#[track_caller]
fn check(experiment: Experiment, band: RangeInclusive<f64>) {
    check_by(REPETITIONS, experiment, band);
}

#[track_caller]
fn check_by(repetitions: u64, experiment: Experiment, band: RangeInclusive<f64>) {
    let count = experiment.count(repetitions, NonZeroUsize::MIN);
    let found = 100.0 * count as f64 / repetitions as f64;
    assert!(band.contains(&found), "{experiment:?}: {found} %, not in {band:?}");
}

#[test]
fn t_and_fieller_cover_pairs_with_shared_drift() {
    for n in SIZES {
        check(Experiment::Pairs(PairsMethod::T, Noise::Normal, n), BAND);
        check(Experiment::Pairs(PairsMethod::Fieller, Noise::Normal, n), BAND);
    }
}

#[test]
fn yuen_covers_with_any_noise() {
    for noise in Noise::ALL {
        for n in [5, 12, 20] {
            check(Experiment::Pairs(PairsMethod::Yuen, noise, n), BAND);
        }
    }
}

/// The mean log ratio includes the tail, which few pairs show. The robust interval exists for that.
#[test]
fn one_sided_tail_costs_t_and_fieller_coverage() {
    for method in [PairsMethod::T, PairsMethod::Fieller] {
        check(Experiment::Pairs(method, Noise::Spikes, 12), 70.0..=88.0);
        check(Experiment::Pairs(method, Noise::Lognormal, 12), 86.0..=93.0);
    }
}

#[test]
fn bootstraps_undercover_with_few_boots() {
    check(Experiment::Pairs(PairsMethod::Percentile, Noise::Normal, 5), 80.0..=87.0);
    check(Experiment::Boots(BootsMethod::Percentile, Boots::WithEffect, 5), 80.0..=87.0);
    check(Experiment::Pairs(PairsMethod::Bca, Noise::Normal, 5), 80.0..=87.0);
}

#[test]
fn rejected_methods_fail() {
    check(Experiment::Pairs(PairsMethod::TukeyDelete, Noise::Normal, 5), 80.0..=90.0);
    check(Experiment::Pairs(PairsMethod::TukeyDelete, Noise::Spikes, 30), 0.0..=30.0);
    let unpaired = Experiment::Pairs(PairsMethod::UnpairedPercentile, Noise::Normal, 12);
    check_by(REPETITIONS_ROUGH, unpaired, 98.5..=100.0);
    check(Experiment::Boots(BootsMethod::NaiveT, Boots::WithEffect, 12), 55.0..=75.0);
    check(Experiment::Boots(BootsMethod::NaiveT, Boots::Autocorrelated, 12), 70.0..=90.0);
    let pooled = Experiment::Latency(LatencyMethod::PooledBootstrap);
    check_by(REPETITIONS_ROUGH, pooled, 35.0..=60.0);
}

#[test]
fn t_on_boot_means_covers_boot_effects_and_autocorrelated_rounds() {
    for boots in [Boots::WithEffect, Boots::Autocorrelated] {
        for n in SIZES {
            check(Experiment::Boots(BootsMethod::T, boots, n), BAND);
        }
    }
}

#[test]
fn percentile_ratios_cover_by_boots_and_by_the_jackknife() {
    check(Experiment::Latency(LatencyMethod::T), BAND);
    check(Experiment::Latency(LatencyMethod::Jackknife), BAND);
    assert_eq!(LATENCY_BOOTS, 10);
}

#[test]
fn two_stages_cover_and_repeated_looks_do_not() {
    for n in [10, 40] {
        check(Experiment::Stopping(Stopping::TwoStage, Noise::Normal, n), BAND);
    }
    // Runs that end in time have the small first spreads. Alone, they cover a little less.
    for n in [20, 50] {
        check(Experiment::Stopping(Stopping::CutOff, Noise::Normal, n), 91.5..=97.0);
    }
    check(Experiment::Stopping(Stopping::FirstSignificant, Noise::Normal, 30), 10.0..=40.0);
}

/// With σ = 2 %, a margin of 3 % and ten boots.
#[test]
fn verdicts_err_as_often_as_promised() {
    assert_eq!(VERDICT_BOOTS, 10);
    for (permille, verdict, band) in [
        (0, Verdict::NoChange, 98.0..=100.0),
        (30, Verdict::Regressed, 3.5..=6.5),
        (45, Verdict::Regressed, 64.0..=72.0),
        (60, Verdict::Regressed, 98.0..=100.0),
    ] {
        check(Experiment::Verdict(verdict, permille), band);
    }
}

/// If neither the mean nor the median boot is beyond the margin, the default gate seldom fails.
#[test]
fn gates_keep_their_promise_for_every_kind_of_boots() {
    for regime in Regime::ALL {
        for (count, boots) in [(1, 10), (10, 10), (10, 30)] {
            let (judge, lines) = (Estimand::Both, Lines::AtMargin);
            let gate = Experiment::Gate(Gate { judge, regime, lines, count, boots });
            // 5 %, and three standard errors.
            check(gate, 0.0..=6.5);
        }
        let (judge, lines, count, boots) = (Estimand::Both, Lines::AtMargin, 50, 13);
        check(Experiment::Gate(Gate { judge, regime, lines, count, boots }), 0.0..=6.5);
    }
}

/// The mean alone is another promise: with a mode of the control's own, it needs more boots.
#[test]
fn gate_on_the_typical_boot_keeps_its_level_where_the_mean_does_not() {
    let gate = |judge| {
        let (regime, lines) = (Regime::SlowControl, Lines::AtMargin);
        Experiment::Gate(Gate { judge, regime, lines, count: 10, boots: 10 })
    };
    check(gate(Estimand::Mean), 35.0..=45.0);
    check(gate(Estimand::Typical), 0.0..=6.5);
}

#[test]
fn gate_finds_twice_the_margin() {
    for (count, band) in [(1, 98.5..=100.0), (10, 83.5..=89.0), (50, 56.5..=64.0)] {
        let (judge, regime) = (Estimand::Both, Regime::Normal);
        let lines = Lines::OneSlower(6);
        check(Experiment::Gate(Gate { judge, regime, lines, count, boots: 10 }), band);
    }
}

#[test]
fn thread_count_does_not_change_the_result() {
    for experiment in [
        Experiment::Pairs(PairsMethod::Yuen, Noise::Lognormal, 5),
        Experiment::Boots(BootsMethod::Percentile, Boots::WithEffect, 12),
    ] {
        let counts = [1, 2, 8]
            .map(|threads| experiment.count(120, NonZeroUsize::new(threads).expect("threads")));
        assert_eq!(counts[0], counts[1]);
        assert_eq!(counts[0], counts[2]);
    }
}

/// The true values behind the coverage figures, checked by simulation.
#[test]
fn truths_match_the_generators() {
    let mut source = sevbench_validation::generators::Source::new(1, 0);
    for noise in Noise::ALL {
        const PAIRS: usize = 20_000;
        let pairs: Vec<(f64, f64)> = (0..PAIRS).map(|_| noise.pair(&mut source)).collect();
        let mut logs: Vec<f64> = pairs.iter().map(|(x, y)| (y / x).ln()).collect();
        let truth = noise.truth();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let error = 4.0 * truth.deviation / (PAIRS as f64).sqrt();
        assert!((mean(&logs) - truth.mean.value()).abs() < error, "{noise}");
        logs.sort_unstable_by(f64::total_cmp);
        let trimmed = mean(&logs[PAIRS / 5..PAIRS - PAIRS / 5]);
        assert!((trimmed - truth.trimmed.value()).abs() < error, "{noise}: {trimmed}");
        let sides: (f64, f64) = pairs.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
        assert!((sides.1 / sides.0 - truth.ratio).abs() < 2.0 * error, "{noise}");
    }
}
