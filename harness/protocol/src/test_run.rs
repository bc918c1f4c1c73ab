//! Runs bodies once each, in this process, as `cargo test` does.

use crate::agent::empty_standard_input;
use crate::case::Case;
use crate::link::BenchAnswer;
use crate::run_once::run_once;
use crate::suite::Suite;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The first argument with which an executable runs the benches with the ids that follow, once
/// each.
pub const TEST_ARGUMENT: &str = "--sevbench-test";

/// Runs the cases that are wanted, and prints a line for each and their sum. Returns whether none
/// failed.
///
/// # Errors
/// If `print` fails, or standard input cannot be replaced.
pub fn test_cases<E: From<io::Error>>(
    suite: &Suite,
    is_wanted: impl Fn(&str) -> bool,
    mut print: impl FnMut(&str) -> Result<(), E>,
) -> Result<bool, E> {
    // As in an agent.
    empty_standard_input()?;
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for case in suite.cases().iter().filter(|case| is_wanted(case.id())) {
        let outcome = match test(case) {
            BenchAnswer::Skipped { reason, hint } => {
                skipped += 1;
                format!("skipped: {reason} (hint: {hint})")
            }
            BenchAnswer::Failed(message) => {
                failed += 1;
                format!("FAILED: {message}")
            }
            _ => {
                passed += 1;
                "ok".into()
            }
        };
        print(&format!("test {} ... {outcome}\n", case.id()))?;
    }
    print(&format!("\n{passed} passed, {failed} failed, {skipped} skipped\n"))?;
    Ok(failed == 0)
}

fn test(case: &Case) -> BenchAnswer {
    // The panic hook has already printed the message.
    catch_unwind(AssertUnwindSafe(|| run_once(case)))
        .unwrap_or_else(|_| BenchAnswer::Failed("panicked".into()))
}
