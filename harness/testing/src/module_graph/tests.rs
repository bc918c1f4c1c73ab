//! Each form in which a module can use another, and cycles that must be found.

use super::*;

/// The graph of these files, each a path and a text.
fn graph(files: &[(&str, &str)]) -> ModuleGraph {
    let files: Vec<_> = files.iter().map(|(path, text)| (path.into(), (*text).into())).collect();
    ModuleGraph::of_level(&sources(&files), &[])
}

/// What module `a` uses if `text` is its file, beside modules `b`, `c` and `d`.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    check_at("a.rs", text, expected);
}

#[track_caller]
fn check_at(path: &str, text: &str, expected: &[&str]) {
    let graph = graph(&[(path, text), ("b.rs", ""), ("c.rs", ""), ("d/mod.rs", "")]);
    let used: Vec<&str> = graph.uses("a").into_iter().collect();
    assert_eq!(used, expected, "{text}");
    assert!(graph.root_imports().is_empty(), "{:?}", graph.root_imports());
}

#[test]
fn simple_use_is_an_edge() {
    check("use crate::b::Thing;", &["b"]);
    check("use crate::b;", &["b"]);
    check("use crate::b as other;", &["b"]);
    check("use crate::b::*;", &["b"]);
    check("use crate::d::deep::Thing;", &["d"]);
}

#[test]
fn visible_use_is_an_edge() {
    check("pub(crate) use crate::b::Thing;", &["b"]);
    check("pub use crate::b::Thing;", &["b"]);
    check("pub(in crate::a) use crate::c::Thing;", &["c"]);
}

#[test]
fn group_is_an_edge_for_each_member() {
    check("use crate::{b::Thing, c};", &["b", "c"]);
    check("use crate::{b::{self, Thing as Other}, c::x::{Y, Z}, d};", &["b", "c", "d"]);
    check("use {crate::b::Thing, crate::c::Other};", &["b", "c"]);
    check(
        "use crate::{\n    b::Thing, // a comment, with crate::d::Nothing\n    c::*,\n};",
        &["b", "c"],
    );
}

#[test]
fn path_in_code_is_an_edge() {
    check("fn f() -> crate::b::Thing { crate::c::make::<u8>() }", &["b", "c"]);
    check("fn f() { if crate::b::IS { crate::c::run!(1) } }", &["b", "c"]);
    check("macro_rules! m { () => { $crate::b::f() } }", &["b"]);
    check("use std::io; impl crate::b::Trait for u8 {}", &["b"]);
}

#[test]
fn super_leads_to_siblings() {
    check("use super::b::Thing;", &["b"]);
    check("use super::{b, c::Thing};", &["b", "c"]);
    check_at("a/x.rs", "use super::Thing; use super::y::Other;", &[]);
    check_at("a/x.rs", "use super::super::b::Thing;", &["b"]);
    check_at("a/x/mod.rs", "use super::super::{b::Thing, c};", &["b", "c"]);
    check_at("a/x/y.rs", "use super::super::super::c;", &["c"]);
    check_at("a/x.rs", "use self::y::Thing; use self::super::super::b::X;", &["b"]);
}

#[test]
fn inline_modules_count_as_depth() {
    check("mod tests { use super::*; use super::super::b::Thing; } use super::c;", &["b", "c"]);
    check("mod tests { fn f() { {} } mod more { use super::super::super::c; } }", &["c"]);
    check("fn f() {} mod x { use crate::b; } fn g() { super::c::f() }", &["b", "c"]);
}

#[test]
fn files_given_by_path_belong_to_their_module() {
    let files = [
        ("a.rs", "#[cfg(test)]\n#[path = \"a_tests.rs\"]\nmod tests;"),
        ("a_tests.rs", "use super::*; use super::super::b::Thing; use crate::c;"),
        ("b.rs", ""),
        ("c.rs", ""),
    ];
    let graph = graph(&files);
    assert_eq!(graph.uses("a").into_iter().collect::<Vec<_>>(), ["b", "c"]);
    assert!(graph.uses("a_tests").is_empty() && graph.root_imports().is_empty());
}

