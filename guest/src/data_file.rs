//! A file that a bench needs inside the guest.

use crate::regular_file::open_regular;
use sevbench_facts::{FileDigest, digest_of};
use std::io;
use std::path::{Path, PathBuf};

/// A file of this machine that is copied into guests as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Where it is on this machine.
    pub path: PathBuf,
    /// SHA-256 of its content, in hex.
    pub sha256: String,
    /// Its length.
    pub len_bytes: u64,
}

impl DataFile {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or is no regular file.
    pub fn read(path: &Path) -> io::Result<Self> {
        let FileDigest { sha256, len_bytes } = digest_of(&mut open_regular(path)?)?;
        Ok(Self { path: path.into(), sha256, len_bytes })
    }
}
