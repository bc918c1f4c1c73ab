//! What a run asks of its guests and agents. Real ones and the scripted ones of tests implement it.

use crate::record::Phases;
use sevbench_guest::{Facts, LaunchRecord};
use sevbench_protocol::{Reply, Request};
use std::time::Duration;

/// Starts guests with an agent in each.
pub(super) trait Fleet {
    /// Starts the guest of an arm for one boot. The arm is an index into the plan. Dropping the
    /// link ends the boot.
    fn boot(&mut self, boot: u32, arm: usize) -> Result<(Box<dyn AgentLink>, Booted), AgentError>;
}

/// A connection to one agent.
pub(super) trait AgentLink {
    /// Sends a request and waits for the answer, for `expected` plus the limit of every request.
    fn ask(&mut self, request: &Request, expected: Duration) -> Result<Reply, AgentError>;
    /// Replaces a failed agent with a fresh one in the same guest.
    fn restart(&mut self) -> Result<(), AgentError>;
    /// Pauses the guest while another one measures, or resumes it.
    fn set_paused(&mut self, paused: bool) -> Result<(), AgentError>;
    /// Why the guest itself is unusable, if it is.
    fn defect(&mut self) -> Option<String>;
}

/// What the coordinator knows about a guest after its agent's hello.
#[derive(Clone, Debug)]
pub(super) struct Booted {
    pub phases: Phases,
    pub uploaded: bool,
    pub host_key: String,
    pub agent_resident_bytes: u64,
    pub launch: Option<LaunchRecord>,
    pub facts: Facts,
    /// The ids in the list that its agent makes.
    pub benches: Vec<String>,
}

/// Why an agent gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AgentError {
    /// The agent, its guest or the connection failed, for this reason.
    Failed(String),
    /// The user interrupted the run.
    Interrupted,
}

impl AgentError {
    pub(super) const fn failed(reason: String) -> Self {
        Self::Failed(reason)
    }

    pub(super) const fn interrupted() -> Self {
        Self::Interrupted
    }
}
