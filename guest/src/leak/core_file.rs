//! The memory that an ELF core file holds, and where in the file. None of the file's numbers is
//! trusted.

use super::segment::Segment;
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, ReadRef, elf};

/// The maximum number of segments that are read. vm.max_map_count limits a process to fewer
/// mappings.
const SEGMENTS_MAX: u32 = 1 << 20;

/// The memory segments that a core file of this length holds.
pub(crate) fn read_core<'data>(
    data: impl ReadRef<'data>,
    file_len: u64,
) -> Result<Vec<Segment>, String> {
    let header = elf::FileHeader64::<Endianness>::parse(data).map_err(|error| error.to_string())?;
    let endian = header.endian().map_err(|error| error.to_string())?;
    if header.e_type(endian) != elf::ET_CORE {
        return Err("it is not a core file".into());
    }
    // Checked first, since the parser allocates space for all of them at once.
    let count = header.phnum(endian, data).map_err(|error| error.to_string())?;
    if count > SEGMENTS_MAX {
        return Err("it has too many segments".into());
    }
    let headers = header.program_headers(endian, data).map_err(|error| error.to_string())?;
    let mut segments = Vec::new();
    for header in headers.iter().filter(|header| header.p_type(endian) == elf::PT_LOAD) {
        let (address, file_offset) = (header.p_vaddr(endian), header.p_offset(endian));
        let len = header.p_filesz(endian);
        let ends = [file_offset.checked_add(len), address.checked_add(len)];
        if ends[0].is_none_or(|end| end > file_len) || ends[1].is_none() {
            return Err(format!("the segment at {address:#x} is not in it: it was cut short"));
        }
        if len > 0 {
            segments.push(Segment { address, len, file_offset });
        }
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    /// A 64-bit little-endian ELF file of this type, with segments: type, offset, address, length.
    fn elf_file(e_type: u16, segments: &[(u32, u64, u64, u64)], rest_len: usize) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        file.extend(e_type.to_le_bytes());
        file.extend(62_u16.to_le_bytes());
        file.extend(1_u32.to_le_bytes());
        for word in [0_u64, 64, 0] {
            file.extend(word.to_le_bytes());
        }
        file.extend(0_u32.to_le_bytes());
        for half in [64, 56, segments.len() as u16, 64, 0, 0] {
            file.extend(half.to_le_bytes());
        }
        for (p_type, offset, address, len) in segments {
            file.extend(p_type.to_le_bytes());
            file.extend(4_u32.to_le_bytes());
            for word in [*offset, *address, 0, *len, *len, 1] {
                file.extend(word.to_le_bytes());
            }
        }
        file.extend(vec![7; rest_len]);
        file
    }

    fn read(file: &[u8]) -> Result<Vec<Segment>, String> {
        read_core(file, file.len() as u64)
    }

    #[test]
    fn only_load_segments_are_found() {
        let file = elf_file(4, &[(4, 232, 0, 8), (1, 240, 0x7000, 100), (1, 340, 0x9000, 0)], 200);
        let segment = Segment { address: 0x7000, len: 100, file_offset: 240 };
        assert_eq!(read(&file).unwrap(), [segment]);
    }

    #[test]
    fn truncated_and_other_files_are_refused() {
        let cut = elf_file(4, &[(1, 120, 0x7000, 100)], 99);
        assert!(read(&cut).unwrap_err().contains("cut short"));
        let beyond = elf_file(4, &[(1, u64::MAX - 5, 0x7000, 100)], 0);
        assert!(read(&beyond).is_err());
        let wraps = elf_file(4, &[(1, 120, u64::MAX - 5, 100)], 100);
        assert!(read(&wraps).is_err());
        assert!(read(&elf_file(2, &[], 0)).unwrap_err().contains("not a core file"));
        assert!(read(b"hello").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn near_valid_core_files_stay_in_bounds(
            segments in proptest::collection::vec((0_u32..3, any::<u64>(), any::<u64>(), any::<u64>()), 0..5),
            flipped in any::<prop::sample::Index>(), with in any::<u8>(),
        ) {
            let small = segments.iter().map(|(kind, offset, address, len)| {
                (*kind, offset % 600, *address, len % 600)
            });
            for segments in [segments.clone(), small.collect()] {
                let mut file = elf_file(4, &segments, 300);
                let at = flipped.index(file.len());
                file[at] ^= with;
                for segment in read(&file).unwrap_or_default() {
                    prop_assert!(segment.file_offset + segment.len <= file.len() as u64);
                }
            }
        }
    }
}
