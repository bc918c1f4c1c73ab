//! What coordinator and agent say to each other, over any `Read + Write`. No connection and no bench is known here.

mod frame;
mod message;

pub(crate) use frame::{FrameError, read_frame, write_frame};
pub(crate) use message::{
    AGENT_ARGUMENT, GreetingError, Hello, Reply, Request, read_greeting, write_greeting,
};
