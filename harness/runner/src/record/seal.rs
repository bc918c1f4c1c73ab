//! The checksum at the end of a journal's line. A line is one JSON object. Its last field, `crc32`,
//! is the CRC-32 of everything before that field. Lines of older records have none.

/// What precedes the eight hex digits, and what follows them.
const BEFORE: &[u8] = br#","crc32":""#;
const AFTER: &[u8] = br#""}"#;
const DIGITS: usize = 8;

/// Adds the checksum to a JSON object that has at least one field.
pub(super) fn seal(line: &mut Vec<u8>) {
    if line.pop_if(|last| *last == b'}').is_some() {
        let sum = crc32fast::hash(line);
        line.extend_from_slice(BEFORE);
        line.extend_from_slice(format!("{sum:08x}").as_bytes());
        line.extend_from_slice(AFTER);
    }
}

/// Whether a line is as it was written, as far as that is known: its checksum fits, or it has none.
pub(super) fn is_intact(line: &[u8]) -> bool {
    let Some(start) = line.len().checked_sub(BEFORE.len() + DIGITS + AFTER.len()) else {
        return true;
    };
    let (sealed, seal) = line.split_at(start);
    let (before, rest) = seal.split_at(BEFORE.len());
    let (digits, after) = rest.split_at(DIGITS);
    if before != BEFORE || after != AFTER {
        return true;
    }
    format!("{:08x}", crc32fast::hash(sealed)).as_bytes() == digits
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn sealed() -> Vec<u8> {
        let mut line = br#"{"event":"round","elapsed_ns":[72805,212403]}"#.to_vec();
        seal(&mut line);
        line
    }

    #[test]
    fn sealed_line_is_a_json_object_with_a_known_checksum() {
        let line = sealed();
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["event"], "round");
        assert!(is_intact(&line));
        // The check value of CRC-32: the checksum of the digits 1 to 9.
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
        assert_eq!(value["crc32"].as_str().map(str::len), Some(8));
    }

    #[test]
    fn any_changed_digit_is_noticed() {
        let line = sealed();
        let end = line.len() - BEFORE.len() - DIGITS - AFTER.len();
        for index in (0..end).filter(|index| line[*index].is_ascii_digit()) {
            let mut changed = line.clone();
            changed[index] = if changed[index] == b'9' { b'8' } else { changed[index] + 1 };
            assert!(!is_intact(&changed), "byte {index}");
        }
    }

    #[test]
    fn lines_without_a_checksum_are_taken_as_they_are() {
        for line in [&b"{}"[..], b"", b"not JSON", br#"{"event":"end","outcome":"complete"}"#] {
            assert!(is_intact(line));
        }
    }
}
