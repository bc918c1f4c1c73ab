//! SHA-256 of an executable file, and of the one that this process runs.

use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};

/// This process's own executable, even if its file was replaced after the start.
pub const OWN_EXECUTABLE: &str = "/proc/self/exe";

/// How much is hashed at once. The agent must stay small, so it never reads a whole file.
const PIECE_LEN: usize = 64 << 10;

/// Hash and length of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDigest {
    /// SHA-256, in hex.
    pub sha256: String,
    /// The file's length.
    pub len_bytes: u64,
}

/// SHA-256 of this process's own executable, in hex.
///
/// # Errors
/// If it cannot be read.
pub fn sha256_of_self() -> io::Result<String> {
    Ok(digest_of(&mut File::open(OWN_EXECUTABLE)?)?.sha256)
}

/// Hashes everything from the reader's position to its end.
///
/// # Errors
/// If it cannot be read.
pub fn digest_of(file: &mut impl Read) -> io::Result<FileDigest> {
    let mut hash = Sha256::new();
    let mut len_bytes = 0;
    let mut piece = [0; PIECE_LEN];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(FileDigest { sha256: hex(&hash.finalize()), len_bytes }),
            len => {
                hash.update(&piece[..len]);
                len_bytes += len as u64;
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn digest_matches_the_published_test_vector() {
        // FIPS 180-2, appendix B.1.
        let digest = digest_of(&mut &b"abc"[..]).unwrap();
        assert_eq!(digest.len_bytes, 3);
        assert_eq!(
            digest.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn own_executable_has_a_hash() {
        assert_eq!(sha256_of_self().unwrap().len(), 64);
    }
}
