//! Escaping for text that crosses a boundary: untrusted text for the terminal, words for a shell,
//! file names for QEMU's options.

use std::path::Path;

/// Text of a guest or of another program, trimmed and with control characters escaped: it could
/// otherwise control the user's terminal.
pub(crate) fn for_terminal(text: &str) -> String {
    sevbench_text::escaped(text.trim())
}

/// A word for a POSIX shell.
pub(crate) fn for_shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A file name in an option of QEMU, which takes a doubled comma for one comma.
pub(crate) fn for_qemu(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn foreign_text_is_trimmed_and_escaped() {
        assert_eq!(for_terminal(" one\n\x1b[31mtwo\x07\n"), "one\n\\u{1b}[31mtwo\\u{7}");
    }

    #[test]
    fn commas_are_doubled_for_qemu() {
        assert_eq!(for_qemu(Path::new("/a,b")), "/a,,b");
    }

    proptest! {
        #[test]
        fn quoted_word_passes_a_shell_unchanged(word in "[^\\x00]{0,40}") {
            let command = format!("printf %s {}", for_shell(&word));
            let out = std::process::Command::new("sh").arg("-c").arg(command).output().unwrap();
            prop_assert_eq!(out.stdout, word.as_bytes());
        }
    }
}
