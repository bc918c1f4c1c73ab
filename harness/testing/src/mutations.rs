//! Short fuzzing with the same inputs each time: valid inputs, damaged at random.

use crate::announce::count_faults;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The most changes to one input.
const CHANGES_MAX: u32 = 6;
/// The longest piece that a change inserts, repeats or removes.
const PIECE_LEN_MAX: usize = 64;
/// The longest input.
const INPUT_LEN_MAX: usize = 1 << 16;
/// Texts at which parsers break.
const ODD: [&[u8]; 16] = [
    b"",
    b"-1",
    b"0",
    b"18446744073709551615",
    b"18446744073709551616",
    b"1e308",
    b"1e999",
    b"NaN",
    b"null",
    b"[]",
    b"{}",
    b"\"",
    b"\\u0000",
    b"\x00",
    b"\xff\xfe",
    "\u{202e}\u{1b}[31m".as_bytes(),
];

/// Shows the input at which a target panicked.
struct Shown<'a>(&'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input was: {}", self.0.escape_ascii());
        }
    }
}

/// Calls a target with each seed, and with this many inputs made from them. Prints how many it
/// tried. A target panics to report a fault.
pub fn fuzz(name: &str, seeds: &[&[u8]], inputs: u32, target: impl Fn(&[u8])) {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let tried = |input: &[u8]| {
        let _shown = Shown(input);
        target(input);
    };
    seeds.iter().for_each(|seed| tried(seed));
    for _ in 0..inputs {
        let mut input = pick(&mut random, seeds).to_vec();
        for _ in 0..random.random_range(1..=CHANGES_MAX) {
            change(&mut input, seeds, &mut random);
        }
        input.truncate(INPUT_LEN_MAX);
        tried(&input);
    }
    count_faults(inputs as usize + seeds.len(), &format!("damaged {name} tried"));
}

fn change(input: &mut Vec<u8>, seeds: &[&[u8]], random: &mut impl Rng) {
    let start = random.random_range(0..=input.len());
    let end = (start + random.random_range(0..=PIECE_LEN_MAX)).min(input.len());
    let piece = input[start..end].to_vec();
    match random.random_range(0..8) {
        0 if start < input.len() => input[start] ^= 1 << random.random_range(0..8),
        1 if start < input.len() => input[start] = random.random(),
        2 => drop(input.splice(start..end, [])),
        3 => drop(input.splice(start..start, piece)),
        4 => drop(input.splice(start..end, pick(random, &ODD).iter().copied())),
        5 => input.truncate(start),
        6 => replace_number(input, start, random),
        _ => {
            let other = pick(random, seeds);
            let from = random.random_range(0..=other.len());
            let piece = &other[from..(from + PIECE_LEN_MAX).min(other.len())];
            drop(input.splice(start..start, piece.iter().copied()));
        }
    }
}

/// Replaces the next number after a place.
fn replace_number(input: &mut Vec<u8>, place: usize, random: &mut impl Rng) {
    let Some(start) = input[place..].iter().position(u8::is_ascii_digit) else { return };
    let start = place + start;
    let len = input[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = match random.random_range(0..3) {
        0 => random.random::<u64>().to_string(),
        1 => random.random_range(0..4).to_string(),
        _ => String::from_utf8_lossy(pick(random, &ODD[1..7])).into_owned(),
    };
    drop(input.splice(start..start + len, number.into_bytes()));
}

fn pick<'a>(random: &mut impl Rng, of: &[&'a [u8]]) -> &'a [u8] {
    of[random.random_range(0..of.len())]
}
