//! The coordinator: what to run, in which order, and the run itself. It meets the agent through the protocol only.

mod agent_session;
mod arm;
mod bench_run;
mod fleet;
mod past;
mod plan;
mod progress;
mod replication;
mod run;
mod schedule;
mod stages;
mod warm_up;

pub(crate) use agent_session::GuestFleet;
pub use arm::Arm;
pub(crate) use arm::{ArmError, check_names};
pub(crate) use past::Past;
pub(crate) use plan::{Plan, Selection, select};
pub(crate) use progress::{Progress, ProgressMode};
pub(crate) use replication::Replication;
pub(crate) use run::{Wiring, run_plan};
