//! One bench in one boot: set-up in every arm, warm-up, the same iterations for all, rounds, verification.

use super::fleet::{AgentError, AgentLink, Exchange};
use super::run::Run;
use super::schedule::BenchOrder;
use crate::record::{
    ArmRound, Event, JournalError, MeasuredRecord, RoundRecord, RoundSamples, SetupRecord,
    SkipRecord,
};
use sevbench_protocol::Request;
use sevbench_protocol::{BenchAnswer, BenchRequest, Measure, Ready, SampleKind};
use sevbench_text::nanoseconds;
use std::time::{Duration, Instant};

/// What an outside program may take beside twice the time that it measures.
const AROUND_OBSERVATION_MAX: Duration = Duration::from_secs(60);
/// An outside program runs once a round, whatever it takes.
pub(super) const OBSERVATION: Measure = Measure { lead_in: 0, iterations: 1, samples: 1 };

/// Why a run ends before its plan does.
pub(super) enum Stop {
    Interrupted,
    /// An arm did not start in the first boot.
    NeverStarted,
    Journal(JournalError),
}

impl From<JournalError> for Stop {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

pub(super) struct BenchRun<'r, 'p> {
    pub(super) run: &'r mut Run<'p>,
    pub(super) boot: u32,
    pub(super) order: &'r BenchOrder,
    pub(super) id: String,
    /// Which arms are set up and have not failed.
    pub(super) active: Vec<bool>,
    /// What the first arm that was set up says of itself; the others must say the same.
    pub(super) kind: Option<SampleKind>,
}

impl<'r, 'p> BenchRun<'r, 'p> {
    pub(super) fn new(run: &'r mut Run<'p>, boot: u32, order: &'r BenchOrder) -> Self {
        let id = run.plan.benches[order.bench].clone();
        let active = vec![false; run.plan.arms.len()];
        Self { run, boot, order, id, active, kind: None }
    }

    pub(super) fn run(mut self) -> Result<(), Stop> {
        self.set_up()?;
        if self.compares() {
            self.warm_up()?;
        }
        if self.compares() {
            self.measure()?;
        }
        self.finish()
    }

    /// Whether the control and at least one treatment are left.
    pub(super) fn compares(&self) -> bool {
        self.active[0] && self.active[1..].contains(&true)
    }

    fn set_up(&mut self) -> Result<(), Stop> {
        for &arm in &self.order.setup_arms {
            if self.run.links[arm].is_none() {
                continue;
            }
            let spin_factor = self.run.plan.arms[arm].spin_factor;
            let request = Request::Start { bench: self.id.clone(), spin_factor };
            match self.ask(arm, &request, Duration::ZERO)? {
                Some(BenchAnswer::Ready(ready)) => {
                    self.active[arm] = true;
                    if *self.kind.get_or_insert(ready.kind) == ready.kind {
                        self.note_setup(arm, ready)?;
                    } else {
                        self.unexpected(arm, Some(BenchAnswer::Ready(ready)))?;
                    }
                }
                other => self.unexpected(arm, other)?,
            }
        }
        Ok(())
    }

    fn note_setup(&mut self, arm: usize, ready: Ready) -> Result<(), Stop> {
        Ok(self.run.wiring.journal.append(&Event::Setup(SetupRecord {
            boot: self.boot,
            bench: self.id.clone(),
            arm: self.run.plan.arms[arm].name.clone(),
            kind: ready.kind,
            throughput: ready.throughput,
            operations: ready.operations,
        }))?)
    }

    fn measure(&mut self) -> Result<(), Stop> {
        let start = Instant::now();
        let Some(&measure) = self.run.measures.get(&self.order.bench) else { return Ok(()) };
        let order = self.order;
        for (round, arms) in (1..).zip(&order.rounds) {
            self.run.stop_if_interrupted()?;
            self.run.show_round(&self.id, round);
            let at_ns = nanoseconds(self.run.wiring.start.elapsed());
            let mut measured = Vec::with_capacity(arms.len());
            for &arm in arms {
                if self.active[arm]
                    && let Some(sampled) = self.sample(arm, measure)?
                {
                    measured.push(sampled);
                }
            }
            if !self.compares() {
                return Ok(());
            }
            self.run.wiring.journal.append(&Event::Round(RoundRecord {
                boot: self.boot,
                bench: self.id.clone(),
                round,
                at_ns,
                iterations: measure.iterations,
                arms: measured,
            }))?;
        }
        let wall_ns = nanoseconds(start.elapsed());
        let record = MeasuredRecord { boot: self.boot, bench: self.id.clone(), wall_ns };
        Ok(self.run.wiring.journal.append(&Event::Measured(record))?)
    }

