//! The messages: a greeting of fixed form, the agent's hello, then requests and answers.

use crate::frame::{FrameError, read_frame, write_frame};
use crate::link::{BenchAnswer, BenchRequest};
use serde::{Deserialize, Serialize};
use sevbench_facts::Facts;
use std::io::{self, Read, Write};
use thiserror::Error;

/// The hidden argument that makes a bench executable an agent.
pub const AGENT_ARGUMENT: &str = "--sevbench-agent";

/// Raised whenever a message changes. Both sides are one executable; this catches everything else that answers.
pub const PROTOCOL_VERSION: u16 = 4;

/// The first bytes that an agent writes. They and the version after them keep their form for good.
const MAGIC: [u8; 8] = *b"SEVBENCH";

/// The agent's first message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// SHA-256 of the agent's executable, in hex.
    pub executable_sha256: String,
    /// Digest of its list of benches.
    pub suite_digest: [u8; 32],
    /// The machine that it runs on.
    pub facts: Facts,
    /// Resident memory of the idle agent.
    pub resident_bytes: u64,
}

/// What the coordinator asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Set up a bench.
    Start {
        /// Its id.
        bench: String,
        /// How many times as long each sample is made, in an arm with an injected slowdown.
        spin_factor: Option<f64>,
    },
    /// Tell the bench that is set up what to do.
    Drive(BenchRequest),
}

/// What the agent answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The answer of the bench.
    pub answer: BenchAnswer,
    /// How long it took, by the guest's clock.
    pub guest_ns: u64,
    /// The time that the hypervisor took from the guest's CPUs meanwhile, where its kernel counts that.
    pub steal_ns: Option<u64>,
    /// By how much the guest's clock of the day was set meanwhile.
    pub clock_step_ns: i64,
}

/// What was read in place of an agent's greeting.
#[derive(Debug, Error)]
pub enum GreetingError {
    /// Something else writes to the agent's standard output.
    #[error(
        "the guest sent `{}` where the agent's greeting was expected; does a shell start-up file of that account print something? move it behind a test for an interactive shell",
        String::from_utf8_lossy(.0).escape_debug()
    )]
    Garbage(Vec<u8>),
    /// An agent of another version.
    #[error(
        "the agent speaks protocol version {0}, this executable version {PROTOCOL_VERSION}; remove the guest's folder of shipped executables and run again"
    )]
    Version(u16),
    /// The stream ended, or the hello did not decode.
    #[error("{0}")]
    Frame(#[from] FrameError),
}

/// Writes the greeting and the hello.
pub fn write_greeting(out: &mut impl Write, hello: &Hello) -> Result<(), FrameError> {
    out.write_all(&MAGIC)?;
    out.write_all(&PROTOCOL_VERSION.to_le_bytes())?;
    write_frame(out, hello)
}

/// Reads the greeting and the hello.
pub fn read_greeting(input: &mut impl Read) -> Result<Hello, GreetingError> {
    let mut start = Vec::new();
    input.take(MAGIC.len() as u64).read_to_end(&mut start).map_err(FrameError::from)?;
    if start.is_empty() {
        return Err(FrameError::from(io::Error::from(io::ErrorKind::UnexpectedEof)).into());
    }
    if start != MAGIC {
        return Err(GreetingError::Garbage(start));
    }
    let mut version = [0; 2];
    input.read_exact(&mut version).map_err(FrameError::from)?;
    match u16::from_le_bytes(version) {
        PROTOCOL_VERSION => Ok(read_frame(input)?),
        other => Err(GreetingError::Version(other)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn error_of(bytes: &[u8]) -> String {
        read_greeting(&mut &*bytes).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_greeting_is_shown_and_explained() {
        assert!(error_of(b"Welcome to the machine").contains("`Welcome `"));
        assert!(error_of(b"hi\x1b[2J").contains(r"hi\u{1b}[2J"));
        assert!(error_of(b"").contains("end of file"));
    }

    #[test]
    fn another_version_is_named() {
        assert!(error_of(b"SEVBENCH\x02\x01").contains("version 258"));
    }
}
