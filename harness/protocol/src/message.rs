//! The messages between coordinator and agent: a greeting of fixed form, the agent's hello, then
//! requests and replies.

use crate::frame::{FrameError, read_frame, write_frame};
use crate::link::{BenchAnswer, BenchRequest};
use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};
use sevbench_facts::Facts;
use sevbench_text::escaped;
use std::io::{self, Read, Write};
use std::time::Duration;
use thiserror::Error;

/// The hidden argument that makes a bench executable the agent.
pub const AGENT_ARGUMENT: &str = "--sevbench-agent";

/// The version of the messages; any change to one increments it. Coordinator and agent are normally
/// the same executable. The version catches an agent that is not.
pub const PROTOCOL_VERSION: u16 = 8;

/// How often a coordinator that sends heartbeats sends one.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);

/// The first bytes that an agent writes. They and the version after them never change their form.
const MAGIC: [u8; 8] = *b"SEVBENCH";

/// The agent's first message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// SHA-256 of the agent's executable, in hex.
    pub executable_sha256: String,
    /// The ids of its benches, in the order of its list. A list that is made at run time may
    /// differ from that of another machine.
    pub benches: Vec<String>,
    /// Facts about the machine on which it runs.
    pub facts: Facts,
    /// Resident memory of the idle agent, in bytes. Zero if it cannot be read.
    pub resident_bytes: u64,
}

/// What the coordinator asks the agent to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Set up a bench.
    Start {
        /// Its id.
        bench: String,
        /// In an arm with an injected slowdown, the factor by which every sample is stretched.
        spin_factor: Option<f64>,
        /// The files that it declares: the path that its author wrote, and the SHA-256 of the
        /// content, in hex, which is the name of the copy beside the agent's executable.
        files: Vec<(String, String)>,
    },
    /// Pass a request on to the bench that is set up.
    Drive(BenchRequest),
}

/// What the agent sends back for each request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The answer of the bench.
    pub answer: BenchAnswer,
    /// The conditions under which the request was served. The agent fills in the guest's side, the
    /// coordinator the host's.
    pub conditions: Conditions,
}

/// The conditions under which a guest served one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Conditions {
    /// How long the agent took, by the guest's clock.
    #[serde(default)]
    pub guest_ns: Option<u64>,
    /// How long the coordinator waited, by the host's clock.
    #[serde(default)]
    pub host_ns: Option<u64>,
    /// The time that the hypervisor took from the guest's CPUs meanwhile, if its kernel counts
    /// that.
    #[serde(default)]
    pub steal_ns: Option<u64>,
    /// How far the guest's wall clock was stepped meanwhile. The error is at most the time that it
    /// takes to read both clocks.
    #[serde(default)]
    pub clock_step_ns: i64,
    /// How many segments TCP retransmitted to the guest meanwhile, if that is known.
    #[serde(default)]
    pub transport_retries: Option<u32>,
    /// Whether the process that runs the guest was seen stopped meanwhile, as by SIGSTOP.
    #[serde(default)]
    pub stopped: bool,
}

/// A binary frame holds every field; a record only what is known and not zero.
impl Serialize for Conditions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_frame = !serializer.is_human_readable();
        let mut fields = serializer.serialize_struct("Conditions", 6)?;
        let times =
            [("guest_ns", self.guest_ns), ("host_ns", self.host_ns), ("steal_ns", self.steal_ns)];
        for (name, time) in times.into_iter().filter(|(_, time)| is_frame || time.is_some()) {
            fields.serialize_field(name, &time)?;
        }
        if is_frame || self.clock_step_ns != 0 {
            fields.serialize_field("clock_step_ns", &self.clock_step_ns)?;
        }
        if is_frame || self.transport_retries.is_some() {
            fields.serialize_field("transport_retries", &self.transport_retries)?;
        }
        if is_frame || self.stopped {
            fields.serialize_field("stopped", &self.stopped)?;
        }
        fields.end()
    }
}

/// Why an agent's greeting could not be read.
#[derive(Debug, Error)]
pub enum GreetingError {
    /// Something else writes to the agent's standard output. Holds its first bytes.
    #[error(
        "the guest sent `{}` instead of the agent's greeting; if a shell start-up file of that \
         account prints something, make it do so in interactive shells only",
        escaped(&String::from_utf8_lossy(.0))
    )]
    Garbage(Vec<u8>),
    /// The agent speaks another version of the protocol, which this holds.
    #[error(
        "the agent speaks protocol version {0}, but this executable speaks version \
         {PROTOCOL_VERSION}; remove the folder of shipped executables in the guest (by default \
         ~/.cache/sevbench) and run again"
    )]
    Version(u16),
    /// The stream ended, or the hello could not be decoded.
    #[error("{0}")]
    Frame(#[from] FrameError),
}

/// Writes the greeting and the hello.
///
/// # Errors
/// If the stream breaks.
pub fn write_greeting(out: &mut impl Write, hello: &Hello) -> Result<(), FrameError> {
    out.write_all(&MAGIC)?;
    out.write_all(&PROTOCOL_VERSION.to_le_bytes())?;
    write_frame(out, hello)
}

