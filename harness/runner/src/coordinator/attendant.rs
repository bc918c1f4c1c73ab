//! The attendant: a thread that serves the connections to idle agents, whatever the coordinator is
//! waiting for.

use sevbench_guest::RemoteProcess;
use sevbench_protocol::{HEARTBEAT_INTERVAL, write_heartbeat};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::{Duration, Instant};

/// How often idle connections are served. OpenSSH's shortest ClientAliveInterval is 1 s.
const INTERVAL: Duration = Duration::from_millis(250);

/// Serves idle agents until it is dropped.
pub(super) struct Attendant(Sender<Weak<Mutex<Option<Attended>>>>);

impl Attendant {
    pub(super) fn start() -> Self {
        let (arrivals, received) = channel();
        std::thread::spawn(move || attend(&received));
        Self(arrivals)
    }

    /// Serves this process from now on, whenever nobody else uses it. With `gives_signs_of_life`,
    /// its agent is told that the coordinator is still there.
    pub(super) fn attend(
        &self,
        process: RemoteProcess,
        gives_signs_of_life: bool,
    ) -> SharedProcess {
        let next_sign = gives_signs_of_life.then(Instant::now);
        let shared = Arc::new(Mutex::new(Some(Attended { process, next_sign })));
        // If the thread is gone, nobody serves it; a server that minds ends the connection.
        self.0.send(Arc::downgrade(&shared)).ok();
        SharedProcess(shared)
    }
}

fn attend(arrivals: &Receiver<Weak<Mutex<Option<Attended>>>>) {
    let mut attended = Vec::new();
    loop {
        match arrivals.recv_timeout(INTERVAL) {
            Ok(arrival) => attended.push(arrival),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        attended.retain(|weak| {
            let Some(shared) = weak.upgrade() else { return false };
            let mut idle = match shared.try_lock() {
                Ok(idle) => idle,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                // It is being used.
                Err(TryLockError::WouldBlock) => return true,
            };
            idle.as_mut().is_some_and(|attended| attended.serve().is_ok())
        });
    }
}

/// A process whose connection the attendant serves.
struct Attended {
    process: RemoteProcess,
    /// When its agent gets the next heartbeat; `None` if it gets none.
    next_sign: Option<Instant>,
}

impl Attended {
    /// Serves the connection without waiting. A broken one fails the next request, with its reason.
    fn serve(&mut self) -> std::io::Result<()> {
        let now = Instant::now();
        if let Some(next) = self.next_sign.as_mut().filter(|next| **next <= now) {
            *next = now + HEARTBEAT_INTERVAL;
            let mut sign = Vec::new();
            // A vector takes everything.
            write_heartbeat(&mut sign).ok();
            self.process.write_later(&sign)?;
        }
        self.process.keep_alive()
    }
}

/// A process that the coordinator shares with the attendant. Dropping it ends the process's input
/// before anything else of its machine is dropped.
pub(super) struct SharedProcess(Arc<Mutex<Option<Attended>>>);

impl SharedProcess {
    /// Uses the process while the attendant leaves it alone. `None` if it was closed.
    pub(super) fn with<T>(&self, use_it: impl FnOnce(&mut RemoteProcess) -> T) -> Option<T> {
        self.lock().as_mut().map(|attended| use_it(&mut attended.process))
    }

    /// Closes the process's streams and waits until the server has closed them too.
    pub(super) fn close(&self) {
        if let Some(mut attended) = self.lock().take() {
            attended.process.close();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Attended>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SharedProcess {
    fn drop(&mut self) {
        self.lock().take();
    }
}
