//! Whether a file may decide what runs here. A configuration and a recipe name programs, images and
//! keys, and an image is run, so whoever can write to them can run code as the user who uses them.

use crate::account::private_group;
use crate::regular_file::open_regular;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The longest file that is read.
const LEN_MAX: u64 = 1 << 20;

/// The text of a file that people write, and why it may not decide what runs here.
#[derive(Debug)]
pub struct GuardedText {
    /// The text.
    pub text: String,
    /// Why it is not trusted; `None` if it is.
    pub distrust: Option<Distrust>,
}

/// Why a file may not decide what runs here.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Distrust {
    /// Somebody else can change it.
    #[error(
        "other users can write to {path}, so it may not decide what runs here: type \
         `chmod go-w {path}`",
        path = .0.display()
    )]
    Writable(PathBuf),
    /// It is somebody else's.
    #[error(
        "{path} belongs to another user, so it may not decide what runs here: copy it to a \
         file of your own, or type `sudo chown $USER {path}`",
        path = .0.display()
    )]
    Foreign(PathBuf),
}

impl GuardedText {
    /// Reads a file, and looks at who can write to it.
    ///
    /// # Errors
    /// If it cannot be read, is no regular file, or is longer than 1 MiB.
    pub fn read(path: &Path) -> io::Result<Self> {
        // The file that is judged is the one that is read.
        let file = open_regular(path)?;
        let distrust = judge(&file, path)?;
        let mut text = String::new();
        if file.take(LEN_MAX + 1).read_to_string(&mut text)? as u64 > LEN_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(Self { text, distrust })
    }
}

/// Why a file may not decide what runs here; `None` if it may.
///
/// # Errors
/// If it cannot be opened.
pub(crate) fn distrust(path: &Path) -> io::Result<Option<Distrust>> {
    judge(&open_regular(path)?, path)
}

/// Judges an open file. A device is the kernel's to protect.
fn judge(file: &File, path: &Path) -> io::Result<Option<Distrust>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(None);
    }
    // SAFETY: it takes nothing and cannot fail.
    let user = unsafe { libc::geteuid() };
    let owner = Owner { user: metadata.uid(), group: metadata.gid(), mode: metadata.mode() };
    if owner.is_foreign(user) {
        return Ok(Some(Distrust::Foreign(path.into())));
    }
    Ok(owner.is_open(private_group(user)).then(|| Distrust::Writable(path.into())))
}

/// Who owns a file, and its mode.
#[derive(Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
    mode: u32,
}

impl Owner {
    const fn is_foreign(self, user: u32) -> bool {
        self.user != user && self.user != 0
    }

    /// Whether others can write to it. The user's private group may.
    fn is_open(self, private_group: Option<u32>) -> bool {
        self.mode & 0o002 != 0 || self.mode & 0o020 != 0 && Some(self.group) != private_group
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn file_that_others_can_write_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "text").unwrap();
        for (mode, is_trusted) in [(0o600, true), (0o644, true), (0o664, true), (0o666, false)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let guarded = GuardedText::read(&path).unwrap();
            assert_eq!((guarded.text.as_str(), guarded.distrust.is_none()), ("text", is_trusted));
        }
        let said = GuardedText::read(&path).unwrap().distrust.unwrap().to_string();
        assert!(said.contains("type `chmod go-w "), "{said}");
        assert!(GuardedText::read(folder.path()).is_err());
        fs::write(&path, vec![b' '; 2 << 20]).unwrap();
        assert!(GuardedText::read(&path).is_err(), "too long");
    }

    #[test]
    fn owner_is_the_user_or_root_and_the_group_is_the_users_own() {
        let owner = |user, group, mode| Owner { user, group, mode };
        assert!(!owner(0, 0, 0o644).is_foreign(7) && !owner(7, 0, 0o644).is_foreign(7));
        assert!(owner(8, 7, 0o644).is_foreign(7));
        assert!(owner(7, 5, 0o664).is_open(Some(7)) && !owner(7, 7, 0o664).is_open(Some(7)));
        assert!(!owner(7, 5, 0o644).is_open(Some(7)) && owner(7, 7, 0o664).is_open(None));
    }
}
