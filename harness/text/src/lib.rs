//! Text for people: plurals, durations, and foreign text made safe to print. Every other package
//! uses these, so that a boot count or a guest's error reads the same everywhere.

use std::time::Duration;

/// A number with its noun: `1 boot`, `2 boots`. Only for nouns with a regular plural.
///
/// ```
/// assert_eq!(sevbench_text::counted(1_u32, "boot"), "1 boot");
/// assert_eq!(sevbench_text::counted(0_u32, "boot"), "0 boots");
/// ```
pub fn counted(count: impl Into<u64>, noun: &str) -> String {
    let count = count.into();
    format!("{count} {}", plural(count, noun))
}

/// The noun alone, as it follows a number: `boot` after 1, else `boots`.
///
/// ```
/// assert_eq!(sevbench_text::plural(2_u32, "bench"), "benches");
/// ```
pub fn plural(count: impl Into<u64>, noun: &str) -> String {
    let ending = match count.into() {
        1 => "",
        _ if ["ch", "sh", "s", "x"].iter().any(|hiss| noun.ends_with(hiss)) => "es",
        _ => "s",
    };
    format!("{noun}{ending}")
}

/// A duration as people say it: `0.4 s`, `12 s`, `2 min 05 s`, `1 h 01 min`.
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds.round() as u64 {
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        whole @ 0..60 => format!("{whole} s"),
        whole @ 60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        whole => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A duration in whole nanoseconds. It saturates after 584 years.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Foreign text, such as a guest's, that is safe to print. Control characters could steer the
/// terminal, and characters that turn the direction of writing could reorder what the user reads:
/// both are escaped. Line feeds stay.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => escaped.push(c),
            c if is_steering(c) => escaped.extend(c.escape_unicode()),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Foreign text as one line: like [`escaped`], with line feeds escaped too.
pub fn one_line(text: &str) -> String {
    escaped(text).replace('\n', "\\n")
}

/// Foreign text of several lines: like [`escaped`], with every line but the first indented, so that
/// none of them looks like a line of ours.
pub fn indented(text: &str) -> String {
    escaped(text.trim_end()).replace('\n', "\n    ")
}

/// Whether a character could steer a terminal, break a line, turn the direction of writing, or not
/// be seen.
pub fn is_steering(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        for (ms, text) in
            [(400, "0.4 s"), (12_000, "12 s"), (125_000, "2 min 05 s"), (3_660_000, "1 h 01 min")]
        {
            assert_eq!(format_duration(Duration::from_millis(ms)), text);
        }
    }

    #[test]
    fn control_and_direction_characters_are_escaped() {
        assert_eq!(escaped("a\x1b[2Jb\nc"), "a\\u{1b}[2Jb\nc");
        assert_eq!(escaped("\u{202e}\u{61c}\u{7}é"), "\\u{202e}\\u{61c}\\u{7}é");
    }

    #[test]
    fn no_line_of_foreign_text_begins_like_one_of_ours() {
        assert_eq!(one_line("a\nb\r"), "a\\nb\\u{d}");
        assert_eq!(indented("a\nb\n\n"), "a\n    b");
    }

    #[test]
    fn nanoseconds_saturate() {
        assert_eq!(nanoseconds(Duration::from_micros(3)), 3_000);
        assert_eq!(nanoseconds(Duration::MAX), u64::MAX);
    }
}
