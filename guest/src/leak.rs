//! The leak demonstration: a secret in a guest's memory, and a look for it from the host. The guest tells how to
//! recognise the secret, never the secret; so what searches cannot find its own copy of it.

mod answer;
mod core_file;
mod dump;
mod error;
mod fingerprint;
mod holder;
mod look;
mod maps;
mod ram;
mod report;
mod search;

pub use answer::Answer;
pub use dump::{Dump, DumpWay};
pub use error::LeakError;
pub use holder::{SECRET_ARGUMENT, hold_secret};
pub use look::{Finding, Look, look_for_secret};
pub use report::{ReportError, SecretReport};
pub use search::{Hit, SearchResult, search};
