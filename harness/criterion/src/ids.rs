//! Ids that sevbench accepts, made from whatever criterion's benches are called.

use sevbench_text::is_steering;
use std::collections::HashSet;

/// The longest id, in bytes. sevbench puts the name of the suite before it.
const LEN_MAX: usize = 140;
/// What stands for a part of an id that is blank.
const BLANK: &str = "_";

/// The ids that were given so far, in one pass over the groups.
#[derive(Debug, Default)]
pub(crate) struct Ids(HashSet<String>);

impl Ids {
    /// The id of a bench. As in criterion, one that is taken gets a number: `name #2`.
    pub(crate) fn next(&mut self, parts: &[&str]) -> String {
        let id = printable(&parts.join("/"));
        let mut unique = id.clone();
        let mut number = 2;
        while !self.0.insert(unique.clone()) {
            unique = format!("{id} #{number}");
            number += 1;
        }
        unique
    }
}

/// The text with underscores for what cannot be printed, without blanks around its parts, and cut
/// to a length.
fn printable(text: &str) -> String {
    let text: String = text.chars().map(|c| if is_steering(c) { '_' } else { c }).collect();
    let text = &text[..text.floor_char_boundary(LEN_MAX)];
    let parts = text.split('/').map(str::trim);
    let parts: Vec<&str> = parts.map(|part| if part.is_empty() { BLANK } else { part }).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_ids_get_numbers() {
        let mut ids = Ids::default();
        assert_eq!(ids.next(&["group", "a b"]), "group/a b");
        assert_eq!(ids.next(&["group", "a b"]), "group/a b #2");
        assert_eq!(ids.next(&["group", "a b"]), "group/a b #3");
    }

    #[test]
    fn odd_names_become_printable_ids() {
        for (name, id) in [
            ("a\nb", "a_b"),
            ("a//b/", "a/_/b/_"),
            (" a / b ", "a/b"),
            ("\u{202e}x", "_x"),
            ("a\u{200b}b\u{2028}", "a_b_"),
            ("größe", "größe"),
        ] {
            assert_eq!(printable(name), id);
        }
        assert_eq!(printable(&"ä".repeat(100)).len(), LEN_MAX);
    }
}
