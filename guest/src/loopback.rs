//! A stand-in for a guest: an SSH server in a child process on 127.0.0.1. It runs commands as the
//! current user, so it isolates nothing.
//!
//! Parent and child exchange two lines. The parent writes the client's public key to the child's
//! standard input, and keeps that pipe open for as long as the guest should live. The child answers
//! with a [`Greeting`].

mod child;
mod error;
mod greeting;
mod leftovers;
mod processes;
mod relay;
mod server;

pub(crate) use child::LoopbackServer;
pub use error::LoopbackError;
use greeting::Greeting;
pub use server::serve_loopback;

/// Turns an executable into the server; `main` calls [`serve_loopback`] if this is its first
/// argument.
pub const LOOPBACK_SERVER_ARGUMENT: &str = "--sevbench-loopback-server";

/// The account. The server ignores the name and checks the key.
pub(crate) const USER: &str = "sevbench";

/// How the names of the servers' folders start.
const HOME_PREFIX: &str = "sevbench-loopback-";
