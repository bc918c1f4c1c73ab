//! Storage workloads: the guest's data disks, and fio, which reads them.

pub mod disk;
pub mod fio;
