//! Why a bench cannot run in a guest, and what a body may return.

use std::fmt::Display;

/// Why a bench cannot run in this guest, and what the user can do about it.
///
/// A body that returns one before it measures is reported as skipped, and never as a number.
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{Bencher, Skip};
/// use std::{fs::File, io::Read};
///
/// fn hardware_random(b: &mut Bencher<'_>) -> Result<(), Skip> {
///     let mut device = File::open("/dev/hwrng")
///         .map_err(|error| Skip::new(error, "log in as root to a guest with virtio-rng"))?;
///     let mut bytes = [0; 64];
///     b.iter(|| device.read_exact(&mut bytes).expect("the device delivers bytes"));
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    pub(crate) reason: String,
    pub(crate) hint: String,
}

impl Skip {
    /// A skip with its reason, and with a hint at what the user can do about it.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::Skip;
    ///
    /// fn need_two_cpus() -> Result<(), Skip> {
    ///     match std::thread::available_parallelism() {
    ///         Ok(cpus) if cpus.get() == 1 => {
    ///             Err(Skip::new("this guest has one CPU", "set vcpus to 2 or more"))
    ///         }
    ///         _ => Ok(()),
    ///     }
    /// }
    /// ```
    pub fn new(reason: impl Display, hint: impl Display) -> Self {
        Self { reason: reason.to_string(), hint: hint.to_string() }
    }
}

/// What a bench body may return: nothing, or a `Result<(), Skip>`, so that `?` skips.
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{Bench, Bencher, Skip};
/// use std::{fs::File, io::Read};
///
/// fn add(b: &mut Bencher<'_>) {
///     b.iter(|| std::hint::black_box(1) + 1);
/// }
///
/// fn random(b: &mut Bencher<'_>) -> Result<(), Skip> {
///     let mut device =
///         File::open("/dev/hwrng").map_err(|error| Skip::new(error, "log in as root"))?;
///     let mut bytes = [0; 64];
///     b.iter(|| device.read_exact(&mut bytes).expect("the device delivers bytes"));
///     Ok(())
/// }
///
/// let benches = [Bench::new("add", add), Bench::new("random", random)];
/// # drop(benches);
/// ```
#[diagnostic::on_unimplemented(
    message = "a bench body returns nothing or `Result<(), Skip>`, not `{Self}`"
)]
pub trait BodyResult: sealed::Sealed {
    #[doc(hidden)]
    fn into_result(self) -> Result<(), Skip>;
}

impl BodyResult for () {
    fn into_result(self) -> Result<(), Skip> {
        Ok(())
    }
}

impl BodyResult for Result<(), Skip> {
    fn into_result(self) -> Self {
        self
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl Sealed for Result<(), super::Skip> {}
}
