//! Standard error, which carries progress, notes and errors.

use std::io::{self, Write};

/// Prints a line on standard error. A reader that closes the pipe early, or a full disk, must not
/// end a run, so failures are ignored.
pub fn tell(line: &str) {
    if cfg!(test) {
        // Test output is captured only if it is printed like this.
        eprintln!("{line}");
    } else {
        writeln!(io::stderr(), "{line}").ok();
    }
}
