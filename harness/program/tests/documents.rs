//! Checks the files, flags, settings and packages in the documents against the tree.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use sevbench_testing::{packages, trials, workspace_sources};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const DOCUMENTS: [&str; 4] = ["README.md", "ARCHITECTURE.md", "METHODOLOGY.md", "CONTRIBUTING.md"];

/// What the top level holds, apart from hidden files.
const TOP_LEVEL: [&str; 15] = [
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "METHODOLOGY.md",
    "README.md",
    "benches",
    "fixtures",
    "guest",
    "harness",
    "reports",
    "rustfmt.toml",
    "target",
];

fn root() -> PathBuf {
    sevbench_testing::workspace()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(&path))
        .unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

fn names_in(folder: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(root().join(&folder)).unwrap().flatten();
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// The lines of a document's fenced blocks of this language.
fn fenced(text: &str, language: &str) -> Vec<String> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(opened) => inside = !inside && opened == language,
            None if inside => lines.push(line.to_owned()),
            None => {}
        }
    }
    lines
}

/// A document without its fenced blocks.
fn unfenced(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

#[test]
fn top_level_holds_only_the_listed_names() {
    for name in names_in("").iter().filter(|name| !name.starts_with('.')) {
        assert!(TOP_LEVEL.contains(&name.as_str()), "{name} does not belong at the top level");
    }
    for name in TOP_LEVEL.iter().filter(|name| **name != "target") {
        assert!(root().join(name).exists(), "{name} is missing");
    }
}

#[test]
fn architecture_lists_every_package() {
    let lines = fenced(&read("ARCHITECTURE.md"), "files");
    let listed: BTreeSet<(String, String)> = lines
        .iter()
        .filter(|line| !line.starts_with("fixtures/"))
        .map(|line| {
            let mut words = line.split_whitespace();
            let folder = words.next().unwrap().trim_end_matches('/');
            (folder.to_owned(), words.next().unwrap().to_owned())
        })
        .collect();
    assert_eq!(listed, packages());
    assert!(lines.iter().any(|line| line.starts_with("fixtures/ ")));
}

/// The anchor of a heading, as GitHub makes it.
fn anchor_of(line: &str) -> String {
    let Some(heading) = line.strip_prefix('#') else { return String::new() };
    let heading = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    heading.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

#[test]
fn paths_and_links_in_documents_exist() {
    for document in DOCUMENTS {
        let text = unfenced(&read(document));
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let path = if path.is_empty() { document } else { path };
            assert!(root().join(path).exists(), "{document} links to {link}");
            let is_heading = || read(path).lines().any(|line| anchor_of(line) == anchor);
            assert!(anchor.is_empty() || is_heading(), "{document} links to {link}");
        }
        for word in text.split(|c: char| c.is_whitespace() || "`(),;:|".contains(c)) {
            let room = ["benches/", "guest/", "harness/", "reports/", "fixtures/"];
            let path = word.trim_end_matches('.');
            if room.iter().any(|room| path.starts_with(room)) {
                assert!(root().join(path).exists(), "{document} names {path}");
            }
        }
    }
}

/// Every flag in a document belongs to bench executables, to `cargo sevbench` or to another
/// program.
#[test]
fn flags_in_documents_exist() {
    let others = "--bench --test --workspace --all-targets --all --check --no-deps \
                  --sevbench-agent --sevbench-list --sevbench-loopback-server --sevbench-secret \
                  --sevbench-test --open --wait --release --bin --path --locked --write --package --examples --add";
    let help = format!("{}{}{others}", help_of(&trials(), &["--help"]), program_help());
    let known: BTreeSet<&str> = flags(&help).collect();
    for document in DOCUMENTS {
        for flag in flags(&read(document)) {
            assert!(known.contains(flag), "{document} names {flag}");
        }
    }
}

/// A wrong configuration is refused before its arms are looked up.
#[test]
fn settings_in_the_readme_are_valid() {
    let readme = read("README.md");
    let blocks = readme.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let settings: Vec<&str> = blocks.filter(|block| !block.starts_with('#')).collect();
    assert_eq!(settings.len(), 3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sevbench.toml");
    for text in settings {
        fs::write(&path, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-sevbench"));
        command.args(["guest", "command", "--arm", "nope", "--config"]).arg(&path);
        let said = String::from_utf8(command.output().unwrap().stderr).unwrap();
        assert!(said.contains("has no arm `nope`"), "{said}");
    }
}

/// The Debian packages of `.ci/packages`, by what needs them.
fn debian_packages() -> BTreeMap<String, BTreeSet<String>> {
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in read(".ci/packages").lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, package, purpose] = words[..] else { panic!("{line}") };
        packages.entry(purpose.into()).or_default().insert(package.into());
    }
    packages
}

/// `.ci/run`, CONTRIBUTING and README install the same packages.
#[test]
fn documents_install_the_packages_that_ci_installs() {
    let packages = debian_packages();
    let contributing = read("CONTRIBUTING.md");
    let installed: BTreeSet<String> = fenced(&contributing, "sh")
        .iter()
        .filter_map(|line| line.strip_prefix("apt-get install ")?.split('#').next())
        .flat_map(|words| words.split_whitespace())
        .filter(|word| !["-t", "bookworm-backports"].contains(word))
        .map(str::to_owned)
        .collect();
    assert_eq!(installed, packages.values().flatten().cloned().collect());
    let readme = read("README.md");
    for package in &packages["guests"] {
        // Debian 12 always has e2fsprogs.
        let is_named =
            readme.contains(&format!("{package}`")) || readme.contains(&format!("{package} "));
        assert!(is_named || package == "e2fsprogs", "the README does not name {package}");
    }
}

#[test]
fn readme_lists_every_flag() {
    let help = help_of(&trials(), &["--help"]);
    let readme = read("README.md");
    let described: BTreeSet<&str> = flags(&readme).collect();
    for flag in flags(&help).filter(|flag| !["--help", "--version"].contains(flag)) {
        assert!(described.contains(flag), "the README does not name {flag}");
    }
}

/// The help of all commands of `cargo sevbench`.
fn program_help() -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_cargo-sevbench"));
    let commands: [&[&str]; 8] = [
        &["run", "--help"],
        &["analyze", "--help"],
        &["compare", "--help"],
        &["doctor", "--help"],
        &["leak", "--help"],
        &["guest", "build", "--help"],
        &["guest", "up", "--help"],
        &["guest", "command", "--help"],
    ];
    commands.iter().map(|command| help_of(program, command)).collect()
}

