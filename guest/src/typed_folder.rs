//! The folder in which the user typed the command, from which relative paths count. Cargo starts
//! benches in the folder of their package instead.

use std::env;
use std::fs;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The folder in which the user typed the command. The first call decides, so it must precede a
/// change of the working folder.
pub fn typed_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| folder_of_cargo().or_else(|| env::current_dir().ok()).unwrap_or_default())
}

/// The working folder of the cargo that started this process; `None` if another program did.
fn folder_of_cargo() -> Option<PathBuf> {
    let cargo = fs::canonicalize(env::var_os("CARGO")?).ok()?;
    let parent = Path::new("/proc").join(parent_id().to_string());
    let is_cargo = fs::read_link(parent.join("exe")).is_ok_and(|program| program == cargo);
    is_cargo.then(|| fs::read_link(parent.join("cwd")).ok()).flatten()
}

/// Makes the relative paths among those that are set count from `folder`.
pub(crate) fn resolve<'a>(folder: &Path, paths: impl IntoIterator<Item = &'a mut Option<PathBuf>>) {
    for path in paths.into_iter().flatten() {
        *path = folder.join(&*path);
    }
}
