//! One bench in one boot: set-up in every arm, warm-up, rounds of equal iterations, verification.

mod exchange;
mod warm_up;

use super::early_end::EarlyEnd;
use super::fleet::AgentLink;
use super::plan::Plan;
use super::progress::RoundPosition;
use super::run_log::RunLog;
use super::run_state::RunState;
use super::schedule::BenchOrder;
use crate::record::{
    ArmRound, Event, JournalError, MeasuredRecord, RoundRecord, RoundSamples, SetupRecord,
};
use sevbench_guest::Interrupt;
use sevbench_protocol::{
    BenchAnswer, BenchRequest, Measure, Ready, Request, SampleKind, Throughput, Unit,
};
use sevbench_text::nanoseconds;
use std::time::{Duration, Instant};

/// What an external program may take beyond twice the time that it measures, before `--timeout` is
/// added.
const AROUND_OBSERVATION_MAX: Duration = Duration::from_secs(60);

/// What a bench needs from its run.
pub(super) struct BenchContext<'r, 'l> {
    pub plan: &'r Plan,
    pub state: &'r RunState,
    pub order: &'r BenchOrder,
    /// The agent of each arm, or `None` where this boot has lost its guest.
    pub agents: &'r mut [Option<Box<dyn AgentLink>>],
    /// What every round asks for. The warm-up of the first boot sets it.
    pub measure: &'r mut Option<Measure>,
    pub log: &'r mut RunLog<'l>,
    pub interrupt: &'r Interrupt,
}

/// One bench in one boot.
pub(super) struct BenchRun<'r, 'l> {
    context: BenchContext<'r, 'l>,
    id: &'r str,
    /// Which arms are set up and have not failed.
    active: Vec<bool>,
    /// How the first arm that was set up measures. The others must do so too.
    first: Option<Ready>,
}

impl<'r, 'l> BenchRun<'r, 'l> {
    pub(super) fn new(context: BenchContext<'r, 'l>) -> Self {
        let id = &context.plan.benches[context.order.bench];
        let active = vec![false; context.plan.arms.len()];
        Self { context, id, active, first: None }
    }

    pub(super) fn run(mut self) -> Result<(), EarlyEnd> {
        self.set_up()?;
        if self.can_compare() {
            self.warm_up()?;
        }
        if self.can_compare() {
            self.run_rounds()?;
        }
        self.finish()
    }

    /// Whether the control and at least one treatment are left.
    fn can_compare(&self) -> bool {
        self.active[0] && self.active[1..].contains(&true)
    }

    fn set_up(&mut self) -> Result<(), EarlyEnd> {
        for &arm in &self.context.order.setup_arms {
            if self.context.agents[arm].is_none() {
                continue;
            }
            let spin_factor = self.context.plan.arms[arm].spin_factor;
            let files = self.files();
            let request = Request::Start { bench: self.id.to_owned(), spin_factor, files };
            match self.ask(arm, &request, Duration::ZERO)? {
                Some(BenchAnswer::Ready(ready)) => {
                    self.active[arm] = true;
                    let first = *self.first.get_or_insert(ready);
                    match setup_defect(ready, first) {
                        None => self.record_setup(arm, ready)?,
                        Some(defect) => {
                            self.active[arm] = false;
                            self.dismiss(arm, true)?;
                            self.fail(arm, defect)?;
                        }
                    }
                }
                other => self.end_in_arm(arm, other)?,
            }
        }
        Ok(())
    }

    /// The files that the bench declares, each with its hash.
    fn files(&self) -> Vec<(String, String)> {
        let plan = self.context.plan;
        let paths = plan.files_of.get(self.id).into_iter().flatten();
        paths.map(|path| (path.clone(), plan.files[path].sha256.clone())).collect()
    }

    fn record_setup(&mut self, arm: usize, ready: Ready) -> Result<(), EarlyEnd> {
        let record = SetupRecord {
            boot: self.boot(),
            bench: self.id.to_owned(),
            arm: self.arm_name(arm),
            kind: ready.kind,
            throughput: ready.throughput,
            operations: ready.operations,
        };
        self.context.log.append(&Event::Setup(record))
    }

    /// Runs the rounds, until none of the treatments is left to compare.
    fn run_rounds(&mut self) -> Result<(), EarlyEnd> {
        let start = Instant::now();
        let Some(measure) = *self.context.measure else { return Ok(()) };
        let order = self.context.order;
        for (round, arms) in (1..).zip(&order.rounds) {
            EarlyEnd::check(self.context.interrupt)?;
            self.show_round(round);
            let at_ns = self.context.log.now_ns();
            let measured = self.run_round(arms, measure)?;
            if !self.can_compare() {
                return Ok(());
            }
            let recorded = self.context.log.append(&Event::Round(RoundRecord {
                boot: self.boot(),
                bench: self.id.to_owned(),
                round,
                at_ns,
                iterations: measure.iterations,
                arms: measured,
            }));
            match recorded {
                Err(EarlyEnd::Journal(error @ JournalError::TooLong { .. })) => {
                    return self.give_up(&error.to_string());
                }
                recorded => recorded?,
            }
        }
        let wall_ns = nanoseconds(start.elapsed());
        let record = MeasuredRecord { boot: self.boot(), bench: self.id.to_owned(), wall_ns };
        self.context.log.append(&Event::Measured(record))
    }

    fn show_round(&mut self, round: u32) {
        let BenchContext { plan, state, log, .. } = &mut self.context;
        let position = RoundPosition {
            boot: state.boot,
            boots: state.last_boot,
            bench: self.id,
            round,
            rounds: plan.settings.rounds(self.id),
        };
        log.progress.round(position, state.time_left());
    }

