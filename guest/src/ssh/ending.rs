//! How a process in a guest ended.

use std::fmt;

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this status.
    Exited(i32),
    /// It was killed by this signal, without `SIG`.
    Signalled(String),
    /// Unknown: the connection is gone, or the process continues without output.
    ConnectionLost,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exit status {status}"),
            Self::Signalled(name) => write!(f, "killed by SIG{name}"),
            Self::ConnectionLost => f.write_str("connection lost"),
        }
    }
}
