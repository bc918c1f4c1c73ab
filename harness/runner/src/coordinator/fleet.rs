//! What a run asks of its guests and their agents, whatever they are: real ones, or scripted ones in tests.

use crate::record::Phases;
use sevbench_guest::{Facts, LaunchRecord};
use sevbench_protocol::{Reply, Request};
use std::time::Duration;

/// Makes guests with an agent in each.
pub(super) trait Fleet {
    /// Starts the guest of an arm, by its index in the plan, for one boot. Dropping the link ends the boot.
    fn boot(&mut self, boot: u32, arm: usize) -> Result<(Box<dyn AgentLink>, Booted), AgentError>;
}

/// One agent.
pub(super) trait AgentLink {
    /// Asks, and waits for the answer as long as `expected` and the limit of every request together.
    fn ask(&mut self, request: &Request, expected: Duration) -> Result<Reply, AgentError>;
    /// Replaces an agent that failed by a fresh one in the same guest.
    fn restart(&mut self) -> Result<(), AgentError>;
    /// Stops the guest while another measures, or lets it go on.
    fn set_paused(&mut self, paused: bool) -> Result<(), AgentError>;
    /// Why the guest itself is of no more use, where that is so.
    fn defect(&mut self) -> Option<String>;
    /// Keeps an idle connection alive; does not wait.
    fn tend(&mut self);
}

/// What is known of a guest once its agent has said hello.
#[derive(Clone, Debug)]
pub(super) struct Booted {
    pub phases: Phases,
    pub uploaded: bool,
    pub host_key: String,
    pub agent_resident_bytes: u64,
    pub launch: Option<LaunchRecord>,
    pub facts: Facts,
}

/// Why an agent gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AgentError {
    /// It, its guest or the connection failed, for this reason.
    Failed(String),
    /// The user wants to end.
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
