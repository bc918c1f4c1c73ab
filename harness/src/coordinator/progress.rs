//! Progress on standard error: a bar where it is a terminal, a plain line now and then where it is not.

use super::Plan;
use indicatif::{ProgressBar, ProgressStyle};
use sevbench_reports::format_duration;
use std::time::{Duration, Instant};

/// The shortest time between two plain lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgressMode {
    Bar,
    Lines,
    Quiet,
}

/// Follows a run.
pub(crate) struct Progress {
    mode: ProgressMode,
    bar: ProgressBar,
    start: Instant,
    last_line: Option<Instant>,
    done: u64,
    total: u64,
    /// How long boots have taken, and how many of them there were.
    booting: Duration,
    booted: u32,
    boots: u32,
    rounds: u32,
    expected: Duration,
}

impl Progress {
    pub(crate) fn new(mode: ProgressMode, plan: &Plan) -> Self {
        let settings = &plan.settings;
        let total = u64::from(settings.boots) * plan.benches.len() as u64;
        let bar =
            if mode == ProgressMode::Bar { ProgressBar::new(total) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {wide_msg}") {
            bar.set_style(style);
        }
        Self {
            mode,
            bar,
            start: Instant::now(),
            last_line: None,
            done: 0,
            total,
            booting: Duration::ZERO,
            booted: 0,
            boots: settings.boots,
            rounds: settings.rounds,
            expected: plan.expected(),
        }
    }

    /// The guests of a boot are being started.
    pub(crate) fn boot(&mut self, boot: u32) {
        self.show(format!("boot {boot}/{}: starting guests", self.boots));
    }

    /// The guests of a boot are up, after so long.
    pub(crate) fn booted(&mut self, took: Duration) {
        self.booting += took;
        self.booted += 1;
    }

    /// A round begins.
    pub(crate) fn round(&mut self, boot: u32, bench: &str, round: u32) {
        let place = format!("boot {boot}/{}, {bench}, round {round}/{}", self.boots, self.rounds);
        let left = format_duration(self.left());
        self.show(format!("{place}, about {left} left"));
    }

    /// A bench has ended in a boot.
    pub(crate) fn bench_done(&mut self) {
        self.done += 1;
        self.bar.set_position(self.done);
    }

    /// Something went wrong that the user should know at once.
    pub(crate) fn warn(&self, text: &str) {
        let text = sevbench_reports::escaped(text);
        match self.mode {
            ProgressMode::Bar => self.bar.suspend(|| eprintln!("{text}")),
            ProgressMode::Lines | ProgressMode::Quiet => eprintln!("{text}"),
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn left(&self) -> Duration {
        let elapsed = self.start.elapsed();
        match self.done {
            0 => self.expected.saturating_sub(elapsed),
            done => {
                let boots_left = f64::from(self.boots - self.booted.min(self.boots));
                let boots = self.booting.mul_f64(boots_left / f64::from(self.booted.max(1)));
                let measuring = elapsed.saturating_sub(self.booting);
                measuring.mul_f64((self.total - done) as f64 / done as f64) + boots
            }
        }
    }

    fn show(&mut self, text: String) {
        match self.mode {
            ProgressMode::Bar => self.bar.set_message(text),
            ProgressMode::Quiet => {}
            ProgressMode::Lines => {
                if self.last_line.is_none_or(|last| last.elapsed() >= LINE_INTERVAL) {
                    eprintln!("{text}");
                    self.last_line = Some(Instant::now());
                }
            }
        }
    }
}
