//! What a test tells although it passes. libtest captures only what the print macros print.

use std::io::Write;

/// Prints a line.
pub(crate) fn announce(line: &str) {
    writeln!(std::io::stdout().lock(), "{line}").ok();
}

/// Prints how many cases a part of the fault matrix went through: `fault matrix: 124 failed writes
/// and syncs survived`. `.ci/run` adds them up.
pub fn count_faults(cases: usize, what: &str) {
    announce(&format!("fault matrix: {cases} {what}"));
}
