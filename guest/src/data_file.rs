//! A file that a bench needs inside the guest.

use crate::regular_file::open_regular;
use sevbench_facts::{FileDigest, digest_of};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The bit of a file's mode that lets its owner execute it.
const OWNER_EXECUTES: u32 = 0o100;

/// A file of this machine that is copied into guests as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Where it is on this machine.
    pub path: PathBuf,
    /// SHA-256 of its content, in hex.
    pub sha256: String,
    /// Its length.
    pub len_bytes: u64,
    /// Whether its owner may execute it.
    pub is_executable: bool,
}

impl DataFile {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or is no regular file.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut file = open_regular(path)?;
        let metadata = file.metadata()?;
        // A device may never end.
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let is_executable = metadata.mode() & OWNER_EXECUTES != 0;
        let FileDigest { sha256, len_bytes } = digest_of(&mut file)?;
        Ok(Self { path: path.into(), sha256, len_bytes, is_executable })
    }
}
