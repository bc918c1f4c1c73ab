//! Where benches are measured: turns an address into a running machine, and a machine into a byte
//! stream to a process inside it. Nothing here knows about benches, samples or statistics.
//!
//! ```no_run
//! use sevbench_guest::{Address, Executable, Guest, Interrupt, Limits, OWN_EXECUTABLE};
//! use std::io::{Read, Write};
//! use std::path::Path;
//!
//! let (address, _) = Address::parse("ssh://root@10.0.0.7:2222?key=~/.ssh/id_ed25519")?;
//! let executable = Executable::current()?;
//! let server = Path::new(OWN_EXECUTABLE);
//! let mut guest = Guest::start(&address, server, &Limits::default(), &Interrupt::new())?;
//! let shipped = guest.ship(&executable)?;
//! let mut process = guest.spawn(&shipped, &["--agent"])?;
//! process.write_all(b"hello")?;
//! process.read_exact(&mut [0; 5])?;
//! guest.shut_down()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account;
mod address;
mod cache_folder;
mod capacity;
mod data_file;
mod error;
mod escape;
mod executable;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod guest;
mod held_guest;
mod host;
mod host_lock;
mod image;
mod key;
pub mod leak;
mod limits;
mod loopback;
mod parity;
mod percent;
mod prepare;
mod proof;
mod qemu;
mod regular_file;
mod ssh;
mod testbed;
mod treatment;
mod trusted_file;
mod typed_folder;
mod wait;

pub use address::{Address, AddressError, ClientConfig, Options, SshAddress};
pub use cache_folder::NoCacheFolder;
pub use capacity::CapacityError;
pub use data_file::DataFile;
pub use error::GuestError;
pub use executable::{
    Architecture, DynamicExecutable, Executable, ExecutableError, ask_executable,
};
pub use guest::{Guest, GuestAccess};
pub use held_guest::{HeldGuest, HeldGuestError};
pub use host::{
    Check, CheckScope, CheckStatus, Device, HostFacts, HostProbe, KvmAmd, Obstacles, Switches,
    TestbedKind, TestbedSupport, examine, testbed_support,
};
pub use host_lock::HostLockError;
pub use image::{Image, ImageError, ImageSettings, Recipe, build_image};
pub use limits::{Interrupt, Limits, is_interrupt};
pub use loopback::{LOOPBACK_SERVER_ARGUMENT, LoopbackError, serve_loopback};
pub use parity::{Declaration, Difference, FactPattern, MachineFacts, declarations, differences};
pub use prepare::{HostUse, Prepared, prepare};
pub use proof::{Evidence, Proof, Witness, prove};
pub use qemu::{
    AcceleratorKind, Aio, Backing, BootPhases, CacheMode, Controller, DataDisks, Extension,
    KvmDefect, LaunchRecord, MachineSettings, QemuError, QemuMachine, SettingError,
    WantedAccelerator, interactive_command,
};
pub use sevbench_facts::{
    EncryptionFacts, EncryptionState, Facts, OWN_EXECUTABLE, Protection, SevCpuid, sha256_of_self,
};
pub use ssh::{AlgorithmKind, Ending, RemoteProcess, Shipped, SshError};
pub use testbed::{
    ArmTarget, CONTROL, DEFAULT_TESTBED, Testbed, TestbedArm, TestbedError, TestbedSection,
    Testbeds,
};
pub use treatment::{Treatment, UnknownTreatment};
pub use trusted_file::{Distrust, GuardedText};
pub use typed_folder::typed_folder;
