//! The thread on which a bench body runs. It passes requests in and answers out, and turns a panic
//! into an answer.

use crate::data_files::DataFiles;
use crate::link::{BenchAnswer, BenchRequest, Link};
use crate::suite::Suite;
use std::cell::RefCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The stack of a body: that of a main thread, on which criterion and `--test` run bodies.
const STACK_SIZE: usize = 8 << 20;

/// What to do about a bench that not every list has.
pub const DIFFERENT_LISTS_HINT: &str =
    "list it everywhere; where it cannot run, let its body return a Skip";

/// A bench that is set up and waits for requests.
pub(super) struct Worker {
    requests: SyncSender<BenchRequest>,
    answers: Receiver<BenchAnswer>,
}

impl Worker {
    /// Sets up a bench on a new thread. Returns the worker only if the answer is `Ready`.
    pub(super) fn start(
        suite: &Arc<Suite>,
        bench: &str,
        spin_factor: Option<f64>,
        files: DataFiles,
    ) -> io::Result<(Option<Self>, BenchAnswer)> {
        let Some(index) = suite.cases().iter().position(|case| case.id() == bench) else {
            let reason = "the list of benches that is made in this arm lacks it".into();
            return Ok((None, BenchAnswer::Skipped { reason, hint: DIFFERENT_LISTS_HINT.into() }));
        };
        let (requests, inbox) = sync_channel(1);
        let (outbox, answers) = sync_channel(1);
        let suite = Arc::clone(suite);
        let thread = std::thread::Builder::new().name(bench.into()).stack_size(STACK_SIZE);
        thread.spawn(move || {
            let mut link = ThreadLink { outbox: outbox.clone(), inbox };
            let case = &suite.cases()[index];
            let run = AssertUnwindSafe(|| case.run(&mut link, spin_factor, files));
            let last = catch_unwind(run).unwrap_or_else(|_| BenchAnswer::Failed(take_panic()));
            // This fails only if the agent is exiting.
            outbox.send(last).ok();
        })?;
        Ok(Self { requests, answers }.answer())
    }

    /// Passes on a request and waits for the answer. Returns the worker if the body still runs.
    pub(super) fn drive(self, request: BenchRequest) -> (Option<Self>, BenchAnswer) {
        // This fails if the body has ended. Its last answer is then waiting.
        self.requests.send(request).ok();
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
                (None, BenchAnswer::Failed("the bench's thread ended without answering".into()))
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

/// What is added to the message of a body that lacks a file.
const MISSING_FILE_HINT: &str = "; bench bodies run inside the guest, in another folder: \
                                 declare the file with Bench::file, embed it with include_bytes!, \
                                 or create it during set-up";

thread_local! {
    /// Message and location of this thread's panic. The payload of a panic lacks the location, so
    /// the hook keeps both.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Installs a hook that keeps every panic's message for [`take_panic`] and still prints it.
pub(super) fn record_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info.payload_as_str().unwrap_or("a panic without a message");
        let location = info.location().map(|location| format!(" ({location})")).unwrap_or_default();
        let hint = if lacks_a_file(text) { MISSING_FILE_HINT } else { "" };
        PANIC.with_borrow_mut(|slot| *slot = Some(format!("panicked: {text}{location}{hint}")));
        print(info);
    }));
}

fn take_panic() -> String {
    PANIC.with_borrow_mut(Option::take).unwrap_or_else(|| "panicked".into())
}

/// Whether the message of a panic is, or holds, the error of a file that does not exist.
fn lacks_a_file(message: &str) -> bool {
    ["No such file or directory", "kind: NotFound"].iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use crate::bench::Bench;
    use crate::bencher::Bencher;
    use std::hint::black_box;

    /// Without room for it, this process would end with a signal. Other threads have 2 MiB.
    #[test]
    fn body_has_the_stack_of_a_main_thread() {
        let body = |b: &mut Bencher<'_>| {
            let on_stack = [1_u8; 7 << 20];
            b.iter(|| black_box(&on_stack).len());
        };
        let suite = Arc::new(Suite::new("s", [Bench::new("deep", body)]).unwrap());
        let (worker, answer) = Worker::start(&suite, "s/deep", None, DataFiles::default()).unwrap();
        assert!(matches!(answer, BenchAnswer::Ready { .. }), "{answer:?}");
        let (worker, answer) = worker.unwrap().drive(BenchRequest::Finish);
        assert!(worker.is_none() && matches!(answer, BenchAnswer::Finished), "{answer:?}");
    }
}