    fn sample(&mut self, arm: usize, measure: Measure) -> Result<Option<ArmRound>, Stop> {
        let settings = &self.run.plan.settings;
        let (command, expected) = match self.kind {
            Some(SampleKind::Observed) => {
                let duration_ns = settings.observation_ns;
                let expected = Duration::from_nanos(duration_ns) * 2 + AROUND_OBSERVATION_MAX;
                (BenchRequest::Observe { duration_ns }, expected)
            }
            _ => (BenchRequest::Measure(measure), Duration::from_nanos(settings.measurement_ns)),
        };
        let exchange = self.exchange(arm, &Request::Drive(command), expected)?;
        let Some(Exchange {
            answer,
            guest_ns,
            host_ns,
            steal_ns,
            clock_step_ns,
            transport_retries,
        }) = exchange
        else {
            return Ok(None);
        };
        let arm_round = |samples, measured_ns| {
            let arm = self.run.plan.arms[arm].name.clone();
            Ok(Some(ArmRound {
                arm,
                guest_ns: Some(guest_ns),
                host_ns: Some(host_ns),
                steal_ns,
                clock_step_ns,
                transport_retries,
                measured_ns,
                samples,
            }))
        };
        match (self.kind, Some(answer)) {
            (Some(SampleKind::Timed), Some(BenchAnswer::Samples(elapsed_ns)))
                if elapsed_ns.len() == measure.samples as usize && !elapsed_ns.contains(&0) =>
            {
                arm_round(RoundSamples::ElapsedNs(elapsed_ns), None)
            }
            (Some(SampleKind::Observed), Some(BenchAnswer::Observed(observed))) => {
                match observed.defect() {
                    Some(defect) => {
                        self.unexpected(arm, Some(BenchAnswer::Failed(defect))).map(|()| None)
                    }
                    None => arm_round(
                        RoundSamples::Observations(vec![observed.observations]),
                        observed.measured.map(nanoseconds),
                    ),
                }
            }
            (_, other) => self.unexpected(arm, other).map(|()| None),
        }
    }

    /// Dismisses the bench in every arm where it still runs; what follows there is its verification.
    fn finish(&mut self) -> Result<(), Stop> {
        for arm in 0..self.active.len() {
            if !self.active[arm] {
                continue;
            }
            match self.ask(arm, &Request::Drive(BenchRequest::Finish), Duration::ZERO)? {
                Some(BenchAnswer::Finished) => {}
                other => self.unexpected(arm, other)?,
            }
        }
        Ok(())
    }

    fn ask(
        &mut self,
        arm: usize,
        request: &Request,
        expected: Duration,
    ) -> Result<Option<BenchAnswer>, Stop> {
        Ok(self.exchange(arm, request, expected)?.map(|exchange| exchange.answer))
    }

    /// Asks the arm's agent. Where it fails, notes that, puts a fresh one in its place, and returns nothing.
    pub(super) fn exchange(
        &mut self,
        arm: usize,
        request: &Request,
        expected: Duration,
    ) -> Result<Option<Exchange>, Stop> {
        let pauses_idle = self.run.plan.pauses_idle;
        let pause = |link: &mut dyn AgentLink, paused| match pauses_idle {
            true => link.set_paused(paused),
            false => Ok(()),
        };
        let Some(link) = &mut self.run.links[arm] else { return Ok(None) };
        let link = link.as_mut();
        let exchange = pause(link, false).and_then(|()| link.ask(request, expected));
        let reason = match exchange.and_then(|exchange| pause(link, true).map(|()| exchange)) {
            Ok(exchange) => return Ok(Some(exchange)),
            Err(AgentError::Interrupted) => return Err(Stop::Interrupted),
            Err(AgentError::Failed(reason)) => reason,
        };
        self.active[arm] = false;
        // A fresh agent does not mend a guest that is gone.
        let restarted = match link.defect() {
            Some(defect) => Err(AgentError::failed(defect)),
            None => link.restart().and_then(|()| pause(link, true)),
        };
        self.run.note_failure(self.boot, Some(&self.id), arm, reason)?;
        match restarted {
            Ok(()) => Ok(None),
            Err(AgentError::Interrupted) => Err(Stop::Interrupted),
            Err(AgentError::Failed(reason)) => {
                self.run.links[arm] = None;
                self.run.note_failure(self.boot, None, arm, reason)?;
                Ok(None)
            }
        }
    }

    /// An answer that ends the bench in this arm: a skip, a failure, or one that does not fit the request.
    pub(super) fn unexpected(
        &mut self,
        arm: usize,
        answer: Option<BenchAnswer>,
    ) -> Result<(), Stop> {
        let was_active = std::mem::replace(&mut self.active[arm], false);
        match answer {
            // `ask` has noted it.
            None => Ok(()),
            Some(BenchAnswer::Skipped { reason, hint }) => {
                let arm = self.run.plan.arms[arm].name.clone();
                let record =
                    SkipRecord { boot: self.boot, bench: self.id.clone(), arm, reason, hint };
                Ok(self.run.wiring.journal.append(&Event::Skipped(record))?)
            }
            Some(BenchAnswer::Failed(reason)) => {
                self.run.note_failure(self.boot, Some(&self.id), arm, reason)
            }
            Some(BenchAnswer::Samples(samples)) if samples.contains(&0) => {
                let reason =
                    "a sample took no time that the clock can see: raise --measurement-time";
                self.dismiss(arm, was_active)?;
                self.run.note_failure(self.boot, Some(&self.id), arm, reason.into())
            }
            Some(other) => {
                let reason = format!("the agent's answer does not fit the request: {other:?}");
                self.dismiss(arm, was_active)?;
                self.run.note_failure(self.boot, Some(&self.id), arm, reason)
            }
        }
    }

    /// Lets a bench go whose samples are of no use.
    fn dismiss(&mut self, arm: usize, was_active: bool) -> Result<(), Stop> {
        if was_active {
            self.ask(arm, &Request::Drive(BenchRequest::Finish), Duration::ZERO)?;
        }
        Ok(())
    }
}
