//! The coordinator: what to run, in which order, and the run itself. It meets the agent through the protocol only.

mod agent_session;
mod arm;
mod bench_run;
mod plan;
mod progress;
mod run;
mod schedule;

pub(crate) use agent_session::GuestFleet;
pub(crate) use arm::{Arm, ArmError, Role, check_names};
pub(crate) use plan::{Plan, Selection, select};
pub(crate) use progress::{Progress, ProgressMode};
pub(crate) use run::run_plan;
