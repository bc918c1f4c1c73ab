//! The executable that is shipped: its image, its hash, its architecture, and whether it is static.
//!
//! The image is what a kernel loads: the file up to the end of its last segment, without section
//! headers. Symbols and debug information follow it. They stay on the host, where perf finds them
//! by the build ID, which is part of the image.

use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, ReadCache, ReadRef, elf};
use sevbench_facts::{FileDigest, OWN_EXECUTABLE, digest_of};
use sevbench_process::{Capture, Program};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use thiserror::Error;

/// The length of the header of a 64-bit ELF file.
const ELF_HEADER_LEN: usize = 64;
/// Its field `e_shoff`: where the section headers are.
const SECTIONS_OFFSET_FIELD: Range<usize> = 0x28..0x30;
/// Its fields `e_shnum` and `e_shstrndx`: the number of section headers, and the index of the one
/// that holds the section names.
const SECTIONS_COUNT_FIELDS: Range<usize> = 0x3c..0x40;

/// A bench executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of its image, in hex.
    pub sha256: String,
    /// The length of its image.
    pub len_bytes: u64,
    /// The architecture that it runs on.
    pub architecture: Architecture,
    /// The dynamic loader that it needs; `None` if it is static.
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

impl Architecture {
    /// The architecture that `uname -m` prints.
    pub(crate) fn from_uname(machine: &str) -> Option<Self> {
        match machine {
            "x86_64" => Some(Self::X86_64),
            "aarch64" => Some(Self::Aarch64),
            _ => None,
        }
    }
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
    #[error("{} is not a 64-bit ELF executable: {reason}", path.display())]
    NotElf {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// A dynamically linked executable, which cannot be shipped: the guest may lack its libraries.
#[derive(Debug, Error)]
#[error(
    "cannot ship the bench executable into a guest: it is dynamically linked (needs \
     {interpreter}); build it with `cargo sevbench run --bench NAME`, or set `build.target` and the \
     rustflags `-C target-feature=+crt-static` in .cargo/config.toml and unset RUSTFLAGS, which \
     overrides them"
)]
pub struct DynamicExecutable {
    /// The dynamic loader that it needs.
    pub interpreter: String,
}

/// How long an executable may take to answer, and how much it may print.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
const ANSWER_LEN_MAX: usize = 64 << 20;

/// What an executable on this machine prints when it is started with these arguments.
///
/// # Errors
/// If it cannot be started, fails, or takes longer than a minute.
pub fn ask_executable(path: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(path);
    command.args(arguments).stdin(Stdio::null());
    let program = Program::new(&mut command, ANSWER_LIMIT).stdout(Capture::All(ANSWER_LEN_MAX));
    let output = program.run().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(format!("{}; {}", output.status, output.stderr.trim())),
    }
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
        let no_elf = |reason: String| ExecutableError::NotElf { path: path.into(), reason };
        let file = File::open(path).map_err(unread)?;
        let headers =
            read_headers(&ReadCache::new(file)).map_err(|error| no_elf(error.to_string()))?;
        let Headers { architecture, interpreter, image_len } = headers;
        let mut image = open_image(path, image_len).map_err(unread)?;
        let FileDigest { sha256, len_bytes } = digest_of(&mut image).map_err(unread)?;
        if len_bytes != image_len {
            return Err(no_elf(format!("it ends within a segment, at byte {len_bytes}")));
        }
        Ok(Self { path: path.into(), sha256, len_bytes, architecture, interpreter })
    }

    /// Checks that it runs in any guest of its architecture.
    ///
    /// # Errors
    /// If it is dynamically linked, since the guest may lack its libraries.
    pub fn check_static(&self) -> Result<(), DynamicExecutable> {
        match self.interpreter.clone() {
            Some(interpreter) => Err(DynamicExecutable { interpreter }),
            None => Ok(()),
        }
    }

    /// Opens the image.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn open_image(&self) -> io::Result<impl Read + use<>> {
        open_image(&self.path, self.len_bytes)
    }
}

/// The image of an executable file: its first `len` bytes, with the section headers removed from
/// the ELF header.
fn open_image(path: &Path, len: u64) -> io::Result<impl Read + use<>> {
    let mut file = File::open(path)?;
    let mut header = [0; ELF_HEADER_LEN];
    file.read_exact(&mut header)?;
    file.seek(SeekFrom::Start(ELF_HEADER_LEN as u64))?;
    for field in [SECTIONS_OFFSET_FIELD, SECTIONS_COUNT_FIELDS] {
        header[field].fill(0);
    }
    let rest = len.saturating_sub(ELF_HEADER_LEN as u64);
    Ok(io::Cursor::new(header).chain(file.take(rest)))
}

/// What the headers of an executable file say.
struct Headers {
    architecture: Architecture,
    /// The dynamic loader, if there is one.
    interpreter: Option<String>,
    /// The end of the last segment that is loaded.
    image_len: u64,
}

fn read_headers<'data>(data: impl ReadRef<'data>) -> Result<Headers, object::Error> {
    let header = elf::FileHeader64::<Endianness>::parse(data)?;
    let endian = header.endian()?;
    let architecture = match header.e_machine(endian) {
        elf::EM_X86_64 => Architecture::X86_64,
        elf::EM_AARCH64 => Architecture::Aarch64,
        other => Architecture::Other(other.0),
    };
    let mut headers = Headers { architecture, interpreter: None, image_len: 0 };
    for segment in header.program_headers(endian, data)? {
        if let Some(path) = segment.interpreter(endian, data)? {
            headers.interpreter = Some(String::from_utf8_lossy(path).into_owned());
        }
        if segment.p_type(endian) == elf::PT_LOAD {
            let (offset, len) = segment.file_range(endian);
            headers.image_len = headers.image_len.max(offset.saturating_add(len));
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// This test executable has symbols. Its image runs like the whole file, and the image of that
    /// image is the image itself.
    #[test]
    fn image_is_smaller_and_runs() {
        let executable = Executable::current().unwrap();
        let mut image = Vec::new();
        executable.open_image().unwrap().read_to_end(&mut image).unwrap();
        assert_eq!(image.len() as u64, executable.len_bytes);
        assert!(
            executable.len_bytes < File::open(OWN_EXECUTABLE).unwrap().metadata().unwrap().len()
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        std::fs::write(&path, &image).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        let again = Executable::read(&path).unwrap();
        assert_eq!((again.sha256, again.len_bytes), (executable.sha256, executable.len_bytes));
        let output = std::process::Command::new(&path).arg("--list").output().unwrap();
        let listed = String::from_utf8(output.stdout).unwrap();
        assert!(listed.contains("image_is_smaller_and_runs: test"), "{listed}");
    }

    #[test]
    fn executable_that_ends_within_a_segment_is_refused() {
        let executable = Executable::current().unwrap();
        let mut half = Vec::new();
        let image = executable.open_image().unwrap();
        image.take(executable.len_bytes / 2).read_to_end(&mut half).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &half).unwrap();
        let error = Executable::read(file.path()).unwrap_err();
        assert!(matches!(error, ExecutableError::NotElf { .. }), "{error}");
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
