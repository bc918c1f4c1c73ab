//! Pins QEMU's threads to CPUs of the host, according to the testbed's settings.

use super::MachineSettings;
use super::qmp::Qmp;
use crate::wait::Wait;
use serde_json::{Value, json};
use std::io;

/// Pins each vCPU to its CPU, and the I/O threads to theirs.
pub(super) fn pin_threads(
    control: &mut Qmp,
    process: u32,
    settings: &MachineSettings,
    wait: &Wait,
) -> io::Result<()> {
    if !settings.vcpu_pins.is_empty() {
        let vcpus = control.execute("query-cpus-fast", json!({}), wait)?;
        for (thread, cpu) in threads(&vcpus).zip(&settings.vcpu_pins) {
            pin(thread, &[*cpu])?;
        }
    }
    if !settings.io_pins.is_empty() {
        let io_threads = control.execute("query-iothreads", json!({}), wait)?;
        // NVMe, the root disk and the network have no thread of their own: QEMU's main thread
        // serves them.
        let first = libc::pid_t::try_from(process).ok();
        for thread in threads(&io_threads).chain(first) {
            pin(thread, &settings.io_pins)?;
        }
    }
    Ok(())
}

fn threads(answer: &Value) -> impl Iterator<Item = libc::pid_t> + '_ {
    answer.as_array().into_iter().flatten().filter_map(|thread| {
        thread["thread-id"].as_i64().and_then(|id| libc::pid_t::try_from(id).ok())
    })
}

/// Pins one thread to these CPUs.
fn pin(thread: libc::pid_t, cpus: &[u32]) -> io::Result<()> {
    // SAFETY: a CPU set is an array of numbers, and zeros are valid.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for cpu in cpus {
        // SAFETY: the set is complete, and settings name no CPU beyond it.
        unsafe { libc::CPU_SET(*cpu as usize, &mut set) };
    }
    // SAFETY: the pointer is to a complete set of the given size, which the call does not keep.
    match unsafe { libc::sched_setaffinity(thread, size_of_val(&set), &raw const set) } {
        0 => Ok(()),
        _ => {
            let error = io::Error::last_os_error();
            let text = format!("cannot pin a thread of QEMU to the CPUs {cpus:?}: {error}");
            Err(io::Error::new(error.kind(), text))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn thread_is_pinned_to_an_existing_cpu_only() {
        // On a thread of its own, so that other tests keep their CPUs.
        std::thread::spawn(|| {
            pin(0, &[0]).unwrap();
            assert_eq!(std::thread::available_parallelism().unwrap().get(), 1);
            assert!(pin(0, &[1023]).unwrap_err().to_string().contains("[1023]"));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn thread_numbers_are_read_from_an_answer() {
        let answer =
            json!([{ "thread-id": 7, "cpu-index": 0 }, { "cpu-index": 1 }, { "thread-id": 9 }]);
        assert_eq!(threads(&answer).collect::<Vec<_>>(), [7, 9]);
        assert_eq!(threads(&json!({})).count(), 0);
    }
}
