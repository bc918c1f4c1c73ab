//! Reads files that a user names, and nothing that could block, such as a FIFO.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Opens a regular file for reading, or a device such as `/dev/null` or a disk.
///
/// # Errors
/// If it cannot be opened, or is anything else.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    // A FIFO without a writer opens at once, instead of waiting for one.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(io::Error::other("it is a directory"));
    }
    if !kind.is_file() && !kind.is_char_device() && !kind.is_block_device() {
        return Err(io::Error::other("it is not a regular file"));
    }
    Ok(file)
}

/// Reads at most this much of such a file.
///
/// # Errors
/// As [`open_regular`], or if it cannot be read.
pub(crate) fn read_regular(path: &Path, len_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(len_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn fifo_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        let name = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: the pointer is to a text that ends with zero.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        let error = |path: &Path| read_regular(path, 10).unwrap_err().to_string();
        assert_eq!(error(&path), "it is not a regular file");
        assert_eq!(error(folder.path()), "it is a directory");
        assert_eq!(read_regular(Path::new("/dev/null"), 10).unwrap(), b"");
        assert_eq!(read_regular(Path::new("/dev/zero"), 2).unwrap(), [0, 0]);
        std::fs::write(folder.path().join("file"), "content").unwrap();
        assert_eq!(read_regular(&folder.path().join("file"), 4).unwrap(), b"cont");
    }
}
