//! Where the workspace and its fixtures are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The workspace's root folder.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap().to_owned()
}

/// The text of a file in `fixtures`.
#[track_caller]
pub fn fixture(name: &str) -> String {
    let path = workspace().join("fixtures").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The workspace's packages: folder and name.
pub fn packages() -> BTreeSet<(String, String)> {
    let read = |path: PathBuf| fs::read_to_string(path).unwrap();
    let manifest = read(workspace().join("Cargo.toml"));
    let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    let name = |folder: &str| {
        let manifest = read(workspace().join(folder).join("Cargo.toml"));
        manifest.lines().find_map(|line| line.strip_prefix("name = ")).unwrap().replace('"', "")
    };
    let folders = members.split('"').skip(1).step_by(2);
    folders.map(|folder| (folder.to_owned(), name(folder))).collect()
}

/// The Rust files of all packages, each with its text.
pub fn workspace_sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for folder in ["benches", "guest", "harness", "reports"] {
        find_rust_files(&workspace().join(folder), &mut files);
    }
    files.into_iter().map(|file| (file.clone(), fs::read_to_string(file).unwrap())).collect()
}

fn find_rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            find_rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
