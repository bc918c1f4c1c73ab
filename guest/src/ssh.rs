//! Reaching a machine by SSH: connection, host key, authentication, shipping, processes.

mod authenticate;
mod connect;
mod connection;
mod error;
mod host_key;
mod known_hosts;
mod process;
mod retries;
mod ship;
mod start;

pub(crate) use authenticate::Credentials;
pub(crate) use connection::{Connection, Endpoint};
pub use error::SshError;
pub(crate) use host_key::HostTrust;
pub use process::{Ending, RemoteProcess};
pub use ship::Shipped;
pub(crate) use ship::ship;
pub(crate) use start::start;