    /// Samples every active arm once, in this order.
    fn run_round(&mut self, arms: &[usize], measure: Measure) -> Result<Vec<ArmRound>, EarlyEnd> {
        let mut measured = Vec::with_capacity(arms.len());
        for &arm in arms {
            if self.active[arm]
                && let Some(sampled) = self.sample(arm, measure)?
            {
                measured.push(sampled);
            }
        }
        Ok(measured)
    }

    fn sample(&mut self, arm: usize, measure: Measure) -> Result<Option<ArmRound>, EarlyEnd> {
        let (request, expected) = self.sample_request(measure);
        let Some(reply) = self.exchange(arm, &Request::Drive(request), expected)? else {
            return Ok(None);
        };
        match usable_samples(reply.answer, self.kind(), measure) {
            Ok((samples, measured_ns)) => Ok(Some(ArmRound {
                arm: self.arm_name(arm),
                conditions: reply.conditions,
                samples,
                measured_ns,
            })),
            Err(answer) => self.end_in_arm(arm, Some(answer)).map(|()| None),
        }
    }

    /// The request for one round's samples, and how long it should take.
    fn sample_request(&self, measure: Measure) -> (BenchRequest, Duration) {
        let settings = &self.context.plan.settings;
        match self.kind() {
            Some(SampleKind::Observed) => {
                let duration_ns = settings.observation_ns(self.id);
                let expected = Duration::from_nanos(duration_ns) * 2 + AROUND_OBSERVATION_MAX;
                (BenchRequest::Observe { duration_ns }, expected)
            }
            _ => {
                let expected = Duration::from_nanos(settings.measurement_ns(self.id));
                (BenchRequest::Measure(measure), expected)
            }
        }
    }

    /// Ends the bench in every arm, and records why.
    fn give_up(&mut self, reason: &str) -> Result<(), EarlyEnd> {
        for arm in 0..self.active.len() {
            if std::mem::replace(&mut self.active[arm], false) {
                self.dismiss(arm, true)?;
                self.fail(arm, reason.to_owned())?;
            }
        }
        Ok(())
    }

    /// Finishes the bench in every arm where it still runs. The body then verifies its result
    /// there.
    fn finish(&mut self) -> Result<(), EarlyEnd> {
        for arm in 0..self.active.len() {
            if !self.active[arm] {
                continue;
            }
            match self.ask(arm, &Request::Drive(BenchRequest::Finish), Duration::ZERO)? {
                Some(BenchAnswer::Finished) => {}
                other => self.end_in_arm(arm, other)?,
            }
        }
        Ok(())
    }

    fn kind(&self) -> Option<SampleKind> {
        self.first.map(|ready| ready.kind)
    }

    const fn boot(&self) -> u32 {
        self.context.state.boot
    }

    fn arm_name(&self, arm: usize) -> String {
        self.context.plan.arms[arm].name.clone()
    }
}

/// Why a set-up cannot be measured, or not be compared with that of the first arm.
fn setup_defect(ready: Ready, first: Ready) -> Option<String> {
    if ready.operations == 0 {
        return Some("it declares 0 operations in an iteration".into());
    }
    let work = |ready: Ready| match ready.throughput.map(Throughput::unit) {
        Some(Unit::BytesPerSecond) => "bytes",
        Some(Unit::BitsPerSecond) => "bits",
        Some(_) => "elements",
        None => "no throughput",
    };
    if ready.throughput.is_some_and(|throughput| throughput.amount() == 0) {
        return Some(format!("it declares 0 {} in an iteration", work(ready)));
    }
    if ready.kind != first.kind {
        return Some("it times a closure in one arm and runs a program in another".into());
    }
    let (here, there) = (work(ready), work(first));
    (here != there).then(|| format!("it declares {here} here, but {there} in another arm"))
}

/// The samples in an answer and, from an external program, how long it measured. The answer itself
/// if it does not fit the request.
fn usable_samples(
    answer: BenchAnswer,
    kind: Option<SampleKind>,
    measure: Measure,
) -> Result<(RoundSamples, Option<u64>), BenchAnswer> {
    match (kind, answer) {
        (Some(SampleKind::Timed), BenchAnswer::Samples(elapsed_ns))
            if elapsed_ns.len() == measure.samples as usize && !elapsed_ns.contains(&0) =>
        {
            Ok((RoundSamples::ElapsedNs(elapsed_ns), None))
        }
        (Some(SampleKind::Observed), BenchAnswer::Observed(observed)) => match observed.defect() {
            Some(defect) => Err(BenchAnswer::Failed(defect)),
            None => {
                let samples = RoundSamples::Observations(vec![observed.observations]);
                Ok((samples, observed.measured.map(nanoseconds)))
            }
        },
        (_, other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_ups_of_other_work_are_not_compared() {
        let ready =
            |throughput, operations| Ready { kind: SampleKind::Timed, throughput, operations };
        let first = ready(Some(Throughput::Bytes(8)), 1);
        assert_eq!(setup_defect(first, first), None);
        assert_eq!(setup_defect(ready(Some(Throughput::BytesDecimal(8)), 1), first), None);
        for (other, expected) in [
            (ready(None, 1), "it declares no throughput here, but bytes in another arm"),
            (
                ready(Some(Throughput::Elements(8)), 1),
                "it declares elements here, but bytes in another arm",
            ),
            (
                ready(Some(Throughput::Bits(8)), 1),
                "it declares bits here, but bytes in another arm",
            ),
            (ready(Some(Throughput::Bytes(0)), 1), "it declares 0 bytes in an iteration"),
            (ready(Some(Throughput::Bytes(8)), 0), "it declares 0 operations in an iteration"),
        ] {
            assert_eq!(setup_defect(other, first).as_deref(), Some(expected));
        }
    }
}
