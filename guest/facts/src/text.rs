//! Reading values out of the small text files of /proc and /sys. The text is an argument; this
//! module opens no file.

/// The value of a fact that cannot be read.
pub const UNKNOWN: &str = "unknown";

/// The longest fact, in bytes.
const FACT_LEN_MAX: usize = 4096;

/// The text without surrounding white space, cut to the longest length of a fact, 4096 bytes. The
/// cut falls between characters.
pub fn bounded(text: &str) -> String {
    let text = text.trim();
    text[..text.floor_char_boundary(FACT_LEN_MAX)].to_owned()
}

/// The choice in brackets: `madvise` in `always [madvise] never`. A text without brackets is
/// returned whole.
pub fn selected(choices: &str) -> &str {
    let inner = choices.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    inner.map_or(choices, |(choice, _)| choice)
}

/// The value of the first `name : value` line.
pub fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let after = |line: &'a str| line.strip_prefix(name)?.trim_start().strip_prefix(':');
    text.lines().find_map(after).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn facts_are_cut_between_characters() {
        assert_eq!(bounded(" a b\n"), "a b");
        assert_eq!(bounded(&"x".repeat(5000)).len(), FACT_LEN_MAX);
        assert_eq!(bounded(&"\u{20ac}".repeat(2000)).len(), FACT_LEN_MAX - 1);
        assert_eq!(bounded(""), "");
    }

    #[test]
    fn field_and_selected_find_their_values() {
        let text = "processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n";
        assert_eq!(field(text, "model name"), Some("AMD EPYC"));
        assert_eq!(field(text, "model"), Some("17"));
        assert_eq!(field(text, "flags"), None);
        assert_eq!(selected("always [madvise] never"), "madvise");
        assert_eq!(selected("unknown"), "unknown");
        assert_eq!(selected("hpet"), "hpet");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,200}", name in ".{0,5}") {
            let _ = (selected(&text), field(&text, &name), bounded(&text));
        }
    }
}
