//! Series of each class, as benches produce them, over many fixed seeds.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SEEDS: u64 = 200;

/// The noise of one iteration, as a share of its time.
const NOISE: f64 = 0.01;

/// Standard normal by Box and Muller.
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// A series of `len` times around `level`, with normal noise.
fn around(seed: u64, len: usize, level: impl Fn(usize) -> f64) -> Vec<Cost> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut noisy = |index| Cost::new(level(index) * (1.0 + NOISE * normal(&mut random))).unwrap();
    (0..len).map(&mut noisy).collect()
}

fn class(series: &[Cost]) -> SteadyClass {
    classify(series).unwrap().class
}

/// The share of seeds whose series has the expected class.
fn share(expected: SteadyClass, series: impl Fn(u64) -> Vec<Cost>) -> f64 {
    let hits = (0..SEEDS).filter(|seed| class(&series(*seed)) == expected).count();
    hits as f64 / SEEDS as f64
}

#[test]
fn unchanging_series_is_flat() {
    for len in [10, 40, 150] {
        assert_eq!(share(SteadyClass::Flat, |seed| around(seed, len, |_| 250.0)), 1.0, "{len}");
    }
    let equal = [Cost::new(5.0).unwrap(); 50];
    assert_eq!(
        classify(&equal),
        Some(SteadyState { class: SteadyClass::Flat, steady_from: Some(0) })
    );
}

#[test]
fn stepwise_speedup_is_a_warm_up_until_its_last_step() {
    for seed in 0..SEEDS {
        let level = |i| {
            if i < 20 {
                900.0
            } else if i < 60 {
                400.0
            } else {
                300.0
            }
        };
        let state = classify(&around(seed, 150, level)).unwrap();
        assert_eq!(state.class, SteadyClass::WarmUp, "seed {seed}");
        assert!(state.steady_from.unwrap().abs_diff(60) <= 1, "seed {seed}: {state:?}");
    }
}

#[test]
fn cold_first_iteration_and_decaying_start_are_warm_ups() {
    for seed in 0..SEEDS {
        let cold = classify(&around(seed, 60, |i| if i == 0 { 150.0 } else { 100.0 })).unwrap();
        assert_eq!(cold.class, SteadyClass::WarmUp, "seed {seed}");
        assert!((1..=2).contains(&cold.steady_from.unwrap()), "seed {seed}: {cold:?}");
        let decay = |i| 100.0 * (1.0 + 2.0 * (-(i as f64) / 10.0).exp());
        let decay = classify(&around(seed, 150, decay)).unwrap();
        assert_eq!(decay.class, SteadyClass::WarmUp, "seed {seed}");
        assert!((20..90).contains(&decay.steady_from.unwrap()), "seed {seed}: {decay:?}");
    }
}

#[test]
fn series_that_becomes_slower_is_a_slowdown() {
    let throttled = |seed| around(seed, 150, |i| if i < 50 { 100.0 } else { 130.0 });
    assert_eq!(share(SteadyClass::Slowdown, throttled), 1.0);
    let faster_between = |seed| {
        around(seed, 150, |i| {
            if i < 20 {
                200.0
            } else if i < 70 {
                90.0
            } else {
                100.0
            }
        })
    };
    assert_eq!(share(SteadyClass::Slowdown, faster_between), 1.0);
    let fast_first = |seed| around(seed, 60, |i| if i == 0 { 70.0 } else { 100.0 });
    assert_eq!(share(SteadyClass::Slowdown, fast_first), 1.0);
}

#[test]
fn late_change_and_cycles_have_no_steady_state() {
    let late = |seed| around(seed, 200, |i| if i < 165 { 100.0 } else { 110.0 });
    assert_eq!(share(SteadyClass::NoSteadyState, late), 1.0);
    let cycles = |seed| around(seed, 210, |i| if i / 30 % 2 == 0 { 100.0 } else { 120.0 });
    assert_eq!(share(SteadyClass::NoSteadyState, cycles), 1.0);
    assert!(!is_steady(&late(1)) && !is_steady(&cycles(1)));
}

