//! The leak demonstration: a guest holds a secret in memory, and the host searches for it. The
//! guest reports how to recognise the secret, never the secret itself; so the search cannot find
//! its own copy.

mod core_file;
mod dump;
mod error;
mod fingerprint;
mod maps;
mod probe;
mod ram;
mod report;
mod search;
mod secret_process;
mod segment;
mod verdict;

pub use dump::{Dump, DumpMethod};
pub use error::LeakError;
pub use probe::{Finding, LeakProbe, probe_for_secret};
pub use report::{ReportError, SecretReport};
pub use search::{Hit, SearchResult, search};
pub use secret_process::{SECRET_ARGUMENT, hold_secret};
pub use verdict::LeakVerdict;
