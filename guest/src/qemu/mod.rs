//! Guests under QEMU: what an arm's machine is, its command line, its disks, its life from start to end.

mod accelerator;
mod boot;
mod command;
mod disks;
mod launch;
mod machine;
mod pins;
mod process;
mod qmp;
mod settings;

pub(crate) use accelerator::{Accelerator, kvm_defect, kvm_machine_types};
pub(crate) use command::{Console, Control, Wiring, command_line, cpu_model};
pub use disks::Controller;
pub(crate) use disks::{DataDisk, SCSI_CONTROLLER};
pub(crate) use launch::{Launch, firmware};
pub use launch::{LaunchRecord, command_by_hand};
pub(crate) use machine::swiotlb_mib;
pub use machine::{MachineError, QemuMachine, Treatment};
pub use process::BootPhases;
pub(crate) use process::QEMU;
pub(crate) use process::QemuProcess;
pub use settings::{
    Aio, Backing, CacheMode, DataDisks, ImageSettings, MachineSettings, WantedAccelerator,
};
