//! The executable that is shipped: its hash, its architecture, and whether it is static.

use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, ReadCache, ReadRef, elf};
use sevbench_facts::{FileDigest, OWN_EXECUTABLE, digest_of};
use std::fmt;
use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A bench executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of its content, in hex.
    pub sha256: String,
    /// Its length.
    pub len_bytes: u64,
    /// The architecture that it runs on.
    pub architecture: Architecture,
    /// The dynamic loader that it needs; none if it is static.
    pub interpreter: Option<String>,
}

/// The processor architecture of an executable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit x86.
    X86_64,
    /// 64-bit ARM.
    Aarch64,
    /// Another, by its ELF number.
    Other(u16),
}

impl fmt::Display for Architecture {
    /// As `uname -m` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::X86_64 => f.write_str("x86_64"),
            Self::Aarch64 => f.write_str("aarch64"),
            Self::Other(number) => write!(f, "ELF machine {number}"),
        }
    }
}

/// An executable that could not be read.
#[derive(Debug, Error)]
pub enum ExecutableError {
    /// The file cannot be read.
    #[error("cannot read the executable {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a 64-bit ELF executable.
    #[error("{} is no 64-bit ELF executable: {reason}", path.display())]
    NotElf {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Executable {
    /// This process's own executable.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn current() -> Result<Self, ExecutableError> {
        Self::read(Path::new(OWN_EXECUTABLE))
    }

    /// Reads an executable file.
    ///
    /// # Errors
    /// If it cannot be read, or is not a 64-bit ELF file.
    pub fn read(path: &Path) -> Result<Self, ExecutableError> {
        let unread = |source| ExecutableError::Read { path: path.into(), source };
        let mut file = File::open(path).map_err(unread)?;
        let FileDigest { sha256, len_bytes } = digest_of(&mut file).map_err(unread)?;
        file.rewind().map_err(unread)?;
        let (architecture, interpreter) = read_headers(&ReadCache::new(file)).map_err(|error| {
            ExecutableError::NotElf { path: path.into(), reason: error.to_string() }
        })?;
        Ok(Self { path: path.into(), sha256, len_bytes, architecture, interpreter })
    }
}

/// The architecture, and the dynamic loader if there is one.
fn read_headers<'data>(
    data: impl ReadRef<'data>,
) -> Result<(Architecture, Option<String>), object::Error> {
    let header = elf::FileHeader64::<Endianness>::parse(data)?;
    let endian = header.endian()?;
    let architecture = match header.e_machine(endian) {
        elf::EM_X86_64 => Architecture::X86_64,
        elf::EM_AARCH64 => Architecture::Aarch64,
        other => Architecture::Other(other.0),
    };
    for segment in header.program_headers(endian, data)? {
        if let Some(path) = segment.interpreter(endian, data)? {
            return Ok((architecture, Some(String::from_utf8_lossy(path).into_owned())));
        }
    }
    Ok((architecture, None))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn current_executable_has_the_hash_of_the_running_one() {
        assert_eq!(
            Executable::current().unwrap().sha256,
            sevbench_facts::sha256_of_self().unwrap()
        );
    }

    #[test]
    fn dynamic_executable_names_its_loader() {
        let shell = Executable::read(Path::new("/bin/sh")).unwrap();
        assert!(shell.interpreter.unwrap().contains("ld-linux"));
    }

    #[test]
    fn files_that_are_not_executables_are_refused() {
        assert!(matches!(
            Executable::read(Path::new("/etc/passwd")),
            Err(ExecutableError::NotElf { .. })
        ));
        assert!(matches!(
            Executable::read(Path::new("/nonesuch")),
            Err(ExecutableError::Read { .. })
        ));
    }
}
