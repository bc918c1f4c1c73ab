//! The files that a bench has declared, where its body runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Where the declared files of a bench are, by the path that its author declared.
#[derive(Clone, Debug, Default)]
pub(crate) struct DataFiles(HashMap<String, PathBuf>);

impl DataFiles {
    /// Files at their declared paths, as in a test on the machine that has them.
    pub(crate) fn in_place(declared: &[String]) -> Self {
        Self(declared.iter().map(|path| (path.clone(), PathBuf::from(path))).collect())
    }

    /// Files that were copied beside the agent's executable, each under its hash.
    pub(crate) fn shipped(files: Vec<(String, String)>) -> Self {
        let executable = std::env::current_exe().unwrap_or_default();
        let folder = executable.parent().unwrap_or(Path::new("."));
        Self(files.into_iter().map(|(path, sha256)| (path, folder.join(sha256))).collect())
    }

    /// Where a file is.
    ///
    /// # Panics
    /// If it was not declared.
    pub(crate) fn find(&self, path: &str) -> PathBuf {
        self.0.get(path).cloned().unwrap_or_else(|| {
            panic!("the bench declares no file `{path}`: add .file(\"{path}\") to its Bench")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_in_place_or_beside_the_executable() {
        let in_place = DataFiles::in_place(&["data/a.json".into()]);
        assert_eq!(in_place.find("data/a.json"), Path::new("data/a.json"));
        let shipped = DataFiles::shipped(vec![("data/a.json".into(), "ab12".into())]);
        let executable = std::env::current_exe().expect("it has a path");
        assert_eq!(shipped.find("data/a.json"), executable.with_file_name("ab12"));
    }

    #[test]
    #[should_panic(expected = "add .file(\"b\") to its Bench")]
    fn undeclared_file_is_named() {
        DataFiles::default().find("b");
    }
}
