//! What tests of several packages share. Only tests depend on it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod announce;
mod lab;
mod module_graph;
mod mutations;
mod processes;
mod proxy;
mod sshd;
mod workspace;

pub use announce::count_faults;
pub use lab::{
    Lab, Ran, Skip, example, faults, skip, skip_is_failure, trials, unsealed, wait_while_running,
};
pub use module_graph::ModuleGraph;
pub use mutations::fuzz;
pub use processes::{children_of, eventually, is_alive, signal};
pub use proxy::{NetworkFault, Proxy};
pub use sshd::{Options, Sshd, free_port, make_key, user};
pub use workspace::{fixture, packages, workspace, workspace_sources};
