//! The coordinator: what to run, in which order, and the run itself. It meets the agent only
//! through the protocol.

mod agent_session;
mod arm;
mod attendant;
mod bench_run;
mod checkpoint;
#[cfg(test)]
mod disk_faults_tests;
mod early_end;
mod fleet;
mod plan;
mod progress;
mod replication;
mod run;
mod run_log;
mod run_state;
mod schedule;
#[cfg(test)]
mod scripted;
mod selection;

pub(crate) use agent_session::GuestFleet;
pub use arm::Arm;
pub(crate) use arm::{ArmError, check_names};
pub(crate) use checkpoint::Checkpoint;
pub(crate) use plan::Plan;
pub(crate) use progress::{Progress, ProgressMode};
pub(crate) use replication::Replication;
pub(crate) use run::{Wiring, run_plan};
pub(crate) use selection::{OwnList, Selection, SelectionError, select};
