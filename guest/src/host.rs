//! The host: its facts, and whether guests can run on it. Starts no programs except to ask for
//! their versions and features.

mod check;
mod doctor;
#[cfg(test)]
mod doctor_tests;
mod firmware;
mod host_facts;
#[cfg(test)]
mod host_facts_tests;
mod machine_checks;
mod probe;
mod qemu_checks;
mod qemu_probe;
#[cfg(test)]
mod recorded_hosts;
mod sev_checks;
mod sev_device;
mod tree;

pub use check::{Check, CheckScope, CheckStatus, TestbedKind};
pub use doctor::{Obstacles, TestbedSupport, examine, testbed_support};
pub(crate) use doctor::{examine_host, obstacles};
pub use host_facts::{Device, HostFacts, KvmAmd, Switches};
pub use probe::HostProbe;
