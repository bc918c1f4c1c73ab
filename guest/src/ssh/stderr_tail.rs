//! The end of what a process says on standard error: bounded, and safe to print.

/// How much of the end is kept.
const LEN_MAX: usize = 16 << 10;

/// The last 16 KiB of a stream of bytes.
#[derive(Debug, Default)]
pub(crate) struct Tail(Vec<u8>);

impl Tail {
    /// Adds what came.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        let surplus = self.0.len().saturating_sub(LEN_MAX);
        self.0.drain(..surplus);
    }

    /// As text without control characters but the line feed.
    pub(crate) fn text(&self) -> String {
        escape(&String::from_utf8_lossy(&self.0))
    }
}

/// Makes text of a guest safe to print: it could otherwise steer the terminal.
pub(crate) fn escape(text: &str) -> String {
    let escape = |c: char| match c {
        '\n' => "\n".to_owned(),
        c if c.is_control() || is_direction(c) => c.escape_unicode().to_string(),
        c => c.to_string(),
    };
    text.trim().chars().map(escape).collect()
}

/// Characters that turn the direction of writing, and so the order of what the user reads.
const fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept_and_it_is_harmless() {
        let mut tail = Tail::default();
        tail.push(&[b'a'; LEN_MAX]);
        tail.push(b"one\n\x1b[31mtwo\x07\n");
        let text = tail.text();
        assert!(text.ends_with("one\n\\u{1b}[31mtwo\\u{7}"), "{text}");
        assert!(tail.0.len() == LEN_MAX);
    }
}
