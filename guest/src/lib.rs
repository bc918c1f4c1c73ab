//! Where a bench is measured: turns an address into a running machine, and a machine into a byte stream to a
//! process inside it. Nothing here knows of benches, samples or statistics.

mod address;
mod error;
mod executable;
mod facts;
mod guest;
mod limits;
mod loopback;
mod parity;
mod ssh;
mod wait;

pub use address::{Address, AddressError, Options, SshAddress};
pub use error::GuestError;
pub use executable::{Executable, ExecutableError, Machine, sha256_of_self};
pub use facts::Facts;
pub use guest::Guest;
pub use limits::{Interrupt, Limits, is_interrupt};
pub use loopback::{LOOPBACK_SERVER_ARGUMENT, serve_loopback};
pub use parity::{Difference, differences};
pub use ssh::{Ending, RemoteProcess, Shipped};
