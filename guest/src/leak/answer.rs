//! Pure: what a dump says of a secret. "Not found" alone says nothing: the answer says why.

use super::fingerprint::is_zero;
use serde::Serialize;
use std::fmt;

/// Pearson's χ² of the frequencies of 256 byte values has 255 degrees of freedom. Uniformly random bytes are outside of
/// this range twice in a million cases (Wilson and Hilferty 1931, at 10⁻⁶ on either side).
const UNIFORM: std::ops::RangeInclusive<f64> = 161.5..=377.3;
/// Below five expected a value, the test says nothing.
const UNIFORM_LEN_MIN: usize = 5 * 256;

/// The four answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Answer {
    /// The secret was found.
    #[serde(rename = "plaintext")]
    Plaintext,
    /// The secret's pages read as zeros, or cannot be read.
    #[serde(rename = "absent: unmapped or zero")]
    UnmappedOrZero,
    /// The secret's pages hold what looks random.
    #[serde(rename = "absent: ciphertext")]
    Ciphertext,
    /// The dump is not, or not for certain, of the memory that holds the secret.
    #[serde(rename = "absent: not this guest's memory")]
    NotThisGuest,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plaintext => "plaintext",
            Self::UnmappedOrZero => "absent: unmapped or zero",
            Self::Ciphertext => "absent: ciphertext",
            Self::NotThisGuest => "absent: not this guest's memory",
        })
    }
}

/// What was seen in a dump.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    /// The size of the guest's memory.
    pub(crate) memory_len: u64,
    /// What the dump covers, readable or not.
    pub(crate) dump_len: u64,
    pub(crate) nonzero_len: u64,
    /// How often the secret was found.
    pub(crate) hits: u64,
    pub(crate) place: Place,
}

/// What stands where the secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Where that is cannot be said, for this reason.
    Unknown(String),
    /// Its pages; none for one that cannot be read.
    Pages(Vec<Option<Vec<u8>>>),
}

/// The answer, and the reason for it in a sentence's part.
pub(crate) fn judge(evidence: &Evidence) -> (Answer, String) {
    let Evidence { memory_len, dump_len, nonzero_len, hits, place } = evidence;
    if *hits > 0 {
        return (Answer::Plaintext, format!("found {hits} times"));
    }
    if *dump_len == 0 {
        return (Answer::NotThisGuest, "the dump is empty".into());
    }
    if dump_len < memory_len {
        return (Answer::NotThisGuest, "the dump is smaller than the guest's memory".into());
    }
    match place {
        Place::Unknown(_) if *nonzero_len == 0 => {
            (Answer::UnmappedOrZero, "the whole dump reads as zeros".into())
        }
        Place::Unknown(reason) => (Answer::NotThisGuest, reason.clone()),
        Place::Pages(pages) => judge_pages(pages),
    }
}

fn judge_pages(pages: &[Option<Vec<u8>>]) -> (Answer, String) {
    let unreadable = pages.iter().filter(|page| page.is_none()).count();
    let held: Vec<&[u8]> = pages.iter().flatten().map(Vec::as_slice).collect();
    let zero = held.iter().filter(|page| is_zero(page)).count();
    let count = pages.len();
    if unreadable + zero == count {
        let reason =
            format!("of its {count} pages {zero} are zero and {unreadable} cannot be read");
        return (Answer::UnmappedOrZero, reason);
    }
    if unreadable + zero > 0 {
        let reason = format!(
            "of its {count} pages {zero} are zero, {unreadable} cannot be read, and the rest holds something else"
        );
        return (Answer::NotThisGuest, reason);
    }
    let len: usize = held.iter().map(|page| page.len()).sum();
    let chi_square = chi_square(&held);
    let (low, high) = (UNIFORM.start(), UNIFORM.end());
    let figures = format!("χ² of the bytes in its place is {chi_square:.1}");
    if len >= UNIFORM_LEN_MIN && UNIFORM.contains(&chi_square) {
        let reason = format!("{figures}: uniformly random, for which {low} to {high} is expected");
        return (Answer::Ciphertext, reason);
    }
    let reason = format!("{figures}: other data, since ciphertext would have {low} to {high}");
    (Answer::NotThisGuest, reason)
}

