//! Where this user's images, data disks and held guests are kept.

use std::path::{Path, PathBuf};
use thiserror::Error;

/// The environment names no folder.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("no folder for images and disks: set SEVBENCH_CACHE to one, or set HOME")]
pub struct NoCacheFolder;

/// The subfolder `name` of `SEVBENCH_CACHE`, or else of `sevbench` in the user's cache folder. It
/// may not exist yet.
pub(crate) fn cache_folder(name: &str) -> Result<PathBuf, NoCacheFolder> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = set("SEVBENCH_CACHE")
        .map(PathBuf::from)
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| Path::new(&cache).join("sevbench")))
        .or_else(|| set("HOME").map(|home| Path::new(&home).join(".cache/sevbench")));
    cache.map(|cache| cache.join(name)).ok_or(NoCacheFolder)
}
