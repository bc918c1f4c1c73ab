//! Checks the generators against published outputs, and the indices against the bytes they come
//! from.

use super::*;

/// From the reference implementation, prng.di.unimi.it/splitmix64.c.
#[test]
fn splitmix64_matches_reference_implementation() {
    let mut words = SplitMix64(1_234_567);
    let known = [
        6_457_827_717_110_365_317,
        3_203_168_211_198_807_973,
        9_817_491_932_198_370_423,
        4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
    ];
    assert_eq!(known.map(|_| words.next()), known);
}

/// From the reference implementation, prng.di.unimi.it/xoshiro256plusplus.c, with the state 1, 2,
/// 3, 4.
#[test]
fn every_lane_matches_reference_xoshiro256plusplus() {
    let known = [
        41_943_041,
        58_720_359,
        3_588_806_011_781_223,
        3_591_011_842_654_386,
        9_228_616_714_210_784_205,
        9_973_669_472_204_895_162,
        14_011_001_112_246_962_877,
        12_406_186_145_184_390_807,
        15_849_039_046_786_891_736,
        10_450_023_813_501_588_000,
    ];
    let mut lanes = Lanes { state: [[1; LANES], [2; LANES], [3; LANES], [4; LANES]] };
    assert_eq!(known.map(|_| lanes.next()), known.map(|output| [output; LANES]));
}

/// Stored runs depend on this stream.
#[test]
fn streams_of_seeds_and_blocks_never_change() {
    let first = |seed, block| Lanes::new(seed, block).next()[0];
    assert_eq!(
        [first(0, 0), first(1, 0), first(1, 1)],
        [4_526_510_421_850_589_242, 4_577_072_067_518_496_145, 7_928_412_762_150_994_209]
    );
}

#[test]
fn indices_are_the_masked_bytes_below_the_count() {
    for count in [1, 2, 3, 64, 65, 100, 128, 129, 200, 255, 256] {
        let mut buffer = [0; 1000];
        let len = Lanes::new(5, 7).append_indices(count, &mut buffer, 3);
        let mut lanes = Lanes::new(5, 7);
        let mut expected = vec![0; 3];
        while expected.len() + STEP_BYTES <= buffer.len() {
            let bytes = lanes.next().into_iter().flat_map(u64::to_le_bytes).map(usize::from);
            let masked = bytes.map(|byte| byte % count.next_power_of_two());
            expected.extend(masked.filter(|index| *index < count).map(|index| index as u8));
        }
        assert_eq!(buffer[..len], expected, "{count}");
    }
}

#[test]
fn wide_indices_are_the_masked_halves_below_the_count() {
    for count in [257, 300, 512, 70_000] {
        let mut buffer = [0; 1000];
        let len = Lanes::new(9, 0).append_wide_indices(count, &mut buffer, 2);
        let mut lanes = Lanes::new(9, 0);
        let mut expected = vec![0; 2];
        while expected.len() + 2 * LANES <= buffer.len() {
            let halves = lanes.next().into_iter().flat_map(|x| [x & 0xFFFF_FFFF, x >> 32]);
            let masked = halves.map(|half| half as usize % count.next_power_of_two());
            expected.extend(masked.filter(|index| *index < count).map(|index| index as u32));
        }
        assert_eq!(buffer[..len], expected, "{count}");
    }
}

/// χ² of a million indices has 99 and 299 degrees of freedom, mean n − 1 and standard deviation
/// √(2(n − 1)).
#[test]
fn indices_are_uniform() {
    let mut counts = [0.0; 100];
    let mut buffer = vec![0; 1_000_000 + STEP_BYTES];
    let len = Lanes::new(1, 0).append_indices(100, &mut buffer, 0);
    for index in &buffer[..len] {
        counts[usize::from(*index)] += 1.0;
    }
    check_uniform(&counts, len as f64);
    let mut counts = [0.0; 300];
    let mut buffer = vec![0; 1_000_000];
    let len = Lanes::new(1, 0).append_wide_indices(300, &mut buffer, 0);
    for index in &buffer[..len] {
        counts[*index as usize] += 1.0;
    }
    check_uniform(&counts, len as f64);
}

#[track_caller]
fn check_uniform(counts: &[f64], total: f64) {
    let expected = total / counts.len() as f64;
    let chi_squared: f64 = counts.iter().map(|c| (c - expected).powi(2) / expected).sum();
    let degrees_of_freedom = counts.len() as f64 - 1.0;
    assert!(
        (chi_squared - degrees_of_freedom).abs() < 4.0 * (2.0 * degrees_of_freedom).sqrt(),
        "{chi_squared}"
    );
}
