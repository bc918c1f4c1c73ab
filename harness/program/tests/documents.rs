//! Checks the documents' files, flags and packages against the tree, and the direction of
//! dependencies.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use sevbench_testing::ModuleGraph;
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

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
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

/// The workspace's packages: folder and name.
fn packages() -> BTreeSet<(String, String)> {
    let manifest = read("Cargo.toml");
    let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    let folders = members.split('"').skip(1).step_by(2);
    let name = |folder: &str| {
        let manifest = read(format!("{folder}/Cargo.toml"));
        manifest.lines().find_map(|line| line.strip_prefix("name = ")).unwrap().replace('"', "")
    };
    folders.map(|folder| (folder.to_owned(), name(folder))).collect()
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

#[test]
fn paths_and_links_in_documents_exist() {
    for document in DOCUMENTS {
        let text = unfenced(&read(document));
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http") && !link.starts_with('#')) {
            assert!(root().join(link).exists(), "{document} links to {link}");
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
                  --sevbench-agent --sevbench-loopback-server --sevbench-secret --open --wait \
                  --release --bin --path --locked --write --package";
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
    let commands: [&[&str]; 7] = [
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

fn trials() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("examples/trials")
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

/// The packages that each may depend on. Cargo keeps the code within these bounds.
#[test]
fn packages_depend_in_one_direction() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("cargo-sevbench", &["guest", "reports", "runner", "statistics", "text"][..]),
        ("sevbench", &["protocol", "runner"]),
        ("sevbench-facts", &[]),
        ("sevbench-guest", &["facts", "process", "text"]),
        ("sevbench-process", &[]),
        ("sevbench-protocol", &["facts", "text"]),
        ("sevbench-reports", &["text"]),
        ("sevbench-runner", &["facts", "guest", "protocol", "reports", "statistics", "text"]),
        ("sevbench-statistics", &[]),
        ("sevbench-suite", &["process", "sevbench"]),
        ("sevbench-testing", &["guest"]),
        ("sevbench-text", &[]),
        ("sevbench-validation", &["reports", "runner", "statistics"]),
    ]);
    for (folder, package) in packages() {
        let manifest = read(format!("{folder}/Cargo.toml"));
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap();
        let names = dependencies.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
        for name in names.filter(|name| name.starts_with("sevbench")) {
            let short = name.trim_start_matches("sevbench-");
            assert!(allowed[package.as_str()].contains(&short), "{package} depends on {name}");
        }
    }
}

/// The modules of every package use each other in one direction.
#[test]
fn no_package_has_a_circle_of_modules() {
    for (folder, _) in packages() {
        // A package of one file has no modules.
        let source = format!("{folder}/src");
        if names_in(&source).len() > 1 {
            ModuleGraph::read(&root().join(source)).assert_acyclic();
        }
    }
}

/// The modules of the runner that each must not use.
#[test]
fn modules_of_the_runner_use_only_what_they_may() {
    for (module, strangers) in [
        ("coordinator.rs", &["analysis", "cli", "gate"][..]),
        ("coordinator", &["analysis", "cli", "gate"]),
        ("record.rs", &["analysis", "cli", "coordinator", "gate"]),
        ("record", &["analysis", "cli", "coordinator", "gate"]),
        ("gate.rs", &["analysis", "cli", "coordinator", "record"]),
        ("gate", &["analysis", "cli", "coordinator", "record"]),
        ("analysis", &["cli", "coordinator"]),
    ] {
        for (path, text) in sources(&format!("harness/runner/src/{module}")) {
            for stranger in strangers {
                let uses = text.contains(&format!("crate::{stranger}::"));
                assert!(!uses, "{} uses crate::{stranger}", path.display());
            }
        }
    }
}

#[test]
fn pure_modules_use_no_clock_and_no_files() {
    for module in [
        "harness/statistics/src",
        "harness/runner/src/gate.rs",
        "harness/runner/src/gate",
        "harness/runner/src/analysis",
        "harness/runner/src/coordinator/checkpoint.rs",
        "harness/runner/src/coordinator/schedule.rs",
        "guest/src/parity.rs",
        "guest/src/proof.rs",
        "guest/src/capacity.rs",
        "guest/src/qemu/command.rs",
        "guest/src/host/doctor.rs",
        "guest/src/host/machine_checks.rs",
        "guest/src/host/qemu_checks.rs",
        "guest/src/host/sev_checks.rs",
    ] {
        let is_test = |path: &Path| path.to_string_lossy().ends_with("_tests.rs");
        for (path, text) in sources(module).into_iter().filter(|(path, _)| !is_test(path)) {
            for word in
                ["std::fs", "std::io", "std::net", "std::time", "Instant", "SystemTime", "std::env"]
            {
                assert!(!text.contains(word), "{} uses {word}", path.display());
            }
        }
    }
}

#[test]
fn guest_and_reports_do_not_mention_foreign_concepts() {
    for (path, text) in sources("guest/src") {
        for word in ["slowdown", "confidence", "Bencher"] {
            assert!(!text.contains(word), "{} mentions {word}", path.display());
        }
    }
    for (path, text) in sources("reports/src") {
        for word in ["ssh2", "russh", "Session", "quantile"] {
            assert!(!text.contains(word), "{} mentions {word}", path.display());
        }
    }
}

/// The Rust files at or below a path, each with its text.
fn sources(path: &str) -> Vec<(PathBuf, String)> {
    let path = root().join(path);
    let mut files = Vec::new();
    if path.is_dir() {
        rust_files(&path, &mut files);
    } else {
        files.push(path);
    }
    assert!(!files.is_empty());
    files.into_iter().map(|file| (file.clone(), fs::read_to_string(file).unwrap())).collect()
}
