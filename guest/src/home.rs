//! The user's home folder.

use std::path::PathBuf;

/// The user's home folder; an empty path if unknown.
pub(crate) fn home() -> PathBuf {
    std::env::home_dir().unwrap_or_default()
}

/// A path whose leading `~/` stands for the home folder.
pub(crate) fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => path.into(),
    }
}
