//! Where this user's images, data disks and held guests are kept.

use crate::typed_folder::typed_folder;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The mode of a folder for this user alone.
const PRIVATE: u32 = 0o700;

/// The environment names no folder.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("no folder for images and disks: set SEVBENCH_CACHE to one, or set HOME")]
pub struct NoCacheFolder;

/// Makes a folder of the cache, for this user alone: images hold the keys of their guests. The
/// cache itself is made private too, unless the user has named it.
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE).create(folder)?;
    let default = default_cache();
    let cache = folder.parent().filter(|parent| Some(*parent) == default.as_deref());
    for folder in cache.into_iter().chain([folder]) {
        if fs::metadata(folder)?.mode() & 0o777 != PRIVATE {
            fs::set_permissions(folder, Permissions::from_mode(PRIVATE))?;
        }
    }
    Ok(())
}

/// The subfolder `name` of `SEVBENCH_CACHE`, or else of `sevbench` in the user's cache folder. It
/// may not exist yet.
pub(crate) fn cache_folder(name: &str) -> Result<PathBuf, NoCacheFolder> {
    let cache =
        set("SEVBENCH_CACHE").map(|cache| typed_folder().join(cache)).or_else(default_cache);
    cache.map(|cache| cache.join(name)).ok_or(NoCacheFolder)
}

/// The cache of a user who has named none.
fn default_cache() -> Option<PathBuf> {
    set("XDG_CACHE_HOME")
        .map(|cache| Path::new(&cache).join("sevbench"))
        .or_else(|| set("HOME").map(|home| Path::new(&home).join(".cache/sevbench")))
}

/// A variable of the environment that is not empty.
fn set(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn only_our_own_folders_become_private() {
        let above = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        fs::set_permissions(above.path(), Permissions::from_mode(0o755)).unwrap();
        let folder = above.path().join("images");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        make_private(&folder).unwrap();
        assert_eq!((mode(&folder), mode(above.path())), (0o700, 0o755));
        make_private(&folder.join("deeper/still")).unwrap();
        assert_eq!(mode(&folder.join("deeper")), 0o700);
    }
}
