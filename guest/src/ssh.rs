//! Reaching a machine by SSH: connection, host key, authentication, shipping, processes.

mod agent_relay;
mod algorithms;
mod authenticate;
mod client_settings;
mod connect;
mod connection;
mod ending;
mod endpoint;
mod error;
mod host_key;
mod key_file;
mod known_hosts;
mod process;
mod proxy;
mod retries;
mod ship;
mod ssh_agent;
mod start;
mod tokens;
mod waiter;

pub use algorithms::AlgorithmKind;
pub(crate) use authenticate::Credentials;
pub(crate) use client_settings::{ClientSettings, check_configuration};
pub(crate) use connection::{Connection, Keys};
pub use ending::Ending;
pub(crate) use endpoint::Endpoint;
pub use error::SshError;
pub(crate) use host_key::HostTrust;
pub(crate) use known_hosts::KnownHostsFiles;
#[cfg(any(test, fuzzing))]
pub(crate) use known_hosts::key_status_in;
pub use process::RemoteProcess;
pub use ship::Shipped;
pub(crate) use ship::{ship, ship_file};
pub(crate) use start::start;
