//! The graph of a package's top-level modules, from the paths in its source files. A package's test
//! asserts that it has no cycle, so that each module can be read without those above it.
//!
//! Counted are all paths that start with `crate`, `super` or `self`: in `use` items of any form, in
//! code, and in tests. The crate root itself (`lib.rs`, `main.rs`) is not a module of the graph: it
//! declares all modules and re-exports what users see.

mod paths;
mod tokens;

use paths::{Reference, declared_paths, references};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

/// Which top-level module uses which.
#[derive(Debug, Default)]
pub struct ModuleGraph {
    /// For each module the modules it uses, each with one place that shows it.
    edges: BTreeMap<String, BTreeMap<String, String>>,
    /// Places that use an item of the crate root in place of the module that owns it.
    root_imports: Vec<String>,
}

impl ModuleGraph {
    /// Reads all files below a package's `src` folder.
    ///
    /// # Panics
    /// If the folder or a file cannot be read.
    pub fn read(src: &Path) -> Self {
        let mut files = Vec::new();
        read_files(src, src, &mut files);
        Self::of_files(&files)
    }

    /// The graph of these files: path below `src`, and text.
    pub fn of_files(files: &[(PathBuf, String)]) -> Self {
        let declared: BTreeMap<PathBuf, Vec<String>> = files
            .iter()
            .flat_map(|(path, text)| declared_paths(path, text, &module_of(path)))
            .collect();
        let module = |path: &Path| declared.get(path).cloned().unwrap_or_else(|| module_of(path));
        let mut graph = Self::default();
        for (path, _) in files {
            if let Some(name) = module(path).first() {
                graph.edges.entry(name.clone()).or_default();
            }
        }
        for (path, text) in files {
            for reference in references(text, &module(path)) {
                graph.add(path, reference);
            }
        }
        graph
    }

    fn add(&mut self, path: &Path, reference: Reference) {
        let Reference { from, to, line, text, is_macro } = reference;
        let Some(from) = from.into_iter().next() else { return };
        let place = format!("{}:{line}: {text}", path.display());
        match to.into_iter().next() {
            Some(to) if to == from => {}
            Some(to) if self.edges.contains_key(&to) => {
                self.edges.entry(from).or_default().entry(to).or_insert(place);
            }
            _ if is_macro => {}
            _ => self.root_imports.push(place),
        }
    }

    /// The modules that a module uses.
    pub fn uses(&self, module: &str) -> BTreeSet<&str> {
        self.edges.get(module).into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    }

    /// Places that use an item through the crate root, where the graph cannot see its owner.
    pub fn root_imports(&self) -> &[String] {
        &self.root_imports
    }

    /// A shortest cycle, one line for each step: the modules, and a place that shows the step.
    pub fn cycle(&self) -> Option<Vec<String>> {
        let cycles = self.edges.keys().filter_map(|start| self.cycle_through(start));
        cycles.min_by_key(Vec::len)
    }

    fn cycle_through(&self, start: &String) -> Option<Vec<String>> {
        let mut came_from: BTreeMap<&String, &String> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(module) = queue.pop_front() {
            for next in self.edges.get(module).into_iter().flat_map(BTreeMap::keys) {
                if !came_from.contains_key(next) {
                    came_from.insert(next, module);
                    queue.push_back(next);
                }
            }
        }
        let mut steps = Vec::new();
        let mut to = start;
        loop {
            let from = *came_from.get(to)?;
            steps.push(format!("{from} -> {to}  ({})", self.edges[from][to]));
            to = from;
            if to == start {
                break;
            }
        }
        steps.reverse();
        Some(steps)
    }

    /// Asserts that there is no cycle, and that no path hides one behind the crate root.
    ///
    /// # Panics
    /// If there is; the message shows the cycle or the places.
    #[track_caller]
    pub fn assert_acyclic(&self) {
        assert!(!self.edges.is_empty(), "no modules were found");
        if let Some(cycle) = self.cycle() {
            panic!("these modules use each other:\n  {}", cycle.join("\n  "));
        }
        let hidden = self.root_imports.join("\n  ");
        assert!(hidden.is_empty(), "import these from the modules that own them:\n  {hidden}");
    }
}

fn read_files(src: &Path, folder: &Path, files: &mut Vec<(PathBuf, String)>) {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            read_files(src, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            files.push((path.strip_prefix(src).unwrap().to_owned(), text));
        }
    }
}

/// The module of a file by its place: `a/b.rs` and `a/b/mod.rs` are `a::b`; the crate root is
/// empty.
fn module_of(path: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        path.with_extension("").iter().map(|name| name.to_string_lossy().into_owned()).collect();
    let is_root = names.len() == 1 && ["lib", "main"].contains(&names[0].as_str());
    if is_root || names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    names
}

#[cfg(test)]
mod tests;
