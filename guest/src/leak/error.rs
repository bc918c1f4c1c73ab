//! What can go wrong with a look into a machine's memory.

use super::report::ReportError;
use crate::error::GuestError;
use crate::ssh::Ending;
use std::io;
use std::time::Duration;
use thiserror::Error;

/// A look into a machine's memory that came to nothing.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "the fields are named by what they hold, and each is in its message"
)]
pub enum LeakError {
    /// The guest could not be used.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// Its memory is nobody's here.
    #[error(
        "this guest is no machine that sevbench starts, so there is no process here whose memory could be searched: \
         name a testbed of QEMU machines, as in --testbed qemu"
    )]
    NoMachine,
    /// The holder of the secret ended.
    #[error("the holder of the secret in the guest ended ({ending}): {reason}")]
    HolderEnded { ending: Ending, reason: String },
    /// The holder of the secret says nothing.
    #[error("no answer from the holder of the secret in the guest within {} s", limit.as_secs())]
    HolderSilent { limit: Duration },
    /// The guest's report cannot be used.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// There is no such process.
    #[error("there is no process {process_id}: `pgrep -a qemu` lists those of QEMU")]
    NoProcess { process_id: u32 },
    /// The process has no memory.
    #[error("process {process_id} has no memory: it has ended, or it is a part of the kernel")]
    NoMemory { process_id: u32 },
    /// The process is one that would find what it searches for in itself.
    #[error("process {process_id} is this one: name another with --pid")]
    OurOwn { process_id: u32 },
    /// The process cannot be looked into.
    #[error("cannot look into the memory of process {process_id}: {source}; run this as root")]
    Process { process_id: u32, source: io::Error },
    /// gdb is missing.
    #[error("gdb is missing: type `apt-get install gdb`, or use --dump mem")]
    NoGdb,
    /// gdb does not write a usable file.
    #[error("cannot get a core file of process {process_id}: {reason}")]
    Core { process_id: u32, reason: String },
    /// The search did not come to its end.
    #[error("the search took longer than {} s", limit.as_secs())]
    TooLong { limit: Duration },
    /// The user ended the wait.
    #[error("interrupted")]
    Interrupted,
}
