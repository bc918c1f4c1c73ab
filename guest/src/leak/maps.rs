//! Pure: the mappings of a process, as Linux lists them in /proc/PID/maps.

/// The maximum number of mappings that are read. The kernel's limit for a process is far lower
/// (vm.max_map_count).
const MAPPINGS_MAX: usize = 1 << 20;

/// A part of a process's address space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) start: u64,
    pub(crate) len: u64,
    pub(crate) is_readable: bool,
    /// Its offset in the mapped file.
    pub(crate) file_offset: u64,
    pub(crate) file: FileId,
    /// The path, or the kernel's name for it; may be empty.
    pub(crate) name: String,
}

/// The mapped file. Two mappings of the same file show the same memory, even in two processes. An
/// inode of 0 means no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    pub(crate) device: String,
    pub(crate) inode: u64,
}

/// Parses the list, and skips lines that are not mappings.
pub(crate) fn parse_maps(text: &str) -> Vec<Mapping> {
    text.lines().filter_map(parse_line).take(MAPPINGS_MAX).collect()
}

/// A line reads `7f00-7f10 rw-s 00000000 00:01 2048  /memfd:memory-backend-memfd (deleted)`.
fn parse_line(line: &str) -> Option<Mapping> {
    let mut rest = line;
    let mut word = || {
        let (word, after) = rest.trim_start().split_once(' ').unwrap_or((rest.trim_start(), ""));
        rest = after;
        word
    };
    let (range, permissions, offset, device, inode) = (word(), word(), word(), word(), word());
    let (start, end) = range.split_once('-')?;
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let (start, end) = (hex(start)?, hex(end)?);
    Some(Mapping {
        start,
        len: end.checked_sub(start).filter(|len| *len > 0)?,
        is_readable: permissions.starts_with('r'),
        file_offset: hex(offset)?,
        file: FileId { device: device.into(), inode: inode.parse().ok()? },
        name: rest.trim().into(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn kernel_lines_are_parsed() {
        let text = "55d0c0000000-55d0c0001000 r--p 00000000 fe:00 12                         /usr/bin/a b\n\
                    7f1000000000-7f1040000000 rw-s 00000000 00:01 2048                       /memfd:memory-backend-memfd (deleted)\n\
                    7f1040000000-7f1040001000 ---p 00000000 00:00 0 \n\
                    ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";
        let mappings = parse_maps(text);
        assert_eq!(mappings.len(), 4);
        assert_eq!(mappings[0].name, "/usr/bin/a b");
        let ram = &mappings[1];
        assert_eq!((ram.start, ram.len, ram.is_readable), (0x7f10_0000_0000, 1 << 30, true));
        assert_eq!(ram.file, FileId { device: "00:01".into(), inode: 2048 });
        assert!(ram.name.contains("memory-backend-memfd"));
        assert!(!mappings[2].is_readable && mappings[2].name.is_empty());
    }

    #[test]
    fn own_mappings_are_all_parsed() {
        let text = std::fs::read_to_string("/proc/self/maps").unwrap();
        assert_eq!(parse_maps(&text).len(), text.lines().count());
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_a_panic(text in ".{0,200}") {
            let _ = parse_maps(&text);
        }

        #[test]
        fn near_valid_lines_are_parsed_without_a_panic(
            text in "[0-9a-f]{0,20}-[0-9a-f]{0,20} [rwxps-]{0,5} [0-9a-f]{0,9} [0-9a-f:]{0,6} [0-9]{0,22} ?[a-z/ ]{0,9}",
        ) {
            for mapping in parse_maps(&text) {
                prop_assert!(mapping.start.checked_add(mapping.len).is_some());
            }
        }
    }
}
