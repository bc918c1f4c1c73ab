//! Where a bench is measured: turns an address into a running machine, and a machine into a byte stream to a
//! process inside it. Nothing here knows of benches, samples or statistics.
//!
//! ```no_run
//! use sevbench_guest::{Address, Executable, Guest, Interrupt, Limits};
//! use std::io::{Read, Write};
//!
//! let (address, _) = Address::parse("ssh://root@10.0.0.7:2222?key=~/.ssh/id_ed25519")?;
//! let executable = Executable::current()?;
//! let mut guest = Guest::start(&address, &executable, &Limits::default(), &Interrupt::new())?;
//! let shipped = guest.ship(&executable)?;
//! let mut process = guest.spawn(&shipped, &["--agent"])?;
//! process.write_all(b"hello")?;
//! process.read_exact(&mut [0; 5])?;
//! guest.shut_down()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
