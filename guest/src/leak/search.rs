//! Searches a dump chunk by chunk, since it may be far larger than our memory.

use super::SecretReport;
use super::dump::{Dump, Piece};
use super::fingerprint::{SECRET_LEN, is_zero, visit_candidates};
use std::io;

/// How much is read at once.
const CHUNK_LEN: usize = 1 << 20;
/// The end of a chunk that is kept, for windows that continue in the next chunk.
const OVERLAP_LEN: usize = SECRET_LEN - 1;
/// The unit in which non-zero pages are counted.
const PAGE_LEN: usize = 4096;
/// How much is shown on either side of the first hit.
const AROUND_LEN: u64 = 32;

/// The result of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchResult {
    /// Bytes that could be read.
    pub read_len: u64,
    /// Bytes that could not be read.
    pub unreadable_len: u64,
    /// Bytes that are not zero.
    pub nonzero_len: u64,
    /// Pages of 4 KiB that are not all zero.
    pub nonzero_pages: u64,
    /// How often the secret was found.
    pub hits: u64,
    /// The first hit.
    pub first: Option<Hit>,
}

/// A place where the secret was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its address in the process.
    pub address: u64,
    /// The address of `around`, up to 32 bytes before the hit.
    pub around_address: u64,
    /// The secret, and up to 32 bytes on either side.
    pub around: Vec<u8>,
}

/// Searches for the secret at every alignment. Calls `progress` after each chunk with the number of
/// bytes searched so far; it can end the search.
pub fn search(
    dump: &Dump,
    secret: &SecretReport,
    progress: &mut dyn FnMut(u64) -> io::Result<()>,
) -> io::Result<SearchResult> {
    let mut result = SearchResult::default();
    let mut buffer = vec![0; OVERLAP_LEN + CHUNK_LEN];
    for segment in &dump.segments {
        let (mut into, mut kept_len) = (0, 0);
        while into < segment.len {
            match dump.read(segment, into, &mut buffer[kept_len..kept_len + CHUNK_LEN]) {
                Piece::Held(len) => {
                    result.count(&buffer[kept_len..kept_len + len]);
                    let start = segment.address.wrapping_add(into).wrapping_sub(kept_len as u64);
                    let held = &buffer[..kept_len + len];
                    visit_candidates(held, secret.fingerprint, |place| {
                        if secret.is_secret(&held[place..place + SECRET_LEN]) {
                            result.hit(start.wrapping_add(place as u64));
                        }
                    });
                    let end = kept_len + len;
                    kept_len = end.min(OVERLAP_LEN);
                    buffer.copy_within(end - kept_len..end, 0);
                    into += len as u64;
                }
                Piece::Unreadable(len) => {
                    result.unreadable_len += len;
                    kept_len = 0;
                    into += len;
                }
            }
            progress(result.read_len + result.unreadable_len)?;
        }
    }
    if let Some(hit) = &mut result.first {
        hit.look_around(dump);
    }
    Ok(result)
}

impl SearchResult {
    fn count(&mut self, bytes: &[u8]) {
        self.read_len += bytes.len() as u64;
        for page in bytes.chunks(PAGE_LEN).filter(|page| !is_zero(page)) {
            self.nonzero_pages += 1;
            self.nonzero_len += page.iter().filter(|byte| **byte != 0).count() as u64;
        }
    }

    fn hit(&mut self, address: u64) {
        self.hits += 1;
        self.first.get_or_insert(Hit { address, around_address: address, around: Vec::new() });
    }

    /// The share of the read bytes that is not zero.
    pub fn nonzero_share(&self) -> f64 {
        if self.read_len == 0 { 0.0 } else { self.nonzero_len as f64 / self.read_len as f64 }
    }
}

