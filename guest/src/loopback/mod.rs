//! A stand-in for a guest: an SSH server in a child process on 127.0.0.1. It runs what it is asked to run as the
//! current user, so it is a place to measure and not a place to be safe in.
//!
//! Parent and child agree on these lines: the parent writes the client's public key to the child's standard input and
//! holds that pipe open for as long as the guest shall live; the child answers with [`Greeting`].

mod child;
mod greeting;
mod processes;
mod relay;
mod server;

pub(crate) use child::LoopbackServer;
use greeting::Greeting;
pub use server::serve_loopback;

/// Makes an executable the server; `main` calls [`serve_loopback`] where this is its first argument.
pub const LOOPBACK_SERVER_ARGUMENT: &str = "--sevbench-loopback-server";

/// The account's name is of no meaning: what counts is the key.
pub(crate) const USER: &str = "sevbench";

/// What the names of the servers' folders begin with.
const HOME_PREFIX: &str = "sevbench-loopback-";
