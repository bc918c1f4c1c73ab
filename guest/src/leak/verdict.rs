//! Pure: what a dump says about a secret. "Not found" alone proves nothing, so the verdict says why
//! it was not found.

use super::fingerprint::{SECRET_LEN, is_zero};
use super::report::SecretReport;
use serde::Serialize;
use sevbench_text::counted;
use std::fmt;

/// Pearson's χ² of the frequencies of 256 byte values has 255 degrees of freedom. Uniformly random
/// bytes fall outside this range twice in a million cases (Wilson and Hilferty 1931, at 10⁻⁶ on
/// either side).
const UNIFORM: std::ops::RangeInclusive<f64> = 161.5..=377.3;
/// The test needs at least five expected occurrences of each value.
const UNIFORM_LEN_MIN: usize = 5 * 256;

/// The four verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum LeakVerdict {
    /// The secret was found.
    #[serde(rename = "plaintext")]
    Plaintext,
    /// The secret's pages read as zeros, or cannot be read.
    #[serde(rename = "absent: unmapped or zero")]
    UnmappedOrZero,
    /// The secret's pages hold bytes that look random.
    #[serde(rename = "absent: ciphertext")]
    Ciphertext,
    /// The dump does not cover the memory that holds the secret, or that is not certain.
    #[serde(rename = "absent: not this guest's memory")]
    NotThisGuest,
}

impl fmt::Display for LeakVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plaintext => "plaintext",
            Self::UnmappedOrZero => "absent: unmapped or zero",
            Self::Ciphertext => "absent: ciphertext",
            Self::NotThisGuest => "absent: not this guest's memory",
        })
    }
}

/// What a dump shows.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    /// The size of the guest's memory.
    pub(crate) memory_len: u64,
    /// The length of the dump, readable or not.
    pub(crate) dump_len: u64,
    pub(crate) nonzero_len: u64,
    /// How often the secret was found.
    pub(crate) hits: u64,
    pub(crate) pages: SecretPages,
}

/// The pages that hold the secret, according to the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretPages {
    /// Their location in the dump is unknown, for this reason.
    Unknown(String),
    /// Their content; `None` for a page that cannot be read.
    Read(Vec<Option<Vec<u8>>>),
}

impl SecretPages {
    /// How many pages start with the secret; `None` if their location is unknown.
    pub(crate) fn count_holding(&self, secret: &SecretReport) -> Option<usize> {
        let Self::Read(pages) = self else { return None };
        let holds = |page: &&Vec<u8>| {
            page.first_chunk::<SECRET_LEN>().is_some_and(|first| secret.is_secret(first))
        };
        Some(pages.iter().flatten().filter(holds).count())
    }
}

/// The verdict, and its reason as part of a sentence.
pub(crate) fn judge(evidence: &Evidence) -> (LeakVerdict, String) {
    let Evidence { memory_len, dump_len, nonzero_len, hits, pages } = evidence;
    if *hits > 0 {
        return (LeakVerdict::Plaintext, format!("found {}", counted(*hits, "time")));
    }
    if *dump_len == 0 {
        return (LeakVerdict::NotThisGuest, "the dump is empty".into());
    }
    if dump_len < memory_len {
        return (LeakVerdict::NotThisGuest, "the dump is smaller than the guest's memory".into());
    }
    match pages {
        SecretPages::Unknown(_) if *nonzero_len == 0 => {
            (LeakVerdict::UnmappedOrZero, "the whole dump reads as zeros".into())
        }
        SecretPages::Unknown(reason) => (LeakVerdict::NotThisGuest, reason.clone()),
        SecretPages::Read(pages) => judge_pages(pages),
    }
}

fn judge_pages(pages: &[Option<Vec<u8>>]) -> (LeakVerdict, String) {
    let unreadable = pages.iter().filter(|page| page.is_none()).count();
    let held: Vec<&[u8]> = pages.iter().flatten().map(Vec::as_slice).collect();
    let zero = held.iter().filter(|page| is_zero(page)).count();
    let count = pages.len();
    if unreadable + zero == count {
        let reason = format!(
            "of the secret's {count} pages, {zero} are zero and {unreadable} cannot be read"
        );
        return (LeakVerdict::UnmappedOrZero, reason);
    }
    if unreadable + zero > 0 {
        let reason = format!(
            "of the secret's {count} pages, {zero} are zero, {unreadable} cannot be read, and the rest hold \
             other data"
        );
        return (LeakVerdict::NotThisGuest, reason);
    }
    let len: usize = held.iter().map(|page| page.len()).sum();
    let chi_square = chi_square(&held);
    let (low, high) = (UNIFORM.start(), UNIFORM.end());
    let figures = format!("χ² of the bytes in the secret's pages is {chi_square:.1}");
    if len >= UNIFORM_LEN_MIN && UNIFORM.contains(&chi_square) {
        let reason = format!("{figures}: uniformly random (expected {low} to {high})");
        return (LeakVerdict::Ciphertext, reason);
    }
    let reason = format!("{figures}: other data (ciphertext would have {low} to {high})");
    (LeakVerdict::NotThisGuest, reason)
}

