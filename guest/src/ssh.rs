//! Reaching a machine by SSH: connection, host key, authentication, shipping, processes.

mod authenticate;
mod connect;
mod connection;
mod ending;
mod endpoint;
mod error;
mod host_key;
mod known_hosts;
mod process;
mod retries;
mod ship;
mod start;
mod waiter;

pub(crate) use authenticate::Credentials;
pub(crate) use connection::{Connection, Keys};
pub use ending::Ending;
pub(crate) use endpoint::Endpoint;
pub use error::SshError;
pub(crate) use host_key::HostTrust;
#[cfg(any(test, fuzzing))]
pub(crate) use known_hosts::key_status_in;
pub use process::RemoteProcess;
pub use ship::Shipped;
pub(crate) use ship::ship;
pub(crate) use start::start;
