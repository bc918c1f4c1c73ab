//! What runs inside a guest: the benches that an author writes, the agent that times them, and the
//! messages between the agent and its coordinator.
//!
//! Nothing here connects to anything: the agent speaks over any `Read + Write`, in practice its own
//! standard input and output. Bench authors use this package through `sevbench`.

mod agent;
mod bencher;
mod frame;
mod link;
mod message;
mod observation;
mod size;
mod suite;
mod warm_up;

pub use agent::{agent_main, run_agent};
pub use bencher::Bencher;
pub use frame::{FRAME_LEN_MAX, FrameError, read_frame, write_frame};
pub use link::{BenchAnswer, BenchRequest, Link, Measure, Ready, SampleKind};
pub use message::{
    AGENT_ARGUMENT, GreetingError, Hello, PROTOCOL_VERSION, Reply, Request, read_greeting,
    write_greeting,
};
pub use observation::{Observation, Observed, ObservedValue, Throughput, Unit};
pub use size::ByteSize;
pub use suite::{Bench, BenchEntry, Case, ParameterisedBench, Suite, SuiteError, run_once};
pub use warm_up::WarmUpSeries;
