//! What a machine says about itself, read by a process that runs on it: kernel and CPU facts, AMD
//! memory encryption, and the hash of the running executable. Nothing here judges a fact or uses
//! the network.
//!
//! ```
//! let facts = sevbench_facts::Facts::gather();
//! assert!(facts.cpus > 0);
//! ```

mod details;
mod encryption;
mod executable_hash;
mod file;
mod machine;
mod protection;
mod sev_cpuid;
pub mod text;

pub use encryption::{EncryptionFacts, EncryptionState};
pub use executable_hash::{FileDigest, OWN_EXECUTABLE, digest_of, sha256_of_self};
pub use machine::Facts;
pub use protection::Protection;
pub use sev_cpuid::SevCpuid;
