//! Pure: where a guest's memory is in the address space of its QEMU.

use super::maps::{FileId, Mapping};
use thiserror::Error;

/// QEMU's name for the memory of the guests that we start.
const RAM_NAME: &str = "memfd:memory-backend-memfd";
/// q35 puts this much below 4 GiB if the guest has [`SPLIT_FROM`] or more (QEMU, hw/i386/pc_q35.c,
/// pc_q35_init).
const LOW_LEN: u64 = 0x8000_0000;
/// A guest with less than this has all of its memory below 4 GiB (same source).
const SPLIT_FROM: u64 = 0xb000_0000;
/// The rest starts here (QEMU, hw/i386/pc.c, pc_memory_init).
const HIGH_START: u64 = 4 << 30;
/// If memory would reach this address, QEMU moves the rest above 1 TiB for AMD processors
/// (hw/i386/pc.c, AMD_HT_START).
const MOVED_FROM: u64 = 0xfd_0000_0000;

/// The memory of a guest in the address space of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ram {
    /// For each piece: offset in the guest's memory, address in the process, length.
    pieces: Vec<(u64, u64, u64)>,
    /// The mapped file; `None` for memory without a file.
    pub(crate) file: Option<FileId>,
}

/// The guest's memory was not found.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum RamError {
    #[error(
        "it has no readable mapping that is called {RAM_NAME} or is as large as the guest's memory"
    )]
    NotMapped,
    #[error("several of its mappings are as large as the guest's memory")]
    Ambiguous,
}

impl Ram {
    /// Finds the memory of a guest by its name, or else by its size.
    pub(crate) fn find(mappings: &[Mapping], memory_len: u64) -> Result<Self, RamError> {
        let readable = || mappings.iter().filter(|mapping| mapping.is_readable);
        for named in readable().filter(|mapping| mapping.name.contains(RAM_NAME)) {
            let ram = Self::of_file(mappings, &named.file);
            let len = ram.pieces.iter().fold(0_u64, |sum, (_, _, len)| sum.saturating_add(*len));
            if len == memory_len {
                return Ok(ram);
            }
        }
        let mut as_large = readable().filter(|mapping| mapping.len == memory_len);
        let mapping = as_large.next().ok_or(RamError::NotMapped)?;
        if as_large.next().is_some() {
            return Err(RamError::Ambiguous);
        }
        let file = (mapping.file.inode != 0).then(|| mapping.file.clone());
        Ok(Self { pieces: vec![(0, mapping.start, mapping.len)], file })
    }

    /// All mappings of a file; may be empty.
    pub(crate) fn of_file(mappings: &[Mapping], file: &FileId) -> Self {
        let of_file = |mapping: &&Mapping| mapping.is_readable && mapping.file == *file;
        let piece = |mapping: &Mapping| (mapping.file_offset, mapping.start, mapping.len);
        let pieces = mappings.iter().filter(of_file).map(piece).collect();
        Self { pieces, file: Some(file.clone()) }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The address in the process of an offset in the guest's memory.
    pub(crate) fn address_of(&self, ram_offset: u64) -> Option<u64> {
        self.pieces.iter().find_map(|(offset, start, len)| {
            let into = ram_offset.checked_sub(*offset).filter(|into| into < len)?;
            start.checked_add(into)
        })
    }
}

/// The offset in a q35 guest's memory of a guest-physical address.
pub(crate) fn ram_offset(guest_physical: u64, memory_len: u64) -> Option<u64> {
    let low_len = if memory_len >= SPLIT_FROM { LOW_LEN } else { memory_len };
    if guest_physical < low_len {
        return Some(guest_physical);
    }
    let into_high = guest_physical.checked_sub(HIGH_START)?;
    let is_there = into_high < memory_len - low_len && guest_physical < MOVED_FROM;
    is_there.then_some(low_len + into_high)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    const GIB: u64 = 1 << 30;

    fn mapping(start: u64, len: u64, file_offset: u64, inode: u64, name: &str) -> Mapping {
        let file = FileId { device: "00:01".into(), inode };
        Mapping { start, len, is_readable: true, file_offset, file, name: name.into() }
    }

    #[test]
    fn small_guest_is_linear() {
        assert_eq!(ram_offset(0, GIB), Some(0));
        assert_eq!(ram_offset(GIB - 1, GIB), Some(GIB - 1));
        assert_eq!(ram_offset(GIB, GIB), None);
        assert_eq!(ram_offset(4 * GIB, GIB), None);
        // Just below the split, all memory is still below 4 GiB.
        assert_eq!(ram_offset(SPLIT_FROM - 2, SPLIT_FROM - 1), Some(SPLIT_FROM - 2));
    }

    #[test]
    fn large_guest_continues_above_4_gib() {
        for memory in [SPLIT_FROM, 16 * GIB] {
            assert_eq!(ram_offset(2 * GIB - 1, memory), Some(2 * GIB - 1));
            assert_eq!(ram_offset(2 * GIB, memory), None);
            assert_eq!(ram_offset(4 * GIB - 1, memory), None);
            assert_eq!(ram_offset(4 * GIB, memory), Some(2 * GIB));
            assert_eq!(ram_offset(memory + 2 * GIB - 1, memory), Some(memory - 1));
            assert_eq!(ram_offset(memory + 2 * GIB, memory), None);
        }
        assert_eq!(ram_offset(1 << 40, 4 << 40), None);
    }

    #[test]
    fn named_memory_is_found_in_pieces_and_beside_a_mapping_of_its_size() {
        let name = "/memfd:memory-backend-memfd (deleted)";
        let mappings = [
            mapping(0x1000, GIB, 0, 0, ""),
            mapping(8 * GIB, GIB / 2, 0, 7, name),
            mapping(9 * GIB, GIB / 2, GIB / 2, 7, name),
        ];
        let ram = Ram::find(&mappings, GIB).unwrap();
        assert_eq!(ram.address_of(5), Some(8 * GIB + 5));
        assert_eq!(ram.address_of(GIB / 2), Some(9 * GIB));
        assert_eq!(ram.address_of(GIB), None);
        assert_eq!(ram.file.unwrap().inode, 7);
    }

    #[test]
    fn unnamed_memory_is_found_by_a_unique_size() {
        let mut mappings = vec![mapping(0x1000, 4096, 0, 3, "/a"), mapping(GIB, GIB, 0, 0, "")];
        let ram = Ram::find(&mappings, GIB).unwrap();
        assert_eq!((ram.address_of(1), ram.file), (Some(GIB + 1), None));
        mappings.push(mapping(4 * GIB, GIB, 0, 0, ""));
        assert_eq!(Ram::find(&mappings, GIB), Err(RamError::Ambiguous));
        assert_eq!(Ram::find(&mappings, GIB / 4), Err(RamError::NotMapped));
        mappings[1].is_readable = false;
        assert!(Ram::find(&mappings, GIB).is_ok());
    }

    proptest! {
        #[test]
        fn every_offset_is_in_bounds_and_unique(
            memory in 1_u64..1 << 38, a in any::<u64>(), b in any::<u64>(),
        ) {
            let (a, b) = (a % (1 << 39), b % (1 << 39));
            if let Some(offset) = ram_offset(a, memory) {
                prop_assert!(offset < memory);
                prop_assert!(a == b || ram_offset(b, memory) != Some(offset));
            }
            let _ = ram_offset(a.wrapping_mul(b), memory);
        }
    }
}
