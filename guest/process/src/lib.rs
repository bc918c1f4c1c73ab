//! Child processes of this machine: a child that ends with its parent, and one run of a program
//! with a time limit and bounded output. Nothing here knows what a program is for.
//!
//! ```
//! use sevbench_process::Program;
//! use std::process::Command;
//! use std::time::Duration;
//!
//! let mut command = Command::new("echo");
//! let output = Program::new(command.arg("hello"), Duration::from_secs(10)).run()?;
//! assert_eq!(output.stdout, "hello\n");
//! # Ok::<(), sevbench_process::ProgramError>(())
//! ```

mod child;
mod identity;
mod lifetime;
mod poll;
mod program;
mod stream;
mod tail;

pub use child::{Group, OwnedChild, signal_group};
pub use identity::{ProcessIdentity, is_stopped};
pub use lifetime::{end_with_parent, inherit_descriptors};
pub use poll::poll;
pub use program::{Output, Program, ProgramError, is_installed};
pub use stream::Capture;
pub use tail::{Tail, TailReader};
