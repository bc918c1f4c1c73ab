//! The fault matrix: signals to every process in every phase of a run, broken networks, limits of
//! servers, names that are taken, and hostile agents. After each fault, nothing runs any more, what
//! was recorded is still there, the message names what happened, and a resumed run does the rest of
//! the same schedule. (The faults of the disk are tried where the journal is written.)

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod hostile;
mod names;
mod network;
mod run;
mod server_limits;
mod signals;
