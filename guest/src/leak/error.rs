//! What can go wrong with a probe of a machine's memory.

use super::report::ReportError;
use crate::error::GuestError;
use crate::executable::Architecture;
use crate::ssh::Ending;
use std::io;
use std::time::Duration;
use thiserror::Error;

/// A probe that gave no verdict. If the user can fix it, the message ends with what to type.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the fields are in the messages, and named by what they hold")]
pub enum LeakError {
    /// The guest could not be used.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// No process on this host has the guest's memory.
    #[error(
        "sevbench did not start this guest, so no process here has its memory: name a testbed of \
         QEMU machines, such as --testbed qemu"
    )]
    NoMachine,
    /// The secret process ended early.
    #[error("the secret process in the guest ended ({ending}): {reason}")]
    SecretProcessEnded { ending: Ending, reason: String },
    /// The secret process does not report.
    #[error("no report from the secret process in the guest within {} s", limit.as_secs())]
    SecretProcessSilent { limit: Duration },
    /// The guest's report cannot be used.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// There is no such process.
    #[error("there is no process {process_id}: type `pgrep -a qemu` to list the QEMU processes")]
    NoProcess { process_id: u32 },
    /// The process has no memory.
    #[error("process {process_id} has no memory: it has ended, or it is a kernel thread")]
    NoMemory { process_id: u32 },
    /// The process is this one, and would find its own copies.
    #[error("process {process_id} is this one: name another with --pid")]
    OurOwn { process_id: u32 },
    /// The memory of the process cannot be read.
    #[error("cannot read the memory of process {process_id}: {source}; run the command as root")]
    Process { process_id: u32, source: io::Error },
    /// gdb is missing.
    #[error("gdb is missing: type `apt-get install gdb`, or use --dump mem")]
    NoGdb,
    /// gdb wrote no usable core file.
    #[error("cannot get a core file of process {process_id}: {reason}")]
    Core { process_id: u32, reason: String },
    /// A dynamically linked program would need the guest's libraries.
    #[error(
        "this program has to run in the guest too, but it is dynamically linked (needs \
         {interpreter}); install a static one: type `RUSTFLAGS='-C target-feature=+crt-static' cargo \
         install --locked --target {architecture}-unknown-linux-gnu --path harness/program` in \
         sevbench's folder"
    )]
    Dynamic { interpreter: String, architecture: Architecture },
    /// The search reached its limit.
    #[error("the search took longer than {} s", limit.as_secs())]
    TooLong { limit: Duration },
    /// The user ended the search.
    #[error("interrupted")]
    Interrupted,
}
