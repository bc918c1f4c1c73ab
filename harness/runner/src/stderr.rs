//! Standard error, which carries progress, notes and errors.

use sevbench_text::indented;
use std::io::{self, Write};

/// Prints a line on standard error, safe for a terminal whatever it quotes. A reader that closes
/// the pipe early, or a full disk, must not end a run, so failures are ignored.
pub fn tell(line: &str) {
    let line = indented(line);
    if cfg!(test) {
        // Test output is captured only if it is printed like this.
        eprintln!("{line}");
    } else {
        writeln!(io::stderr(), "{line}").ok();
    }
}
