//! Checks the direction of dependencies between packages and modules, and what pure code must not
//! use.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use sevbench_testing::{ModuleGraph, packages, workspace, workspace_sources};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap()
}

/// The packages that each may depend on. Cargo keeps the code within these bounds.
#[test]
fn packages_depend_in_one_direction() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("cargo-sevbench", &["guest", "reports", "runner", "statistics", "text"][..]),
        ("sevbench", &["protocol", "runner"]),
        ("sevbench-criterion", &["sevbench", "text"]),
        ("sevbench-facts", &[]),
        ("sevbench-guest", &["facts", "process", "text"]),
        ("sevbench-process", &[]),
        ("sevbench-protocol", &["facts", "text"]),
        ("sevbench-reports", &["text"]),
        ("sevbench-runner", &["guest", "protocol", "reports", "statistics", "text"]),
        ("sevbench-statistics", &[]),
        ("sevbench-suite", &["process", "sevbench"]),
        ("sevbench-testing", &["guest"]),
        ("sevbench-text", &[]),
        ("sevbench-validation", &["reports", "runner", "statistics"]),
    ]);
    for (folder, package) in packages() {
        let manifest = read(&format!("{folder}/Cargo.toml"));
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap();
        let names = dependencies.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
        for name in names.filter(|name| name.starts_with("sevbench")) {
            let short = name.trim_start_matches("sevbench-");
            assert!(allowed[package.as_str()].contains(&short), "{package} depends on {name}");
        }
    }
}

/// The modules of every package use each other in one direction, on every level.
#[test]
fn module_graphs_have_no_cycles() {
    for (folder, _) in packages() {
        // A package of one file has no modules.
        let source = format!("{folder}/src");
        if fs::read_dir(workspace().join(&source)).unwrap().count() > 1 {
            let levels = ModuleGraph::read_levels(&workspace().join(source));
            levels.iter().for_each(ModuleGraph::assert_acyclic);
        }
    }
}

/// The modules of the runner that each must not use.
#[test]
fn modules_of_the_runner_use_only_what_they_may() {
    let graph = ModuleGraph::read(&workspace().join("harness/runner/src"));
    for (module, strangers) in [
        ("coordinator", &["analysis", "cli", "gate"][..]),
        ("record", &["analysis", "cli", "coordinator", "gate"]),
        ("gate", &["analysis", "cli", "coordinator", "record"]),
        ("analysis", &["cli", "coordinator"]),
    ] {
        for stranger in strangers {
            assert!(!graph.uses(module).contains(stranger), "{module} uses {stranger}");
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
    let below = workspace().join(path);
    let files: Vec<_> =
        workspace_sources().into_iter().filter(|(file, _)| file.starts_with(&below)).collect();
    assert!(!files.is_empty(), "{path}");
    files
}