#[test]
fn comments_and_literals_are_no_paths() {
    check(
        "// crate::b::X\n/// [`crate::b`]\n//! crate::b\n/* crate::c /* crate::d */ crate::b */",
        &[],
    );
    check(r##"const A: &str = "use crate::b;"; const B: &str = r#"crate::c " "#;"##, &[]);
    check(r#"const A: char = '"'; use crate::b; const B: &[u8] = b"\"crate::c"; "#, &["b"]);
    check(r"fn f<'a>(x: &'a str) -> char { '\'' } use crate::b;", &["b"]);
    check("fn r#crate() {} use crate::r#b::X;", &["b"]);
}

#[test]
fn crate_root_is_no_module() {
    let graph =
        graph(&[("lib.rs", "pub use a::X; use crate::a::Y;"), ("a.rs", ""), ("main.rs", "")]);
    assert!(graph.cycle().is_none());
    graph.assert_acyclic();
}

#[test]
fn imports_through_the_crate_root_are_listed() {
    let text = "use crate::{Thing, b::Other};\nuse super::More;\nfn f() { crate::run!() }";
    let graph = graph(&[("a.rs", text), ("b.rs", "")]);
    assert_eq!(graph.root_imports(), ["a.rs:1: crate::Thing", "a.rs:2: crate::More"]);
    let failed = std::panic::catch_unwind(|| graph.assert_acyclic()).unwrap_err();
    assert!(failed.downcast_ref::<String>().unwrap().contains("a.rs:2: crate::More"));
}

#[test]
fn cycle_is_shown_with_its_places() {
    let files = [
        ("a.rs", "use crate::b::X;"),
        ("b/inner.rs", "\nuse super::super::{c, d::Y};"),
        ("b.rs", ""),
        ("c.rs", "use crate::d;"),
        ("d.rs", "fn f() { crate::a::f() }"),
    ];
    let graph = graph(&files);
    let cycle = graph.cycle().unwrap();
    assert_eq!(cycle.len(), 3, "the shortest: {cycle:?}");
    assert_eq!(cycle[0], "a -> b  (a.rs:1: crate::b::X)");
    assert_eq!(cycle[1], "b -> d  (b/inner.rs:2: crate::d::Y)");
    assert_eq!(cycle[2], "d -> a  (d.rs:1: crate::a::f)");
    let failed = std::panic::catch_unwind(|| graph.assert_acyclic()).unwrap_err();
    assert!(failed.downcast_ref::<String>().unwrap().contains("d -> a  (d.rs:1"));
}

#[test]
fn acyclic_graph_passes() {
    let files = [("a.rs", "use crate::{b, c};"), ("b.rs", "use crate::c;"), ("c.rs", "")];
    graph(&files).assert_acyclic();
}

/// The cycles below the module `a`, whose file has this text, with submodules `x` and `y`.
fn cycle_below_a(a: &str, x: &str, y: &str) -> Option<Vec<String>> {
    let files = [("a.rs", a), ("a/x.rs", x), ("a/y.rs", y)];
    let files: Vec<_> = files.iter().map(|(path, text)| (path.into(), (*text).into())).collect();
    let levels = ModuleGraph::levels(&sources(&files));
    assert_eq!(levels.len(), 2);
    assert_eq!(levels[0].cycle(), None);
    levels[1].cycle()
}

#[test]
fn cycle_of_submodules_is_found() {
    let uses_y = "use super::y::Y;";
    assert_eq!(cycle_below_a("", uses_y, "fn y() {}"), None);
    let cycle = cycle_below_a("", uses_y, "fn y() { crate::a::x::f() }").unwrap();
    assert_eq!(cycle, ["x -> y  (a/x.rs:1: crate::a::y::Y)", "y -> x  (a/y.rs:1: crate::a::x::f)"]);
}

#[test]
fn cycle_through_a_reexport_is_found() {
    let reexports = "mod x; mod y; pub use x::{other::Z, X};";
    let uses_x = "use super::X;";
    assert_eq!(cycle_below_a(reexports, "struct X;", uses_x), None);
    assert!(cycle_below_a(reexports, "use super::y::Y;", uses_x).is_some());
    assert!(cycle_below_a("pub(crate) use self::x::X;", "use super::y::Y;", uses_x).is_some());
    let renamed = "pub use x::Thing as X; pub use y::X as Other;";
    assert!(cycle_below_a(renamed, "use super::y::Y;", uses_x).is_some());
    assert_eq!(cycle_below_a("struct X;", "use super::y::Y;", uses_x), None);
}

#[test]
fn glob_of_a_parent_is_reported_outside_of_tests() {
    let hidden = |x: &str| {
        let files = [("a.rs", "mod x;"), ("a/x.rs", x)];
        let files: Vec<_> =
            files.iter().map(|(path, text)| (path.into(), (*text).into())).collect();
        ModuleGraph::levels(&sources(&files))[1].root_imports().len()
    };
    assert_eq!(hidden("use super::*;"), 1);
    assert_eq!(hidden("use super::Thing; mod tests { use super::*; use super::super::*; }"), 0);
}