/// Pearson's χ² of the byte values' frequencies against equal ones.
fn chi_square(pieces: &[&[u8]]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in pieces.iter().copied().flatten() {
        counts[usize::from(*byte)] += 1;
    }
    let len: usize = pieces.iter().map(|piece| piece.len()).sum();
    let expected = len as f64 / counts.len() as f64;
    counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    /// As a cipher makes them, and the same each time.
    fn random_pages() -> Vec<Option<Vec<u8>>> {
        let blocks = |page: u32| (0..128_u32).map(move |block| page << 16 | block);
        let page = |page| blocks(page).flat_map(|n| Sha256::digest(n.to_le_bytes())).collect();
        (0..16).map(|number| Some(page(number))).collect()
    }

    fn pages(page: &[u8]) -> Vec<Option<Vec<u8>>> {
        vec![Some(page.to_vec()); 16]
    }

    fn judged(pages: Vec<Option<Vec<u8>>>) -> Answer {
        let place = Place::Pages(pages);
        judge(&Evidence { place, ..evidence() }).0
    }

    fn evidence() -> Evidence {
        let place = Place::Unknown("nobody says".into());
        Evidence { memory_len: 1 << 30, dump_len: 1 << 30, nonzero_len: 9, hits: 0, place }
    }

    #[test]
    fn what_was_found_is_plaintext_wherever_it_was() {
        for dump_len in [64, 1 << 30] {
            let found = Evidence { hits: 1, dump_len, ..evidence() };
            assert_eq!(judge(&found).0, Answer::Plaintext);
        }
    }

    #[test]
    fn random_bytes_are_ciphertext() {
        assert_eq!(judged(random_pages()), Answer::Ciphertext);
    }

    #[test]
    fn zeros_and_holes_are_zero_or_unmapped() {
        assert_eq!(judged(pages(&[0; 4096])), Answer::UnmappedOrZero);
        assert_eq!(judged(vec![None; 16]), Answer::UnmappedOrZero);
        let mut mixed = pages(&[0; 4096]);
        mixed[3] = None;
        assert_eq!(judged(mixed), Answer::UnmappedOrZero);
        let all_zero = Evidence { nonzero_len: 0, ..evidence() };
        assert_eq!(judge(&all_zero).0, Answer::UnmappedOrZero);
    }

    #[test]
    fn other_data_is_not_this_guests_memory() {
        let text = b"the quick brown fox jumps over the lazy dog. ".repeat(92);
        let counter: Vec<u8> = (0..4096).map(|n| n as u8).collect();
        // What a cipher without a tweak would make of a repeated secret is not to be told from other data.
        let repeated = Sha256::digest(b"block").repeat(128);
        for page in [&text[..4096], &counter, &repeated, &[0xff; 4096]] {
            assert_eq!(judged(pages(page)), Answer::NotThisGuest);
        }
        let mut random_but_one = random_pages();
        random_but_one[7] = None;
        assert_eq!(judged(random_but_one), Answer::NotThisGuest);
        let short = vec![Some(Sha256::digest(b"short").to_vec())];
        assert_eq!(judged(short), Answer::NotThisGuest);
    }

    #[test]
    fn a_dump_that_is_too_small_or_of_an_unknown_place_says_nothing() {
        for (dump_len, reason) in
            [(0, "empty"), ((1 << 30) - 1, "smaller"), (1 << 30, "nobody says")]
        {
            let (answer, why) = judge(&Evidence { dump_len, ..evidence() });
            assert_eq!(answer, Answer::NotThisGuest);
            assert!(why.contains(reason), "{why}");
        }
    }

    #[test]
    fn chi_square_has_its_closed_forms() {
        assert_eq!(chi_square(&[&[7; 256]]), 255.0 * 256.0);
        let each: Vec<u8> = (0..=255).collect();
        assert_eq!(chi_square(&[&each, &each]), 0.0);
    }

    proptest! {
        #[test]
        fn pages_of_any_kind_are_no_panic(
            pages in proptest::collection::vec(
                proptest::option::of(proptest::collection::vec(any::<u8>(), 0..100)), 0..5,
            ),
        ) {
            let _ = judged(pages);
        }
    }
}
