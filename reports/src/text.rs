//! A result as a person reads it: one aligned line a bench, then notes, then the arms.

mod arms;
mod details;
mod gate;
mod lines;
mod notes;
mod printable;
mod record_comparison;
mod troubles;

pub use gate::render_gate;
pub use record_comparison::render_record_comparison;

use crate::model::{Place, Summary};
use sevbench_text::one_line;
use std::fmt::{Result, Write};

/// Options of the text.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextOptions {
    /// Also shows the other estimates, the smallest detectable effect, sources of variance,
    /// warm-ups, outlier rounds and the seed.
    pub verbose: bool,
    /// Colours the verdicts.
    pub colour: bool,
}

/// The whole text. It ends with a newline.
pub fn render_text(summary: &Summary, options: TextOptions) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = write_text(&mut out, &printable::printable(summary), options);
    out
}

/// A line that names the run: `run 20260102T030405Z-memory: complete`. Empty for a table, which the
/// user has named.
pub fn render_title(summary: &Summary) -> String {
    let run = &summary.run;
    match run.arms.iter().any(|arm| arm.place == Some(Place::Table)) {
        true => String::new(),
        false => format!("run {}: {}\n", one_line(&run.id), run.outcome),
    }
}

fn write_text(out: &mut String, summary: &Summary, options: TextOptions) -> Result {
    lines::write_lines(out, summary, options)?;
    lines::write_changes(out, summary)?;
    if options.verbose {
        details::write_details(out, summary)?;
    }
    notes::write_notes(out, summary, options)?;
    troubles::write_troubles(out, summary)?;
    troubles::write_differences(out, summary)?;
    if summary.comparisons.is_empty() {
        writeln!(out, "no bench has a result")?;
    }
    writeln!(out)?;
    arms::write_arms(out, summary)?;
    arms::write_run(out, summary, options)
}
