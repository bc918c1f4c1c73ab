//! Checks resamples against their definition, across processors, and for any split among threads.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use std::thread;

const COUNTS: [usize; 14] = [2, 3, 11, 30, 63, 64, 65, 100, 127, 128, 129, 200, 256, 300];

/// A fixed, spread-out set of values.
fn replicates(count: usize) -> Vec<LogRatio> {
    (0..count).map(|i| LogRatio((i as f64 * 0.618_033_988_75).fract().powi(3) - 0.2)).collect()
}

fn bits(means: &[LogRatio]) -> Vec<u64> {
    means.iter().map(|mean| mean.0.to_bits()).collect()
}

/// Each resample sums the values at the next indices of its block's stream.
#[test]
fn means_match_the_index_stream() {
    for count in [COUNTS.as_slice(), &[2000]].concat() {
        let values = replicates(count);
        let mut means = vec![LogRatio(0.0); Resampler::BLOCK];
        Resampler::new(&values, 3).unwrap().fill(2, &mut means);
        let mut indices = vec![0; count * means.len() + STEP_BYTES];
        if count > BYTE_VALUES_MAX {
            Lanes::new(3, 2).append_wide_indices(count, &mut indices, 0);
        } else {
            let mut bytes = vec![0; indices.len()];
            Lanes::new(3, 2).append_indices(count, &mut bytes, 0);
            indices = bytes.into_iter().map(u32::from).collect();
        }
        for (mean, indices) in means.iter().zip(indices.chunks(count)) {
            let sum: f64 = indices.iter().map(|index| values[*index as usize].0).sum();
            assert!((mean.0 - sum / count as f64).abs() < 3e-8, "{count}");
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn avx512_and_plain_loops_give_equal_sums() {
    for count in COUNTS {
        let codes = Resampler::new(&replicates(count), 1).unwrap().codes;
        let Some(wide) = Wide::new(&codes) else {
            eprintln!("skipped: this processor has no AVX-512");
            return;
        };
        for len in [1, 2, 100, Resampler::BLOCK] {
            let (mut plain, mut fast) = (vec![0; len], vec![0; len]);
            draw(&Simple { codes: &codes }, &codes, Lanes::new(1, 9), &mut plain);
            draw(&wide, &codes, Lanes::new(1, 9), &mut fast);
            assert_eq!(plain, fast, "{count} codes, {len} sums");
        }
    }
}

#[test]
fn largest_sums_do_not_overflow() {
    for count in [2, 128, 256, 300] {
        let mut sums = [0; 50];
        let codes = vec![CODE_MAX as u32; count];
        draw(&Simple { codes: &codes }, &codes, Lanes::new(1, 0), &mut sums);
        assert_eq!(sums, [CODE_MAX as u64 * count as u64; 50]);
        #[cfg(target_arch = "x86_64")]
        if let Some(wide) = Wide::new(&codes) {
            draw(&wide, &codes, Lanes::new(1, 0), &mut sums);
            assert_eq!(sums, [CODE_MAX as u64 * count as u64; 50]);
        }
    }
}

#[test]
fn means_do_not_depend_on_the_number_of_threads() {
    let blocks = 11;
    for count in [30, 300] {
        let resampler = Resampler::new(&replicates(count), 5).unwrap();
        let mut expected = vec![LogRatio(0.0); blocks * Resampler::BLOCK - 100];
        resampler.fill(0, &mut expected);
        for threads in [1, 2, 8] {
            let mut means = vec![LogRatio(0.0); expected.len()];
            let share = blocks.div_ceil(threads);
            thread::scope(|scope| {
                for (index, part) in means.chunks_mut(share * Resampler::BLOCK).enumerate() {
                    let resampler = &resampler;
                    scope.spawn(move || resampler.fill((index * share) as u32, part));
                }
            });
            assert_eq!(bits(&means), bits(&expected), "{threads} threads");
        }
    }
}

/// A resampled mean has the values' variance (with the divisor n) ÷ n. Neighbours are independent.
#[test]
fn means_have_the_moments_of_the_bootstrap() {
    for count in [12, 100, 300] {
        let values = replicates(count);
        let n = count as f64;
        let center = values.iter().map(|x| x.0).sum::<f64>() / n;
        let variance = values.iter().map(|x| (x.0 - center).powi(2)).sum::<f64>() / n / n;
        let mut means = vec![LogRatio(0.0); 40_000];
        Resampler::new(&values, 11).unwrap().fill(0, &mut means);
        let total = means.len() as f64;
        let deviations: Vec<f64> = means.iter().map(|mean| mean.0 - center).collect();
        let shift = deviations.iter().sum::<f64>() / total / variance.sqrt();
        let spread = deviations.iter().map(|d| d * d).sum::<f64>() / total / variance;
        let tied = deviations.windows(2).map(|d| d[0] * d[1]).sum::<f64>() / total / variance;
        // Four standard errors: 1/√N, √(2/N), 1/√N.
        assert!(shift.abs() < 0.02, "{count}: {shift}");
        assert!((spread - 1.0).abs() < 0.03, "{count}: {spread}");
        assert!(tied.abs() < 0.02, "{count}: {tied}");
    }
}