impl Hit {
    /// Reads as much around the hit as the dump holds.
    fn look_around(&mut self, dump: &Dump) {
        for (before, after) in [(AROUND_LEN, AROUND_LEN), (0, AROUND_LEN), (AROUND_LEN, 0), (0, 0)]
        {
            let mut around = vec![0; before as usize + SECRET_LEN + after as usize];
            let Some(start) = self.address.checked_sub(before) else { continue };
            if dump.read_exact_at(start, &mut around) {
                (self.around_address, self.around) = (start, around);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::super::segment::Segment;
    use super::*;
    use std::io::Write;

    const SECRET: [u8; SECRET_LEN] = {
        let mut secret = [0; SECRET_LEN];
        let mut index = 0;
        while index < SECRET_LEN {
            secret[index] = (index as u8).wrapping_mul(91) ^ 0x5a;
            index += 1;
        }
        secret
    };

    /// A dump of these segments (address and bytes), and an unreadable hole of one and a half
    /// pages.
    fn dump(segments: &[(u64, &[u8])]) -> Dump {
        let mut file = tempfile::tempfile().unwrap();
        let mut listed = Vec::new();
        let mut file_offset = 0;
        for (address, bytes) in segments {
            file.write_all(bytes).unwrap();
            let len = bytes.len() as u64;
            listed.push(Segment { address: *address, len, file_offset });
            file_offset += len;
        }
        listed.push(Segment { address: 1 << 40, len: 6144, file_offset: 1 << 50 });
        Dump::new(file, listed)
    }

    fn searched(dump: &Dump) -> SearchResult {
        search(dump, &SecretReport::new(&SECRET, 4096, None), &mut |_| Ok(())).unwrap()
    }

    #[test]
    fn secret_across_a_chunk_border_is_found_once() {
        for place in [CHUNK_LEN - 63, CHUNK_LEN - 32, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN - 64] {
            let mut bytes = vec![0; 2 * CHUNK_LEN + 100];
            bytes[place..place + SECRET_LEN].copy_from_slice(&SECRET);
            let result = searched(&dump(&[(0x1000, &bytes)]));
            assert_eq!((result.hits, result.read_len), (1, bytes.len() as u64));
            let hit = result.first.unwrap();
            assert_eq!(
                (hit.address, hit.around_address),
                (0x1000 + place as u64, hit.address - 32)
            );
            assert_eq!(hit.around.len(), 128);
            assert_eq!(hit.around[32..96], SECRET);
        }
    }

    #[test]
    fn secret_split_over_segments_is_no_hit_and_holes_are_counted() {
        let (head, tail) = SECRET.split_at(30);
        let result = searched(&dump(&[(0x1000, head), (0x101e, tail)]));
        assert_eq!((result.hits, result.read_len, result.unreadable_len), (0, 64, 6144));
        assert_eq!(result.nonzero_len, SECRET.iter().filter(|byte| **byte != 0).count() as u64);
        assert_eq!(result.nonzero_pages, 2);
    }

    #[test]
    fn hit_at_the_edge_is_shown_with_the_bytes_available() {
        let result = searched(&dump(&[(0x1000, &SECRET)]));
        assert_eq!(result.first.unwrap().around, SECRET);
        let then = [&SECRET[..], &[1; 40]].concat();
        let hit = searched(&dump(&[(0, &then)])).first.unwrap();
        assert_eq!((hit.address, hit.around_address, hit.around.len()), (0, 0, 96));
    }

    #[test]
    fn window_with_only_the_fingerprint_is_no_hit() {
        let report = SecretReport::new(&SECRET, 4096, None);
        let line = serde_json::to_string(&report).unwrap();
        let (head, rest) = line.split_once("\"sha256\":[").unwrap();
        let (_, rest) = rest.split_once(',').unwrap();
        let (_, rest) = rest.split_once(',').unwrap();
        let other = SecretReport::parse(&format!("{head}\"sha256\":[1,2,{rest}")).unwrap();
        assert_ne!(other, report);
        let result = search(&dump(&[(0x1000, &SECRET)]), &other, &mut |_| Ok(())).unwrap();
        assert_eq!((result.hits, result.first), (0, None));
    }

    #[test]
    fn progress_can_end_the_search() {
        let mut stop = |_| Err(io::ErrorKind::TimedOut.into());
        let secret = SecretReport::new(&SECRET, 4096, None);
        assert!(search(&dump(&[(0, &SECRET)]), &secret, &mut stop).is_err());
    }
}
