//! A number of bytes as a bench parameter, printed in binary units.

use std::fmt;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// A number of bytes. Displays in the largest binary unit that divides it: `256KiB`, `32MiB`.
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::ByteSize;
/// assert_eq!(ByteSize::mib(32).to_string(), "32MiB");
/// assert_eq!(ByteSize::kib(1536).to_string(), "1536KiB");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// So many bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many KiB (1024 bytes).
    pub const fn kib(count: u64) -> Self {
        Self(count * KIB)
    }

    /// So many MiB (1024 KiB).
    pub const fn mib(count: u64) -> Self {
        Self(count * MIB)
    }

    /// So many GiB (1024 MiB).
    pub const fn gib(count: u64) -> Self {
        Self(count * GIB)
    }

    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match self.0 {
            0 => (0, "B"),
            bytes if bytes % GIB == 0 => (bytes / GIB, "GiB"),
            bytes if bytes % MIB == 0 => (bytes / MIB, "MiB"),
            bytes if bytes % KIB == 0 => (bytes / KIB, "KiB"),
            bytes => (bytes, "B"),
        };
        f.pad(&format!("{count}{unit}"))
    }
}
