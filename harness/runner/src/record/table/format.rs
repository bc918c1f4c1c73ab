//! The format of a table: its columns, its units and its longest line.

use sevbench_protocol::Unit;

/// The columns in their order. The last one may be left out.
pub(super) const COLUMNS: [&str; 7] = ["bench", "arm", "boot", "round", "unit", "value", "ops"];

/// The number of columns that every table has.
pub(super) const REQUIRED_COLUMNS: usize = 6;

/// The longest line, in bytes.
pub(super) const LINE_LEN_MAX: usize = 4096;

/// The units of the column `unit`: the word, the unit in which values are kept, and the factor
/// between the two.
pub(super) const UNITS: [(&str, Unit, f64); 15] = [
    ("ns", Unit::Nanoseconds, 1.0),
    ("us", Unit::Nanoseconds, 1e3),
    ("ms", Unit::Nanoseconds, 1e6),
    ("s", Unit::Nanoseconds, 1e9),
    ("B/s", Unit::BytesPerSecond, 1.0),
    ("KB/s", Unit::BytesPerSecond, 1e3),
    ("MB/s", Unit::BytesPerSecond, 1e6),
    ("GB/s", Unit::BytesPerSecond, 1e9),
    ("KiB/s", Unit::BytesPerSecond, 1024.0),
    ("MiB/s", Unit::BytesPerSecond, 1_048_576.0),
    ("GiB/s", Unit::BytesPerSecond, 1_073_741_824.0),
    ("bit/s", Unit::BitsPerSecond, 1.0),
    ("elements/s", Unit::ElementsPerSecond, 1.0),
    ("ops/s", Unit::OperationsPerSecond, 1.0),
    ("iops", Unit::Iops, 1.0),
];

/// A column of the table. Its discriminant is its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Bench,
    Arm,
    Boot,
    Round,
    Unit,
    Value,
    Ops,
}

impl Column {
    pub(super) const fn name(self) -> &'static str {
        COLUMNS[self as usize]
    }
}
