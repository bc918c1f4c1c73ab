//! Pure: finds a window of bytes by a rolling fingerprint, so that the searcher need not hold the
//! secret.

/// The length of a secret, which is that of the window.
pub(crate) const SECRET_LEN: usize = 64;
/// Pages of zeros are skipped in one comparison.
const ZERO_PAGE: [u8; 4096] = [0; 4096];
/// The polynomial's base: odd, so that no byte is shifted out (2⁶⁴ divided by the golden ratio).
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;
/// BASE to the power of the window's length: the weight of the byte that leaves the window.
const LEAVING: u64 = power(BASE, SECRET_LEN);

/// The fingerprint of a window: the polynomial of its bytes in [`BASE`], modulo 2⁶⁴ (Karp and Rabin
/// 1987). Different windows may share one, so a match must be confirmed.
pub(crate) fn fingerprint(window: &[u8; SECRET_LEN]) -> u64 {
    window.iter().fold(0, |hash, byte| roll_in(hash, *byte))
}

/// Calls `visit` with the position of each window that has this fingerprint, at any alignment, in
/// ascending order. Zeros have fingerprint 0; they are skipped.
pub(crate) fn visit_candidates(bytes: &[u8], wanted: u64, mut visit: impl FnMut(usize)) {
    let Some((first, _)) = bytes.split_first_chunk::<SECRET_LEN>() else { return };
    let mut hash = fingerprint(first);
    if hash == wanted {
        visit(0);
    }
    let mut next = SECRET_LEN;
    while next < bytes.len() {
        // After a window of zeros the fingerprint stays 0 for as long as there are zeros.
        if hash == 0
            && bytes[next..].starts_with(&ZERO_PAGE)
            && is_zero(&bytes[next - SECRET_LEN..next])
        {
            next += ZERO_PAGE.len();
            continue;
        }
        let run_end = bytes.len().min(next + ZERO_PAGE.len());
        let leaving = &bytes[next - SECRET_LEN..run_end - SECRET_LEN];
        for (index, (entering, leaving)) in bytes[next..run_end].iter().zip(leaving).enumerate() {
            hash = roll_in(hash, *entering).wrapping_sub(u64::from(*leaving).wrapping_mul(LEAVING));
            if hash == wanted {
                visit(next + index + 1 - SECRET_LEN);
            }
        }
        next = run_end;
    }
}

/// Whether all bytes are zero.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(ZERO_PAGE.len()).all(|piece| *piece == ZERO_PAGE[..piece.len()])
}

const fn roll_in(hash: u64, byte: u8) -> u64 {
    hash.wrapping_mul(BASE).wrapping_add(byte as u64)
}

const fn power(base: u64, exponent: usize) -> u64 {
    let (mut result, mut done) = (1_u64, 0);
    while done < exponent {
        result = result.wrapping_mul(base);
        done += 1;
    }
    result
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    fn candidates(bytes: &[u8], wanted: u64) -> Vec<usize> {
        let mut found = Vec::new();
        visit_candidates(bytes, wanted, |place| found.push(place));
        found
    }

    fn by_comparison(bytes: &[u8], window: &[u8]) -> Vec<usize> {
        let windows = bytes.windows(SECRET_LEN).enumerate();
        windows.filter(|(_, found)| *found == window).map(|(place, _)| place).collect()
    }

    fn window() -> [u8; SECRET_LEN] {
        std::array::from_fn(|index| (index * 37 + 11) as u8)
    }

    #[test]
    fn window_is_found_at_every_position_around_zero_pages() {
        for place in [0, 1, 63, 4000, 4095, 4096, 8129, 12_288 - SECRET_LEN] {
            let mut bytes = vec![0; 12_288];
            bytes[place..place + SECRET_LEN].copy_from_slice(&window());
            assert_eq!(candidates(&bytes, fingerprint(&window())), [place]);
        }
        assert!(candidates(&[1; SECRET_LEN - 1], 7).is_empty());
        assert!(candidates(&[], 7).is_empty());
    }

    #[test]
    fn repeated_window_is_found_once_per_repetition() {
        let bytes = window().repeat(5);
        assert_eq!(candidates(&bytes, fingerprint(&window())), [0, 64, 128, 192, 256]);
    }

    proptest! {
        #[test]
        fn candidates_match_a_naive_comparison(
            pieces in proptest::collection::vec((any::<u8>(), 0_usize..6000, any::<bool>()), 0..6),
        ) {
            let mut bytes = Vec::new();
            for (filler, len, planted) in pieces {
                // Often zero, so that pages of zeros occur.
                bytes.extend(std::iter::repeat_n(filler & filler.wrapping_mul(7) & 3, len));
                if planted {
                    bytes.extend(window());
                }
            }
            prop_assert_eq!(candidates(&bytes, fingerprint(&window())), by_comparison(&bytes, &window()));
        }
    }
}