/// Reads the greeting and the hello.
///
/// # Errors
/// If something other than an agent of this version answers, or the stream ends.
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
        PROTOCOL_VERSION => {
            let hello: Hello = read_frame(input)?;
            hello.check().map_err(FrameError::from)?;
            Ok(hello)
        }
        other => Err(GreetingError::Version(other)),
    }
}

/// Writes a request. Its number comes back with the reply.
///
/// # Errors
/// If the message is too long or the stream breaks.
pub fn write_request(
    out: &mut impl Write,
    number: u64,
    request: &Request,
) -> Result<(), FrameError> {
    write_frame(out, &Some((number, request)))
}

/// Writes a heartbeat: nothing but that the coordinator is still there. It gets no reply.
///
/// A connection that is cut without an end, as when a cable is pulled, stays open at the agent's
/// side. After the first heartbeat, an agent that receives nothing for a minute ends.
///
/// # Errors
/// If the stream breaks.
pub fn write_heartbeat(out: &mut impl Write) -> Result<(), FrameError> {
    write_frame(out, &None::<(u64, Request)>)
}

/// Reads a request and its number, or a heartbeat, which is `None`.
///
/// # Errors
/// If the stream ends or breaks, the frame is too long, or it is not exactly one message.
pub fn read_request(input: &mut impl Read) -> Result<Option<(u64, Request)>, FrameError> {
    read_frame(input)
}

/// Writes the reply to the request of this number.
///
/// # Errors
/// If the message is too long or the stream breaks.
pub fn write_reply(out: &mut impl Write, number: u64, reply: &Reply) -> Result<(), FrameError> {
    write_frame(out, &(number, reply))
}

/// Reads the reply to the request of this number.
///
/// # Errors
/// If the stream ends or breaks, the frame is too long, it is not exactly one message, it is the
/// reply to another request, or something in the answer exceeds its limit.
pub fn read_reply(input: &mut impl Read, number: u64) -> Result<Reply, FrameError> {
    let (found, reply): (u64, Reply) = read_frame(input)?;
    if found != number {
        return Err(FrameError::OutOfStep { found, expected: number });
    }
    reply.answer.check()?;
    Ok(reply)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn error_of(bytes: &[u8]) -> String {
        read_greeting(&mut &*bytes).unwrap_err().to_string()
    }

    #[test]
    fn text_instead_of_a_greeting_is_quoted() {
        assert!(error_of(b"Welcome to the machine").contains("`Welcome `"));
        assert!(error_of(b"hi\x1b[2J").contains(r"hi\u{1b}[2J"));
        assert!(error_of(b"").contains("end of file"));
    }

    #[test]
    fn other_protocol_version_is_named() {
        assert!(error_of(b"SEVBENCH\x02\x01").contains("version 258"));
    }

    #[test]
    fn oversized_hello_is_refused() {
        let mut hello = Hello {
            executable_sha256: String::new(),
            benches: vec!["s/a".into()],
            facts: Facts::default(),
            resident_bytes: 0,
        };
        let received = |hello: &Hello| {
            let mut greeting = Vec::new();
            write_greeting(&mut greeting, hello).unwrap();
            read_greeting(&mut greeting.as_slice())
        };
        assert_eq!(received(&hello).unwrap(), hello);
        hello.facts.kernel = "x".repeat(1 << 20);
        let error = received(&hello).unwrap_err().to_string();
        assert!(error.contains("1048576 bytes of a fact") && error.len() < 200, "{error}");
    }

    proptest! {
        #[test]
        fn garbage_after_a_greeting_never_panics(bytes in vec(any::<u8>(), 0..200)) {
            let mut greeting = MAGIC.to_vec();
            greeting.extend(PROTOCOL_VERSION.to_le_bytes());
            greeting.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
            greeting.extend(&bytes);
            let _ = read_greeting(&mut greeting.as_slice());
            let _ = read_greeting(&mut bytes.as_slice());
        }
    }

    #[test]
    fn request_round_trips() {
        let request = Request::Start {
            bench: "memory/memcpy/32MiB".into(),
            spin_factor: Some(1.1),
            files: vec![("a".into(), "ab".into())],
        };
        let mut frame = Vec::new();
        write_frame(&mut frame, &request).unwrap();
        assert_eq!(read_frame::<Request>(&mut &*frame).unwrap(), request);
    }

    #[test]
    fn frame_carries_unknown_conditions_too() {
        let known = Conditions { steal_ns: Some(7), clock_step_ns: -5, ..Conditions::default() };
        for conditions in [Conditions::default(), known] {
            let reply = Reply { answer: BenchAnswer::Finished, conditions };
            let mut frame = Vec::new();
            write_frame(&mut frame, &reply).unwrap();
            assert_eq!(read_frame::<Reply>(&mut &*frame).unwrap(), reply);
        }
    }
}
