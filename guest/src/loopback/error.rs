//! What can go wrong with the loopback server.

use thiserror::Error;

/// A loopback server that did not start, or that left something behind.
#[derive(Debug, Error)]
pub enum LoopbackError {
    /// The server failed.
    #[error("the loopback guest failed: {reason}")]
    Server {
        /// Why, and what the server said.
        reason: String,
    },
    /// The user ended the wait.
    #[error("interrupted")]
    Interrupted,
}
