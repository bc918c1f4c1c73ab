//! The units of a measurement, and how much work an iteration does.

use serde::{Deserialize, Serialize};

/// How much work one iteration does. It turns the time of an iteration into a rate.
///
/// See [`Bencher::throughput`](crate::bencher::Bencher::throughput).
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{Bencher, Throughput};
///
/// fn parse(b: &mut Bencher<'_>) {
///     let lines = "17\n".repeat(500);
///     b.throughput(Throughput::ElementsAndBytes { elements: 500, bytes: lines.len() as u64 });
///     b.iter(|| {
///         std::hint::black_box(&lines).lines().map(str::parse).collect::<Result<Vec<u32>, _>>()
///     });
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Throughput {
    /// An iteration processes this many bytes. The result is shown in B/s.
    Bytes(u64),
    /// An iteration processes this many elements. The result is shown in elements/s.
    Elements(u64),
    /// An iteration processes this many bits. The result is shown in bit/s.
    Bits(u64),
    /// The same as `Bytes`, for compatibility with criterion. Rates have decimal prefixes here.
    BytesDecimal(u64),
    /// An iteration processes elements whose total size is known. The result is in elements/s.
    ElementsAndBytes {
        /// The number of elements.
        elements: u64,
        /// Their total size, in bytes.
        bytes: u64,
    },
}

impl Throughput {
    /// The unit of the rate.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// # use sevbench::{Throughput, Unit};
    /// assert_eq!(Throughput::Bits(512).unit(), Unit::BitsPerSecond);
    /// ```
    pub const fn unit(self) -> Unit {
        match self {
            Self::Bytes(_) | Self::BytesDecimal(_) => Unit::BytesPerSecond,
            Self::Elements(_) | Self::ElementsAndBytes { .. } => Unit::ElementsPerSecond,
            Self::Bits(_) => Unit::BitsPerSecond,
        }
    }

    /// What an iteration processes, in what the rate counts.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// # use sevbench::Throughput;
    /// assert_eq!(Throughput::ElementsAndBytes { elements: 500, bytes: 1500 }.amount(), 500);
    /// ```
    pub const fn amount(self) -> u64 {
        match self {
            Self::Bytes(amount)
            | Self::BytesDecimal(amount)
            | Self::Elements(amount)
            | Self::Bits(amount)
            | Self::ElementsAndBytes { elements: amount, .. } => amount,
        }
    }
}

/// The unit in which a value is recorded and shown.
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{Observation, Unit};
///
/// let queries = Observation::rate("queries", 8_200.0, Unit::OperationsPerSecond);
/// # drop(queries);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// `ns`: nanoseconds per operation.
    #[serde(rename = "ns")]
    Nanoseconds,
    /// `B/s`: bytes per second.
    #[serde(rename = "B/s")]
    BytesPerSecond,
    /// `bit/s`: bits per second.
    #[serde(rename = "bit/s")]
    BitsPerSecond,
    /// `elements/s`: elements per second.
    #[serde(rename = "elements/s")]
    ElementsPerSecond,
    /// `ops/s`: operations per second.
    #[serde(rename = "ops/s")]
    OperationsPerSecond,
    /// `iops`: I/O operations per second.
    #[serde(rename = "iops")]
    Iops,
}

impl Unit {
    /// Whether the unit is a rate, so that more is better. The cost of an operation is then the
    /// inverse of the value.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// # use sevbench::Unit;
    /// assert!(Unit::Iops.is_rate());
    /// assert!(!Unit::Nanoseconds.is_rate());
    /// ```
    pub const fn is_rate(self) -> bool {
        !matches!(self, Self::Nanoseconds)
    }

    /// The unit's symbol in records and output.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// # use sevbench::Unit;
    /// assert_eq!(Unit::BytesPerSecond.symbol(), "B/s");
    /// ```
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::BytesPerSecond => "B/s",
            Self::BitsPerSecond => "bit/s",
            Self::ElementsPerSecond => "elements/s",
            Self::OperationsPerSecond => "ops/s",
            Self::Iops => "iops",
        }
    }
}
