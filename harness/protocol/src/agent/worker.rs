//! The thread on which one bench body runs: takes its commands, gives its answers, and turns its panic into one.

use crate::link::{BenchAnswer, BenchRequest, Link};
use crate::suite::Suite;
use std::cell::RefCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// A bench that is set up and waits for commands.
pub(super) struct Worker {
    commands: SyncSender<BenchRequest>,
    answers: Receiver<BenchAnswer>,
}

impl Worker {
    /// Sets a bench up on a thread of its own. The answer says how it went; a worker is there if it is ready.
    pub(super) fn start(
        suite: &Arc<Suite>,
        bench: &str,
        spin_factor: Option<f64>,
    ) -> io::Result<(Option<Self>, BenchAnswer)> {
        let Some(index) = suite.cases().iter().position(|case| case.id() == bench) else {
            return Ok((
                None,
                BenchAnswer::Failed(format!("this executable has no bench `{bench}`")),
            ));
        };
        let (commands, inbox) = sync_channel(1);
        let (outbox, answers) = sync_channel(1);
        let suite = Arc::clone(suite);
        std::thread::Builder::new().name(bench.into()).spawn(move || {
            let mut link = ThreadLink { outbox: outbox.clone(), inbox };
            let case = &suite.cases()[index];
            let run = AssertUnwindSafe(|| case.run(&mut link, spin_factor));
            let last = catch_unwind(run).unwrap_or_else(|_| BenchAnswer::Failed(take_panic()));
            // Nobody listens any more only when the agent itself is ending.
            outbox.send(last).ok();
        })?;
        Ok(Self { commands, answers }.answer())
    }

    /// Passes a command on and waits for the answer.
    pub(super) fn drive(self, command: BenchRequest) -> (Option<Self>, BenchAnswer) {
        // A bench whose body has ended does not take it; its last answer is waiting then.
        self.commands.send(command).ok();
        self.answer()
    }

    fn answer(self) -> (Option<Self>, BenchAnswer) {
        match self.answers.recv() {
            Ok(
                last @ (BenchAnswer::Finished
                | BenchAnswer::Skipped { .. }
                | BenchAnswer::Failed(_)),
            ) => (None, last),
            Ok(answer) => (Some(self), answer),
            Err(_) => {
                (None, BenchAnswer::Failed("the bench's thread ended without an answer".into()))
            }
        }
    }
}

struct ThreadLink {
    outbox: SyncSender<BenchAnswer>,
    inbox: Receiver<BenchRequest>,
}

impl Link for ThreadLink {
    fn exchange(&mut self, answer: BenchAnswer) -> BenchRequest {
        match self.outbox.send(answer) {
            Ok(()) => self.inbox.recv().unwrap_or(BenchRequest::Finish),
            Err(_) => BenchRequest::Finish,
        }
    }
}

thread_local! {
    /// The message and place of this thread's panic, from the hook: the payload alone has no place.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps every panic's message for [`take_panic`], beside the usual print on standard error.
pub(super) fn record_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info.payload_as_str().unwrap_or("a panic without a message");
        let place = info.location().map(|place| format!(" ({place})")).unwrap_or_default();
        PANIC.with_borrow_mut(|slot| *slot = Some(format!("panicked: {text}{place}")));
        print(info);
    }));
}

fn take_panic() -> String {
    PANIC.with_borrow_mut(Option::take).unwrap_or_else(|| "panicked".into())
}