/// Pearson's χ² of the frequencies of the byte values against equal frequencies.
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

    /// Pages like those of a cipher, the same in each run.
    fn random_pages() -> Vec<Option<Vec<u8>>> {
        let blocks = |page: u32| (0..128_u32).map(move |block| page << 16 | block);
        let page = |page| blocks(page).flat_map(|n| Sha256::digest(n.to_le_bytes())).collect();
        (0..16).map(|number| Some(page(number))).collect()
    }

    fn pages(page: &[u8]) -> Vec<Option<Vec<u8>>> {
        vec![Some(page.to_vec()); 16]
    }

    fn judged(pages: Vec<Option<Vec<u8>>>) -> LeakVerdict {
        let pages = SecretPages::Read(pages);
        judge(&Evidence { pages, ..evidence() }).0
    }

    fn evidence() -> Evidence {
        let pages = SecretPages::Unknown("nobody says".into());
        Evidence { memory_len: 1 << 30, dump_len: 1 << 30, nonzero_len: 9, hits: 0, pages }
    }

    #[test]
    fn any_hit_is_plaintext() {
        for dump_len in [64, 1 << 30] {
            let found = Evidence { hits: 1, dump_len, ..evidence() };
            assert_eq!(judge(&found).0, LeakVerdict::Plaintext);
        }
    }

    #[test]
    fn random_pages_are_ciphertext() {
        assert_eq!(judged(random_pages()), LeakVerdict::Ciphertext);
    }

    #[test]
    fn zero_and_unreadable_pages_are_unmapped_or_zero() {
        assert_eq!(judged(pages(&[0; 4096])), LeakVerdict::UnmappedOrZero);
        assert_eq!(judged(vec![None; 16]), LeakVerdict::UnmappedOrZero);
        let mut mixed = pages(&[0; 4096]);
        mixed[3] = None;
        assert_eq!(judged(mixed), LeakVerdict::UnmappedOrZero);
        let all_zero = Evidence { nonzero_len: 0, ..evidence() };
        assert_eq!(judge(&all_zero).0, LeakVerdict::UnmappedOrZero);
    }

    #[test]
    fn other_data_is_not_this_guests_memory() {
        let text = b"the quick brown fox jumps over the lazy dog. ".repeat(92);
        let counter: Vec<u8> = (0..4096).map(|n| n as u8).collect();
        // A cipher without a tweak would turn the repeated secret into this; it cannot be told
        // apart from other data.
        let repeated = Sha256::digest(b"block").repeat(128);
        for page in [&text[..4096], &counter, &repeated, &[0xff; 4096]] {
            assert_eq!(judged(pages(page)), LeakVerdict::NotThisGuest);
        }
        let mut random_but_one = random_pages();
        random_but_one[7] = None;
        assert_eq!(judged(random_but_one), LeakVerdict::NotThisGuest);
        let short = vec![Some(Sha256::digest(b"short").to_vec())];
        assert_eq!(judged(short), LeakVerdict::NotThisGuest);
    }

    #[test]
    fn small_dump_or_unknown_location_is_not_this_guest() {
        for (dump_len, reason) in
            [(0, "empty"), ((1 << 30) - 1, "smaller"), (1 << 30, "nobody says")]
        {
            let (verdict, why) = judge(&Evidence { dump_len, ..evidence() });
            assert_eq!(verdict, LeakVerdict::NotThisGuest);
            assert!(why.contains(reason), "{why}");
        }
    }

    #[test]
    fn chi_square_matches_closed_forms() {
        assert_eq!(chi_square(&[&[7; 256]]), 255.0 * 256.0);
        let each: Vec<u8> = (0..=255).collect();
        assert_eq!(chi_square(&[&each, &each]), 0.0);
    }

    proptest! {
        #[test]
        fn any_pages_are_judged_without_a_panic(
            pages in proptest::collection::vec(
                proptest::option::of(proptest::collection::vec(any::<u8>(), 0..100)), 0..5,
            ),
        ) {
            let _ = judged(pages);
        }
    }
}
