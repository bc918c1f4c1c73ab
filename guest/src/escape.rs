//! Makes foreign text safe to print.

/// Text of a guest or of another program, trimmed and with control characters escaped: it could
/// otherwise control the terminal.
pub(crate) fn escape(text: &str) -> String {
    let escape = |c: char| match c {
        '\n' => "\n".to_owned(),
        c if c.is_control() || is_direction(c) => c.escape_unicode().to_string(),
        c => c.to_string(),
    };
    text.trim().chars().map(escape).collect()
}

/// Whether a character changes the writing direction, and so the order in which the user reads.
const fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_direction_characters_are_escaped() {
        let text = escape("one\n\x1b[31mtwo\x07\u{202e}\n");
        assert_eq!(text, "one\n\\u{1b}[31mtwo\\u{7}\\u{202e}");
    }
}
