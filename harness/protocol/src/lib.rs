//! What runs inside a guest: the benches that an author writes, the agent that times them, and the
//! messages between the agent and its coordinator.
//!
//! Nothing here opens a connection: the agent speaks over any `Read + Write`, in practice its own
//! standard input and output. Bench authors depend on `sevbench`, which re-exports what they need.

mod agent;
mod async_bencher;
mod batch_size;
mod bench;
mod bench_list;
mod bencher;
mod case;
mod data_files;
mod excess;
mod frame;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod link;
mod message;
mod message_limits;
mod observation;
mod observer;
mod roles;
mod run_once;
mod settings;
mod size;
mod skip;
mod suite;
mod test_run;
mod unit;
mod warm_up;

pub use agent::{DIFFERENT_LISTS_HINT, OutputToError, empty_standard_input, run_agent};
pub use async_bencher::{AsyncBencher, AsyncExecutor};
pub use batch_size::BatchSize;
pub use bench::Bench;
pub use bench_list::{BenchList, BenchListError, LIST_ARGUMENT, ListedBench};
pub use bencher::Bencher;
pub use case::Case;
pub use excess::Excess;
pub use frame::FrameError;
#[doc(no_inline)]
pub use hdrhistogram;
pub use link::{BenchAnswer, BenchRequest, Link, Measure, Ready, SampleKind};
pub use message::{
    AGENT_ARGUMENT, Conditions, GreetingError, HEARTBEAT_INTERVAL, Hello, PROTOCOL_VERSION, Reply,
    Request, read_greeting, read_reply, read_request, write_greeting, write_heartbeat, write_reply,
    write_request,
};
pub use observation::{Observation, Observed, ObservedValue, VALUE_RANGE};
pub use observer::{Failure, Observer};
pub use roles::{DRIVE_COMMAND, agent_main, serve_role};
pub use run_once::run_once;
pub use settings::{BenchSettings, DURATION_MAX, ROUNDS_MAX};
pub use size::ByteSize;
pub use skip::{BodyResult, Skip};
pub use suite::{Suite, SuiteError};
pub use test_run::{TEST_ARGUMENT, test_cases};
pub use unit::{Throughput, Unit};
pub use warm_up::WarmUpSeries;
