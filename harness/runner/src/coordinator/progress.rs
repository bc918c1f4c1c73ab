//! Progress on standard error: a bar on a terminal, elsewhere a plain line now and then.

use crate::stderr::{takes_output, tell};
use indicatif::{ProgressBar, ProgressStyle};
use sevbench_text::format_duration;
use std::time::{Duration, Instant};

/// The shortest time between two plain lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgressMode {
    Bar,
    Lines,
    Quiet,
}

/// Shows how far a run has come.
pub(crate) struct Progress {
    mode: ProgressMode,
    bar: ProgressBar,
    last_line: Option<Instant>,
}

/// The round that a run is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundPosition<'a> {
    pub boot: u32,
    /// The number of the last boot, as far as is known.
    pub boots: u32,
    pub bench: &'a str,
    pub round: u32,
    pub rounds: u32,
}

impl Progress {
    pub(crate) fn new(mode: ProgressMode) -> Self {
        let bar = match mode {
            ProgressMode::Bar => ProgressBar::new(0),
            ProgressMode::Lines | ProgressMode::Quiet => ProgressBar::hidden(),
        };
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {wide_msg}") {
            bar.set_style(style);
        }
        Self { mode, bar, last_line: None }
    }

    /// Shows that the guests of a boot start.
    pub(super) fn boot(&mut self, boot: u32, boots: u32) {
        self.show(format!("boot {boot}/{boots}: starting guests"));
    }

    /// Shows that a round begins.
    pub(super) fn round(&mut self, position: RoundPosition<'_>, left: Duration) {
        let RoundPosition { boot, boots, bench, round, rounds } = position;
        let left = format_duration(left);
        self.show(format!(
            "boot {boot}/{boots}, {bench}, round {round}/{rounds}, about {left} left"
        ));
    }

    /// Moves the bar: boots of benches done, and their total.
    pub(super) fn advance(&mut self, (done, total): (u64, u64)) {
        if takes_output(Duration::ZERO) {
            self.bar.set_length(total);
            self.bar.set_position(done);
        }
    }

    /// Prints a line that belongs to the plan. `--quiet` hides both.
    pub(crate) fn note(&self, text: &str) {
        if self.mode != ProgressMode::Quiet {
            self.warn(text);
        }
    }

    /// Prints what the user should know at once.
    pub(crate) fn warn(&self, text: &str) {
        match self.mode {
            ProgressMode::Bar if takes_output(Duration::ZERO) => self.bar.suspend(|| tell(text)),
            ProgressMode::Bar | ProgressMode::Lines | ProgressMode::Quiet => tell(text),
        }
    }

    pub(crate) fn finish(&self) {
        if takes_output(Duration::ZERO) {
            self.bar.finish_and_clear();
        }
    }

    fn show(&mut self, text: String) {
        match self.mode {
            // Drawing would wait for a terminal that is stopped.
            ProgressMode::Bar if !takes_output(Duration::ZERO) => {}
            ProgressMode::Bar => self.bar.set_message(text),
            ProgressMode::Quiet => {}
            ProgressMode::Lines => {
                if self.last_line.is_none_or(|last| last.elapsed() >= LINE_INTERVAL) {
                    tell(&text);
                    self.last_line = Some(Instant::now());
                }
            }
        }
    }
}
