//! A part of a process's memory, as a dump holds it.

/// A part of a process's memory, and its offset in the dump's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) address: u64,
    pub(crate) len: u64,
    pub(crate) file_offset: u64,
}
