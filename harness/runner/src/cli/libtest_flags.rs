//! Flags of Rust's own test harness, which `cargo test --all-targets`, nextest and editors pass to
//! bench executables too. Those without a meaning for bodies that run one by one are ignored.

use clap::Args;

/// Flags of libtest.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct LibtestFlags {
    /// Bodies print as they like.
    #[arg(long, hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    no_capture: bool,
    #[arg(long, hide = true)]
    show_output: bool,
    #[arg(long, hide = true)]
    include_ignored: bool,
    #[arg(long, hide = true, value_name = "N")]
    test_threads: Option<u32>,
    /// No bench is ignored, so this selects none.
    #[arg(long, hide = true)]
    pub ignored: bool,
}
