//! The graphs of a package's modules, from the paths in its source files: one for the top level,
//! and one for the submodules of each module. A test asserts that none has a cycle, so that each
//! module can be read without those above it.
//!
//! It counts every path that starts with `crate`, `super` or `self`: in `use` items of any form, in
//! code, and at the top level also in tests. Below that, tests share helpers that use what they
//! test. The crate root itself (`lib.rs`, `main.rs`) is not a module of the graph: it declares all
//! modules and re-exports what users see.

mod paths;
mod tokens;

use paths::{Reference, declared_paths, references};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

/// The name of a module of unit tests.
const TESTS: &str = "tests";

/// Which module uses which, among the submodules of one module.
#[derive(Debug, Default)]
pub struct ModuleGraph {
    /// The module, from the crate root; empty for the crate root itself.
    parent: Vec<String>,
    /// For each submodule those that it uses, each with one place that shows it.
    edges: BTreeMap<String, BTreeMap<String, String>>,
    /// Places that use an item of the crate root, or all items of a parent, in place of the module
    /// that owns it.
    root_imports: Vec<String>,
}

/// A source file, with all its references.
struct Source {
    path: PathBuf,
    module: Vec<String>,
    references: Vec<Reference>,
}

impl ModuleGraph {
    /// The graph of a package's top-level modules, from all files below its `src` folder.
    ///
    /// # Panics
    /// If the folder or a file cannot be read.
    pub fn read(src: &Path) -> Self {
        Self::of_level(&sources(&read_all(src)), &[])
    }

    /// The graph of the top-level modules, then those of the submodules of each module.
    ///
    /// # Panics
    /// If the folder or a file cannot be read.
    pub fn read_levels(src: &Path) -> Vec<Self> {
        Self::levels(&sources(&read_all(src)))
    }

    fn levels(sources: &[Source]) -> Vec<Self> {
        let modules = sources.iter().map(|source| source.module.as_slice());
        let parents: BTreeSet<&[String]> =
            modules.flat_map(|module| (0..module.len()).map(|len| &module[..len])).collect();
        parents.into_iter().map(|parent| Self::of_level(sources, parent)).collect()
    }

    fn of_level(sources: &[Source], parent: &[String]) -> Self {
        let children = sources.iter().filter_map(|source| child(&source.module, parent));
        let mut graph = Self {
            parent: parent.to_vec(),
            edges: children.map(|name| (name.to_owned(), BTreeMap::new())).collect(),
            root_imports: Vec::new(),
        };
        let reexports = graph.reexports(sources);
        for source in sources {
            for reference in source.references.iter().filter(|one| !one.is_relative) {
                graph.add(&source.path, reference, &reexports);
            }
        }
        graph
    }

    /// The submodule of each item that the parent re-exports.
    fn reexports(&self, sources: &[Source]) -> BTreeMap<String, String> {
        let all = sources.iter().flat_map(|source| &source.references);
        let of_parent = all.filter(|reference| reference.from == self.parent);
        let items = of_parent.filter_map(|reference| {
            let module = child(&reference.to, &self.parent)?;
            Some((reference.name.clone(), module.to_owned()))
        });
        items.filter(|(_, module)| self.edges.contains_key(module)).collect()
    }

    fn add(&mut self, path: &Path, reference: &Reference, reexports: &BTreeMap<String, String>) {
        let Reference { from, to, line, text, is_macro, .. } = reference;
        let is_root = self.parent.is_empty();
        if !is_root && from.iter().any(|module| module == TESTS) {
            return;
        }
        let Some(from) = child(from, &self.parent) else { return };
        if !self.edges.contains_key(from) || !to.starts_with(&self.parent) {
            return;
        }
        let place = || format!("{}:{line}: {text}", path.display());
        let to = child(to, &self.parent);
        match to.map(|to| if is_root { to } else { reexports.get(to).map_or(to, String::as_str) }) {
            Some(to) if to == from => {}
            Some(to) if self.edges.contains_key(to) => {
                let edges = self.edges.entry(from.to_owned()).or_default();
                edges.entry(to.to_owned()).or_insert_with(place);
            }
            // An item of the parent itself.
            Some(to) if !is_root && to != "*" => {}
            _ if *is_macro || (!is_root && to.is_none()) => {}
            _ => self.root_imports.push(place()),
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
            let parent = ["crate"].into_iter().chain(self.parent.iter().map(String::as_str));
            let parent = parent.collect::<Vec<_>>().join("::");
            panic!("these modules of {parent} use each other:\n  {}", cycle.join("\n  "));
        }
        let hidden = self.root_imports.join("\n  ");
        assert!(hidden.is_empty(), "import these from the modules that own them:\n  {hidden}");
    }
}

/// The next name of a path below its start `parent`.
fn child<'a>(path: &'a [String], parent: &[String]) -> Option<&'a str> {
    path.strip_prefix(parent)?.first().map(String::as_str)
}

/// The references in these files: path below `src`, and text.
fn sources(files: &[(PathBuf, String)]) -> Vec<Source> {
    let declared: BTreeMap<PathBuf, Vec<String>> = files
        .iter()
        .flat_map(|(path, text)| declared_paths(path, text, &module_of(path)))
        .collect();
    let module = |path: &Path| declared.get(path).cloned().unwrap_or_else(|| module_of(path));
    let source = |(path, text): &(PathBuf, String)| {
        let module = module(path);
        Source { path: path.clone(), references: references(text, &module), module }
    };
    files.iter().map(source).collect()
}

fn read_all(src: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    read_files(src, src, &mut files);
    files
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