fn help_of(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn flags(text: &str) -> impl Iterator<Item = &str> {
    let is_flag = |c: char| c.is_ascii_lowercase() || c == '-';
    text.split(move |c| !is_flag(c)).filter(|word| {
        word.strip_prefix("--")
            .is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
    })
}

/// Comments, and the prose of documents, keep to the width of the code.
#[test]
fn lines_of_prose_keep_to_the_width_of_the_code() {
    let width = "max_width = ";
    let rustfmt = read("rustfmt.toml");
    let width = rustfmt.lines().find_map(|line| line.strip_prefix(width)).unwrap();
    let width: usize = width.parse().unwrap();
    let mut long = Vec::new();
    let mut check = |file: &Path, lines: &mut dyn Iterator<Item = &str>| {
        let too_long = lines.filter(|line| line.chars().count() > width);
        long.extend(too_long.map(|line| format!("{}: {line}", file.display())));
    };
    for document in DOCUMENTS {
        let text = unfenced(&read(document));
        check(document.as_ref(), &mut text.lines().filter(|line| !line.starts_with('|')));
    }
    for (path, text) in workspace_sources() {
        check(&path, &mut text.lines().filter(|line| line.trim_start().starts_with("//")));
    }
    assert!(long.is_empty(), "lines longer than {width} columns:\n{}", long.join("\n"));
}
