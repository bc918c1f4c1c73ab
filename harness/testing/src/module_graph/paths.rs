//! Paths in a source file, resolved from the module that contains them.

use super::tokens::{Kind, Token, tokens};
use std::path::{Path, PathBuf};

/// The words with which a path inside a crate starts.
const STARTS: [&str; 3] = ["crate", "self", "super"];

/// A path from one module to something in another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// The module that contains it, from the crate root.
    pub(super) from: Vec<String>,
    /// Where it leads, from the crate root.
    pub(super) to: Vec<String>,
    /// The name by which it is known here: its last, or the one after `as`.
    pub(super) name: String,
    pub(super) line: usize,
    /// As a path from the crate root.
    pub(super) text: String,
    pub(super) is_macro: bool,
    /// Whether it is a `use` item without `crate`, `super` or `self`: it leads to a submodule or to
    /// another crate.
    pub(super) is_relative: bool,
}

/// The files that a file gives to its modules by `#[path = "…"] mod name;`, each with its module.
pub(super) fn declared_paths(
    file: &Path,
    text: &str,
    module: &[String],
) -> Vec<(PathBuf, Vec<String>)> {
    let tokens = tokens(text);
    let declared = |window: &[Token]| {
        let kinds: Vec<&Kind> = window.iter().map(|token| &token.kind).collect();
        match kinds.as_slice() {
            [Kind::Word(path), Kind::Sign('='), Kind::Text(value), Kind::Sign(']'), rest @ ..]
                if path == "path" =>
            {
                let at = rest.iter().position(|kind| **kind == Kind::Word("mod".into()))?;
                let Some(Kind::Word(name)) = rest.get(at + 1).copied() else { return None };
                let path = file.with_file_name(value);
                Some((path, [module, std::slice::from_ref(name)].concat()))
            }
            _ => None,
        }
    };
    // Wide enough for a `pub(crate)` or another attribute in between.
    (0..tokens.len())
        .filter_map(|start| declared(&tokens[start..tokens.len().min(start + 12)]))
        .collect()
}

/// All paths of a file that start with `crate`, `super` or `self`, and all `use` items.
pub(super) fn references(text: &str, module: &[String]) -> Vec<Reference> {
    let mut scan = Scan {
        tokens: tokens(text),
        next: 0,
        depth: 0,
        module: module.to_vec(),
        inline: Vec::new(),
        found: Vec::new(),
    };
    while scan.next < scan.tokens.len() {
        scan.step();
    }
    scan.found
}

struct Scan {
    tokens: Vec<Token>,
    next: usize,
    /// How many braces are open.
    depth: usize,
    module: Vec<String>,
    /// The brace depth around each open inline module, outermost first.
    inline: Vec<usize>,
    found: Vec<Reference>,
}

impl Scan {
    fn kind(&self, index: usize) -> Option<&Kind> {
        self.tokens.get(index).map(|token| &token.kind)
    }

    fn word(&self, index: usize) -> Option<&str> {
        match self.kind(index) {
            Some(Kind::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn step(&mut self) {
        let at = self.next;
        self.next += 1;
        match self.kind(at) {
            Some(Kind::Sign('{')) => self.depth += 1,
            Some(Kind::Sign('}')) => {
                self.depth = self.depth.saturating_sub(1);
                if self.inline.last() == Some(&self.depth) {
                    self.inline.pop();
                    self.module.pop();
                }
            }
            Some(Kind::Word(word)) if word == "mod" => self.open_inline_module(at),
            Some(Kind::Word(word)) if STARTS.contains(&word.as_str()) => {
                self.start_path(at);
            }
            Some(Kind::Word(word)) if word == "use" => self.start_relative_path(at + 1),
            _ => {}
        }
    }

    fn open_inline_module(&mut self, at: usize) {
        if let (Some(name), Some(Kind::Sign('{'))) = (self.word(at + 1), self.kind(at + 2)) {
            let name = name.to_owned();
            self.module.push(name);
            self.inline.push(self.depth);
            self.next = at + 2;
        }
    }

    fn start_path(&mut self, at: usize) {
        let is_start = self.kind(at + 1) == Some(&Kind::Separator);
        let is_middle = at > 0 && self.kind(at - 1) == Some(&Kind::Separator);
        // `pub(in crate::a)` names who may see an item, and imports nothing.
        let is_visibility = at > 0 && self.word(at - 1) == Some("in");
        if !is_start || is_middle || is_visibility {
            return;
        }
        let base = match self.word(at) {
            Some("crate") => Vec::new(),
            Some("self") => self.module.clone(),
            _ => self.parent(&self.module),
        };
        self.next = at + 2;
        self.follow(base);
    }

    fn start_relative_path(&mut self, at: usize) {
        let is_relative = self.word(at).is_some_and(|word| !STARTS.contains(&word));
        if is_relative && self.kind(at + 1) == Some(&Kind::Separator) {
            self.next = at;
            let known = self.found.len();
            self.follow(self.module.clone());
            self.found[known..].iter_mut().for_each(|reference| reference.is_relative = true);
        }
    }

    fn parent(&self, module: &[String]) -> Vec<String> {
        module[..module.len().saturating_sub(1)].to_vec()
    }

    /// Follows the rest of a path. `resolved` is the part before it; `next` is just past a
    /// separator.
    fn follow(&mut self, mut resolved: Vec<String>) {
        loop {
            match self.kind(self.next).cloned() {
                Some(Kind::Word(word)) if word == "super" => resolved = self.parent(&resolved),
                // `{self, …}` in a group is the group's own path.
                Some(Kind::Word(word)) if word == "self" => {}
                Some(Kind::Word(word)) => resolved.push(word),
                Some(Kind::Sign('{')) => {
                    self.next += 1;
                    return self.follow_group(&resolved);
                }
                Some(Kind::Sign('*')) => {
                    resolved.push("*".into());
                }
                _ => {}
            }
            self.next += 1;
            if self.kind(self.next) == Some(&Kind::Separator) {
                self.next += 1;
                continue;
            }
            return self.end_path(resolved);
        }
    }

    /// Follows each path of a group, with `next` just past its opening brace.
    fn follow_group(&mut self, base: &[String]) {
        loop {
            match self.kind(self.next) {
                None => return,
                Some(Kind::Sign('}')) => {
                    self.next += 1;
                    return;
                }
                Some(Kind::Word(word)) if word == "as" => self.next += 2,
                Some(Kind::Word(_) | Kind::Sign('*')) => self.follow(base.to_vec()),
                Some(_) => self.next += 1,
            }
        }
    }

    fn end_path(&mut self, to: Vec<String>) {
        let is_macro = self.kind(self.next) == Some(&Kind::Sign('!'));
        let line = self.tokens[self.next.min(self.tokens.len()) - 1].line;
        let text = format!("crate::{}", to.join("::"));
        let alias =
            if self.word(self.next) == Some("as") { self.word(self.next + 1) } else { None };
        let name = alias.or(to.last().map(String::as_str)).unwrap_or_default().to_owned();
        self.found.push(Reference {
            from: self.module.clone(),
            to,
            name,
            line,
            text,
            is_macro,
            is_relative: false,
        });
    }
}
