//! [`ByteSize`]: a number of bytes as a bench parameter.

use std::fmt;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// A number of bytes, as a bench parameter. It is displayed in the largest binary unit that divides
/// it, as in `256KiB`.
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::ByteSize;
///
/// assert_eq!(ByteSize::mib(32).to_string(), "32MiB");
/// assert_eq!(ByteSize::kib(1536).to_string(), "1536KiB");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// A size of `bytes` bytes.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// # use sevbench::ByteSize;
    /// assert_eq!(ByteSize::new(1500).to_string(), "1500B");
    /// ```
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// A size of `count` KiB (1024 bytes each).
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// # use sevbench::ByteSize;
    /// assert_eq!(ByteSize::kib(4), ByteSize::new(4096));
    /// ```
    ///
    /// # Panics
    /// If the size exceeds `u64::MAX` bytes.
    pub const fn kib(count: u64) -> Self {
        Self::product(count, KIB)
    }

    /// A size of `count` MiB (1024 KiB each).
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// # use sevbench::ByteSize;
    /// assert_eq!(ByteSize::mib(2), ByteSize::kib(2048));
    /// ```
    ///
    /// # Panics
    /// If the size exceeds `u64::MAX` bytes.
    pub const fn mib(count: u64) -> Self {
        Self::product(count, MIB)
    }

    /// A size of `count` GiB (1024 MiB each).
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// # use sevbench::ByteSize;
    /// assert_eq!(ByteSize::gib(1), ByteSize::mib(1024));
    /// ```
    ///
    /// # Panics
    /// If the size exceeds `u64::MAX` bytes.
    pub const fn gib(count: u64) -> Self {
        Self::product(count, GIB)
    }

    /// The size in bytes.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// # use sevbench::ByteSize;
    /// let page = vec![0_u8; ByteSize::kib(4).bytes() as usize];
    /// assert_eq!(page.len(), 4096);
    /// ```
    pub const fn bytes(self) -> u64 {
        self.0
    }

    const fn product(count: u64, unit: u64) -> Self {
        Self(count.checked_mul(unit).expect("a ByteSize has at most u64::MAX bytes"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "at most u64::MAX bytes")]
    fn size_beyond_u64_panics() {
        let _ = ByteSize::gib(1 << 34);
    }
}
