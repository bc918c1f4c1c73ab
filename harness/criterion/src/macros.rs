//! Criterion's two macros.

/// Defines a function that runs benches, as criterion's macro of this name does.
///
/// ```
/// use criterion::{Criterion, criterion_group};
///
/// fn add(c: &mut Criterion) {
///     c.bench_function("add", |b| b.iter(|| std::hint::black_box(1) + 1));
/// }
///
/// criterion_group!(plain, add);
/// criterion_group! {
///     name = configured;
///     config = Criterion::default().measurement_time(std::time::Duration::from_secs(1));
///     targets = add
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! criterion_group {
    (name = $name:ident; config = $config:expr; targets = $($target:path),+ $(,)*) => {
        /// Runs the benches of this group.
        pub fn $name() {
            let mut criterion: $crate::Criterion<_> = $config.configure_from_args();
            $($target(&mut criterion);)+
        }
    };
    ($name:ident, $($target:path),+ $(,)*) => {
        $crate::criterion_group! {
            name = $name;
            config = $crate::Criterion::default();
            targets = $($target),+
        }
    };
}

/// Defines the `main` of a bench executable, as criterion's macro of this name does.
///
/// ```no_run
/// use criterion::{Criterion, criterion_group, criterion_main};
///
/// fn add(c: &mut Criterion) {
///     c.bench_function("add", |b| b.iter(|| std::hint::black_box(1) + 1));
/// }
///
/// criterion_group!(benches, add);
/// criterion_main!(benches);
/// ```
#[macro_export]
macro_rules! criterion_main {
    ($($group:path),+ $(,)*) => {
        fn main() -> ::std::process::ExitCode {
            $crate::run_groups(::std::env!("CARGO_CRATE_NAME"), &[$($group),+])
        }
    };
}
