//! Requests to an arm's agent, and the answers that end a bench in that arm.

use super::BenchRun;
use crate::coordinator::early_end::EarlyEnd;
use crate::coordinator::fleet::{AgentError, AgentLink};
use crate::record::{Event, FailureRecord, SkipRecord};
use sevbench_protocol::{BenchAnswer, BenchRequest, Reply, Request};
use std::time::Duration;

impl BenchRun<'_, '_> {
    pub(super) fn ask(
        &mut self,
        arm: usize,
        request: &Request,
        expected: Duration,
    ) -> Result<Option<BenchAnswer>, EarlyEnd> {
        Ok(self.exchange(arm, request, expected)?.map(|reply| reply.answer))
    }

    /// Asks an arm's agent. If the agent fails, records that, replaces the agent and returns
    /// `None`.
    pub(super) fn exchange(
        &mut self,
        arm: usize,
        request: &Request,
        expected: Duration,
    ) -> Result<Option<Reply>, EarlyEnd> {
        let pauses_idle = self.context.plan.pauses_idle;
        let Some(mut session) = self.context.agents[arm].take() else { return Ok(None) };
        let agent = session.as_mut();
        let reply = set_paused(agent, pauses_idle, false)
            .and_then(|()| agent.ask(request, expected))
            .and_then(|reply| set_paused(agent, pauses_idle, true).map(|()| reply));
        self.context.agents[arm] = Some(session);
        match reply {
            Ok(reply) => Ok(Some(reply)),
            Err(AgentError::Interrupted) => Err(EarlyEnd::Interrupted),
            Err(AgentError::Failed(reason)) => self.replace_agent(arm, reason).map(|()| None),
        }
    }

    /// Ends the bench in an arm whose agent failed, and starts a fresh agent there. If that fails
    /// too, the arm is out of this boot.
    fn replace_agent(&mut self, arm: usize, reason: String) -> Result<(), EarlyEnd> {
        self.active[arm] = false;
        let pauses_idle = self.context.plan.pauses_idle;
        let Some(agent) = &mut self.context.agents[arm] else { return Ok(()) };
        let agent = agent.as_mut();
        // A fresh agent does not bring back a guest that is gone.
        let restarted = match agent.defect() {
            Some(defect) => Err(AgentError::failed(defect)),
            None => agent.restart().and_then(|()| set_paused(agent, pauses_idle, true)),
        };
        self.fail(arm, reason)?;
        match restarted {
            Ok(()) => Ok(()),
            Err(AgentError::Interrupted) => Err(EarlyEnd::Interrupted),
            Err(AgentError::Failed(reason)) => {
                self.context.agents[arm] = None;
                let (boot, arm) = (self.boot(), self.arm_name(arm));
                self.context.log.append_failure(FailureRecord { boot, bench: None, arm, reason })
            }
        }
    }

    /// Ends the bench in an arm after a skip, a failure, or an answer that does not fit the
    /// request.
    pub(super) fn end_in_arm(
        &mut self,
        arm: usize,
        answer: Option<BenchAnswer>,
    ) -> Result<(), EarlyEnd> {
        let was_active = std::mem::replace(&mut self.active[arm], false);
        match answer {
            // `exchange` has recorded the failure.
            None => Ok(()),
            Some(BenchAnswer::Skipped { reason, hint }) => {
                let (boot, bench, arm) = (self.boot(), self.id.to_owned(), self.arm_name(arm));
                let record = SkipRecord { boot, bench, arm, reason, hint };
                self.context.log.append(&Event::Skipped(record))
            }
            Some(BenchAnswer::Failed(reason)) => self.fail(arm, reason),
            Some(BenchAnswer::Samples(samples)) if samples.contains(&0) => {
                self.dismiss(arm, was_active)?;
                let reason = "a sample took 0 ns by the guest's clock: raise --measurement-time";
                self.fail(arm, reason.into())
            }
            // Such an agent is out of step with the coordinator, or broken.
            Some(other) => self.replace_agent(
                arm,
                format!("the agent's answer does not fit the request: {}", other.kind()),
            ),
        }
    }

    /// Finishes a bench whose samples are unusable.
    pub(super) fn dismiss(&mut self, arm: usize, was_active: bool) -> Result<(), EarlyEnd> {
        if was_active {
            self.ask(arm, &Request::Drive(BenchRequest::Finish), Duration::ZERO)?;
        }
        Ok(())
    }

    /// Records that the bench failed in an arm.
    pub(super) fn fail(&mut self, arm: usize, reason: String) -> Result<(), EarlyEnd> {
        let bench = Some(self.id.to_owned());
        let (boot, arm) = (self.boot(), self.arm_name(arm));
        self.context.log.append_failure(FailureRecord { boot, bench, arm, reason })
    }
}

fn set_paused(
    agent: &mut dyn AgentLink,
    pauses_idle: bool,
    paused: bool,
) -> Result<(), AgentError> {
    if pauses_idle { agent.set_paused(paused) } else { Ok(()) }
}
