//! Guests under QEMU: what an arm's machine is, its command line, its disks, its life from start to
//! end.

mod accelerator;
mod boot;
mod command;
mod console;
mod disk_settings;
mod disks;
mod error;
mod kvm;
mod launch;
mod machine;
mod opening;
mod pins;
mod process;
mod qmp;
mod ranges;
mod settings;

pub(crate) use accelerator::Accelerator;
pub use accelerator::AcceleratorKind;
pub(crate) use command::QEMU;
pub use disk_settings::{Aio, CacheMode, DataDisks};
pub use disks::Controller;
pub use error::QemuError;
pub use kvm::{Extension, KvmDefect};
pub(crate) use kvm::{kvm_defect, kvm_machine_types};
pub(crate) use launch::{Launch, firmware};
pub use launch::{LaunchRecord, interactive_command};
pub use machine::QemuMachine;
pub(crate) use machine::{QEMU_MIB, swiotlb_mib};
pub use process::BootPhases;
pub(crate) use process::QemuProcess;
pub use settings::{Backing, MachineSettings, SettingError, WantedAccelerator};