#[test]
fn drift_is_never_flat() {
    let drift = |slope: f64| move |seed| around(seed, 300, move |i| 100.0 + slope * i as f64);
    assert_eq!(share(SteadyClass::Flat, drift(0.1)), 0.0);
    assert_eq!(share(SteadyClass::WarmUp, drift(0.1)), 0.0);
    assert!(share(SteadyClass::NoSteadyState, drift(1.0)) > 0.95);
}

#[test]
fn change_below_one_percent_is_flat() {
    let small = |seed| {
        let mut series = around(seed, 300, |i| if i < 150 { 100.0 } else { 100.6 });
        // With a tenth of the noise, the change is found but is too small to matter.
        for (index, cost) in series.iter_mut().enumerate() {
            let level = if index < 150 { 100.0 } else { 100.6 };
            *cost = Cost::new(level + (cost.value() - level) / 10.0).unwrap();
        }
        series
    };
    assert_eq!(changepoints(&small(1), changepoint_penalty(300)), [150]);
    assert_eq!(share(SteadyClass::Flat, small), 1.0);
}

/// Disturbs one iteration in twelve, which then takes up to five times as long. The first one is
/// spared: it would look like a cold start.
fn with_spikes(seed: u64, mut series: Vec<Cost>) -> Vec<Cost> {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0xfeed);
    for cost in &mut series[1..] {
        if random.random_bool(1.0 / 12.0) {
            *cost = Cost::new(cost.value() * random.random_range(1.1..5.0)).unwrap();
        }
    }
    series
}

#[test]
fn spikes_do_not_change_the_class() {
    let spiky = |seed| with_spikes(seed, around(seed, 200, |_| 100.0));
    let flat = share(SteadyClass::Flat, spiky);
    assert!(flat >= 0.98, "{flat}");
    let steady = (0..SEEDS).filter(|seed| is_steady(&spiky(*seed))).count();
    assert_eq!(steady as u64, SEEDS);
    let drop = |seed| with_spikes(seed, around(seed, 200, |i| if i < 60 { 150.0 } else { 100.0 }));
    let warm_up = share(SteadyClass::WarmUp, drop);
    assert!(warm_up >= 0.98, "{warm_up}");
}

#[test]
fn correlated_noise_is_flat() {
    let correlated = |seed| {
        let mut state = 0.0;
        let noise: Vec<Cost> = around(seed, 150, |_| 1.0);
        let next = |cost: &Cost| {
            state = 0.5 * state + (cost.value() - 1.0);
            Cost::new(100.0 * (1.0 + state)).unwrap()
        };
        noise.iter().map(next).collect()
    };
    let flat = share(SteadyClass::Flat, correlated);
    assert!(flat >= 0.98, "{flat}");
}

#[test]
fn short_series_have_no_class_and_long_ones_are_steady_by_their_end() {
    assert_eq!(classify(&around(1, 9, |_| 1.0)), None);
    assert!(!is_steady(&around(1, 9, |_| 1.0)) && is_steady(&around(1, 10, |_| 1.0)));
    let long = around(1, 3000, |i| if i < 2400 { 3.0 } else { 2.0 });
    assert!(is_steady(&long));
    assert_eq!(class(&long), SteadyClass::NoSteadyState);
}

#[test]
fn classes_print_the_published_words() {
    let classes =
        [SteadyClass::Flat, SteadyClass::WarmUp, SteadyClass::Slowdown, SteadyClass::NoSteadyState];
    let words = classes.map(|class| class.to_string());
    assert_eq!(words, ["flat", "warm-up", "slowdown", "no steady state"]);
}

proptest! {
    #[test]
    fn series_of_ten_or_more_have_a_class_and_a_consistent_start(
        values in proptest::collection::vec(1e-9_f64..1e9, 0..80),
    ) {
        let series: Vec<Cost> = values.iter().map(|value| Cost::new(*value).unwrap()).collect();
        match classify(&series) {
            None => prop_assert!(series.len() < 10),
            Some(SteadyState { class, steady_from: None }) => {
                prop_assert_eq!(class, SteadyClass::NoSteadyState);
            }
            Some(SteadyState { class, steady_from: Some(start) }) => {
                prop_assert!(4 * start < 3 * series.len());
                prop_assert_eq!(class == SteadyClass::Flat, start == 0);
            }
        }
    }
}
